"""Things that stand where a file is wanted, and what a command may do with them."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def pipe(path: Path) -> None:
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.mkdir()


def endless_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def terminal(path: Path) -> None:
    path.symlink_to("/dev/tty")


def socket_file(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(path))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def binary(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 20)


def broken_text(path: Path) -> None:
    path.write_bytes(b"# \xff\xfe\n[run]\nslots = \xc3\x28\n")


def endless_text(path: Path) -> None:
    """A terabyte of nothing; it takes no space."""
    with path.open("wb") as file:
        file.truncate(2**40)


#: No files at all: a wrong argument.
IRREGULAR: tuple[Callable[[Path], None], ...] = (
    pipe,
    folder,
    endless_device,
    terminal,
    socket_file,
)
#: Files of nothing that qnetsim reads.
USELESS: tuple[Callable[[Path], None], ...] = (empty, binary, broken_text)


class TooLongError(Exception):
    """A call did not come back in time."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise where the block takes longer."""

    def stop(*_: object) -> None:
        raise TooLongError(f"not done in {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
