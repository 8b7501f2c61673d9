"""Standard streams: closed ones are opened, and stdout is kept for ourselves."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TextIO

#: Held while number 1 leads elsewhere: two threads would put back each other's streams.
_aside = threading.Lock()
#: The stream of this program alone, once it has one.
_kept: list[TextIO] = []


def open_closed_streams() -> None:
    """Put the null device where a standard stream is closed; first of all, and safe to repeat.

    Otherwise the next file that is opened gets its number, and what a library prints goes into
    that file. What is written to a closed stdout fails, as it does in other programs; what is
    written to a closed stderr is lost.
    """
    for number, mode in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            # numbers are given from the lowest on
            os.open(os.devnull, mode)
    sys.stdout = sys.stdout or _text(1)
    sys.stderr = sys.stderr or _text(2)


def keep_stdout() -> None:
    """Take stdout for what this program prints, once; what libraries write to number 1 is stderr's.

    A library that is not in Python prints its banner by number, whatever ``sys.stdout`` is.
    """
    usual = sys.stdout
    own = os.dup(1)
    os.dup2(2, 1)
    kept = open(own, "w", encoding=usual.encoding, errors=usual.errors)  # noqa: PTH123, SIM115
    # the width of the terminal is asked for by the second name
    sys.stdout = sys.__stdout__ = kept  # type: ignore[misc]
    _kept.append(kept)


@contextmanager
def users_words() -> Iterator[None]:
    """Send what a user's code prints to stderr while the block runs, where stdout is kept."""
    if not _kept:
        yield
        return
    with redirect_stdout(sys.stderr):
        yield


@contextmanager
def banners_dropped() -> Iterator[None]:
    """Drop what a library writes to stdout by its number while the block runs."""
    with _aside:
        try:
            own = os.dup(1)
        except OSError:  # closed, so nothing can be written to it
            yield
            return
        try:
            with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - a device, not a path of ours
                os.dup2(nowhere.fileno(), 1)
            yield
        finally:
            os.dup2(own, 1)
            os.close(own)


def _text(number: int) -> TextIO:
    return open(number, "w", encoding="utf-8", closefd=False)
