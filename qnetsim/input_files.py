"""The one door to files that are read: plain files only, of a size that can be read.

A pipe or a device in place of a file keeps a reader waiting, and some have no end. Every reader
goes by this module ahead of the first byte, readers of HDF5 and safetensors included. So the door
knows what a command reads, and every writer asks it (``refuse_input``) ahead of writing.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from qnetsim.errors import UsageError, argument

#: Most bytes of a file that is read as a whole.
MOST_BYTES = 2**31
#: Opening never waits for the other end of a pipe, nor makes a terminal that of the process.
FLAGS = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY")
)
#: What stands in place of a file, by the test of ``stat`` that knows it.
KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)

#: Device and inode of every file that the command under way reads. A file is known by them
#: whatever its name: through links, hard links and other spellings. None where no command is.
_read: ContextVar[set[tuple[int, int]] | None] = ContextVar("read", default=None)


@contextmanager
def inputs_noted(named: Iterable[Path] = ()) -> Iterator[None]:
    """Note every file that is read while the block runs; such a block inside adds to the same.

    Parameters
    ----------
    named : iterable of Path
        Files that count as read from the start, where they are there.
    """
    token = _read.set(set()) if _read.get() is None else None
    try:
        for path in named:
            note_input(path)
        yield
    finally:
        if token is not None:
            _read.reset(token)


def note_input(path: Path) -> None:
    """Count a file as read by the command under way, where it is there."""
    read = _read.get()
    found = _identity(path)
    if read is not None and found is not None:
        read.add(found)


def forget_input(path: Path) -> None:
    """Let the command replace a file that it read: what it goes on with, and completes."""
    read = _read.get()
    found = _identity(path)
    if read is not None and found is not None:
        read.discard(found)


def refuse_input(out: Path) -> None:
    """Refuse to write over a file that the command reads, even where overwriting is allowed.

    Raises
    ------
    UsageError
    """
    if _identity(out) in (_read.get() or ()):
        raise UsageError(f"{out}: is read by this command; give another {argument('out')}")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - also of names with NUL
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def open_input(path: Path, noun: str = "file") -> int:
    """Open a plain file for reading.

    Parameters
    ----------
    path : Path
    noun : str
        What it should be, in messages.

    Returns
    -------
    int
        A descriptor, which the caller closes.

    Raises
    ------
    UsageError
        There is none of this name, it is no plain file, or it cannot be read.
    """
    try:
        # a device is not even opened: that alone may set it to work
        _refuse_irregular(path, os.stat(path), noun)  # noqa: PTH116 - also of names with NUL
        handle = os.open(path, FLAGS)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such {noun}") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"{str(path)!r} is not a path: {error}") from None
    try:
        # what was opened may be another one than what was looked at
        found = os.fstat(handle)
        _refuse_irregular(path, found, noun)
        if (read := _read.get()) is not None:
            read.add((found.st_dev, found.st_ino))
    except BaseException:
        os.close(handle)
        raise
    return handle


def _refuse_irregular(path: Path, found: os.stat_result, noun: str) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise UsageError(f"{path}: is a folder, not a {noun}")
    if not stat.S_ISREG(found.st_mode):
        kind = next((name for test, name in KINDS if test(found.st_mode)), "something else")
        raise UsageError(f"{path}: is not a file but {kind}; give a {noun}")


def refuse_irregular(path: Path, noun: str = "file") -> None:
    """Refuse what is no plain file, ahead of a library that opens it by its name.

    Raises
    ------
    UsageError
        As :func:`open_input`.
    """
    os.close(open_input(path, noun))


def is_readable(path: Path) -> bool:
    """Whether a name is that of a plain file that can be read."""
    try:
        refuse_irregular(path)
    except UsageError:
        return False
    return True


def read_start(path: Path, count: int, noun: str = "file") -> bytes:
    """First bytes of a plain file, fewer where it is shorter.

    Raises
    ------
    UsageError
        As :func:`open_input`.
    """
    with os.fdopen(open_input(path, noun), "rb") as file:
        try:
            return file.read(count) or b""
        except OSError as error:
            raise UsageError(f"{path}: cannot be read: {error.strerror}") from None


def read_input(path: Path, noun: str = "file", most: int = MOST_BYTES) -> bytes:
    """Read a plain file as a whole.

    Parameters
    ----------
    path : Path
    noun : str
        What it should be, in messages.
    most : int
        Most bytes that it may have.

    Raises
    ------
    UsageError
        As :func:`open_input`, or it is longer.
    """
    with os.fdopen(open_input(path, noun), "rb") as file:
        try:
            # files without an end may say that they are empty
            data = file.read(most + 1) if os.fstat(file.fileno()).st_size <= most else None
        except OSError as error:
            raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    if data is None or len(data) > most:
        raise UsageError(f"{path}: is longer than {most:,} bytes, too long for a {noun}")
    return data


def read_text_input(path: Path, noun: str = "file", most: int = MOST_BYTES) -> str:
    """Read a plain file of UTF-8 text as a whole: no byte-order mark, line ends of one kind.

    Raises
    ------
    UsageError
        As :func:`read_input`, or it is no such text: with the line.
    """
    raw = read_input(path, noun, most)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        wide = raw[:2] in (b"\xff\xfe", b"\xfe\xff")
        text = f"{path}:{line}: is not UTF-8 text ({error.reason})"
        how = " (iconv -f UTF-16 -t UTF-8), as it is UTF-16" if wide else ""
        raise UsageError(f"{text}; save it as UTF-8{how}") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")
