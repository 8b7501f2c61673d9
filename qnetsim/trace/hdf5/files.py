"""What all files of ours share: where they go, and whether they are HDF5."""

from __future__ import annotations

import importlib.util
import io
import itertools
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from qnetsim.errors import BeingWrittenError, TraceError, UsageError, argument
from qnetsim.input_files import is_readable, refuse_input
from qnetsim.interrupt import remove_at_end, remove_empty_at_end, remove_now, undisturbed
from qnetsim.trace.hdf5.durable import sync_folder, sync_path

if TYPE_CHECKING:
    import h5py

#: In the name of a file that is not yet worth its own.
RANDOM_BYTES = 8


def is_hdf5(path: Path) -> bool:
    """Whether a plain file can be read and begins like HDF5."""
    return is_readable(path) and begins_as_hdf5(path)


def begins_as_hdf5(path: Path) -> bool:
    """Whether a plain file, which is known to be one, begins like HDF5."""
    # places for files of other kinds need no HDF5
    import h5py

    try:
        return bool(h5py.is_hdf5(path))
    except (OSError, RuntimeError, ValueError):
        return False


def refuse_existing(path: Path, force: bool) -> None:
    """Refuse to overwrite anything unasked, what the command reads, and anything but a file at all.

    Raises
    ------
    UsageError
    """
    refuse_input(path)
    try:
        if path.exists() and not path.is_file():
            raise UsageError(f"{path}: is not a regular file; give another {argument('out')}")
        if os.path.lexists(path) and not force:
            raise UsageError(
                f"{path}: exists already; give another {argument('out')}, or "
                f"{argument('force', 'True')} to overwrite it"
            )
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None


def refuse_linked_folder(folder: Path) -> None:
    """Refuse a folder inside the output that leads out of it.

    Raises
    ------
    UsageError
    """
    if folder.is_symlink():
        raise UsageError(
            f"{folder}: is a link to another folder; remove it, or give another {argument('out')}"
        )


def beside(path: Path, name: str) -> Path:
    """A file of another name in the folder of one that is to be written.

    Raises
    ------
    UsageError
        The path names no file.
    """
    if not path.name:
        raise UsageError(f"{path}: is a folder; give the name of a file with {argument('out')}")
    return path.with_name(name)


def make_folder(folder: Path) -> list[Path]:
    """Make a folder with its parents.

    Returns
    -------
    list of Path
        The folders that were not there, innermost first.

    Raises
    ------
    UsageError
        A file has its name, or that of a folder above it.
    TraceError
        It cannot be made, with the reason.
    """
    try:
        missing = itertools.takewhile(lambda one: not one.exists(), (folder, *folder.parents))
        new = list(missing)
        with undisturbed():
            remove_empty_at_end(new)
            folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        above = next((path for path in (folder, *folder.parents) if path.is_file()), folder)
        raise UsageError(
            f"{above}: is a file, not a folder; give another {argument('out')}"
        ) from None
    except OSError as error:
        raise TraceError(f"{folder}: the folder cannot be created: {error.strerror}") from None
    return new


def remove_empty(folders: Sequence[Path]) -> None:
    """Remove folders as far as nothing is in them, innermost first."""
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()


def fresh_place(path: Path) -> Path:
    """Make an empty file beside another one, under a name that nobody can foresee.

    Nothing that is there is opened, so no link that lies in wait is followed.

    Raises
    ------
    OSError
        The folder cannot be written.
    """
    while True:
        place = beside(path, f".{path.name}.{secrets.token_hex(RANDOM_BYTES)}.part")
        with undisturbed(), suppress(FileExistsError):
            os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
            remove_at_end(place)
            return place


@contextmanager
def only_writer(path: Path) -> Iterator[bool]:
    """Hold the right to write a file; a process that dies gives it back.

    Systems without ``flock`` (Windows) do without. Yields whether a process died that held it.

    Raises
    ------
    BeingWrittenError
        Another process, or another part of this one, is writing it.
    TraceError
        The folder cannot be written.
    """
    if importlib.util.find_spec("fcntl") is None:
        yield False
        return
    lock = beside(path, f".{path.name}.lock")
    with undisturbed():
        handle, left = _held_lock(path, lock)
        remove_at_end(lock)
    try:
        yield left
    finally:
        # a lock that stays is taken by the next writer
        with suppress(OSError):
            remove_now(lock)
        os.close(handle)


def _held_lock(path: Path, lock: Path) -> tuple[int, bool]:
    """A handle on the file of a lock, which nobody else holds, and whether it was there."""
    import fcntl

    while True:
        try:
            handle, left = _opened_lock(lock)
        except OSError as error:
            raise TraceError(f"{path}: cannot be created: {plain_reason(error)}") from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(handle).st_nlink:
                return handle, left
            # the one before us removed it between our opening and locking it
        except BlockingIOError:
            os.close(handle)
            raise BeingWrittenError(
                f"{path}: is being written by another run; wait for it, or give another "
                f"{argument('out')}"
            ) from None
        except OSError as error:
            os.close(handle)
            if not left:
                lock.unlink(missing_ok=True)
            raise TraceError(
                f"{path}: its file system cannot lock files ({plain_reason(error)}); give another "
                f"{argument('out')}"
            ) from None
        os.close(handle)


def _opened_lock(lock: Path) -> tuple[int, bool]:
    """A handle on the file of a lock, and whether it was there."""
    flags = os.O_RDWR | os.O_NOFOLLOW  # a link in its place is refused, not followed
    while True:
        with suppress(FileExistsError):
            return os.open(lock, flags | os.O_CREAT | os.O_EXCL, 0o644), False
        with suppress(FileNotFoundError):  # it was removed between our two looks
            return os.open(lock, flags), True


def remove_left(path: Path) -> None:
    """Remove what a process left that died while it held the right to write a file.

    Such files are made only by who holds that right, so that the caller, who holds it now, takes
    them from nobody.
    """
    ours = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{{2 * RANDOM_BYTES}}}\.part")
    with suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            if ours.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                with suppress(OSError):
                    Path(entry).unlink()


@contextmanager
def replacing(path: Path, force: bool, *, durable: bool = False) -> Iterator[Path]:
    """Yield where to write; what is there takes the file's place once it is whole.

    With ``durable`` it is on the disk before it takes the place, and the name is before this
    returns.

    Raises
    ------
    TraceError
        It cannot be written; a file that is there already stays as it is.
    UsageError
        It exists, and ``force`` is not given.
    """
    make_folder(path.parent)
    refuse_existing(path, force)
    try:
        fresh = fresh_place(path)
    except OSError as error:
        raise TraceError(f"{path}: cannot be written: {plain_reason(error)}") from None
    try:
        yield fresh
        if durable:
            sync_path(fresh)
        fresh.replace(path)
        if durable:
            sync_folder(path.parent)
    except BaseException as error:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        if isinstance(error, OSError | RuntimeError | ValueError):
            raise TraceError(f"{path}: cannot be written: {plain_reason(error)}") from None
        raise


def write_whole(path: Path, content: bytes | str, *, durable: bool = False) -> None:
    """Write a file in one go, over what is there; it appears whole or not at all.

    Raises
    ------
    TraceError
        It cannot be written; a file that is there already stays as it is.
    """
    data = content.encode() if isinstance(content, str) else content
    with replacing(path, force=True, durable=durable) as fresh:
        fresh.write_bytes(data)


@contextmanager
def built_in_memory(path: Path, userblock_size: int = 0) -> Iterator[h5py.File]:
    """Yield a small HDF5 file that is written once it is whole.

    HDF5 does not survive a write that fails, so it is given none.

    Raises
    ------
    OSError
    """
    import h5py

    image = io.BytesIO()
    with h5py.File(image, "w", userblock_size=userblock_size or None) as file:
        yield file
    path.write_bytes(image.getbuffer())


def plain_reason(error: BaseException) -> str:
    """Reason of a failed write, without the file library's own words where the system has some."""
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    # HDF5 wraps the system's reason into several lines of its own
    if wrapped := re.search(r"\berrno = (\d+)", str(error)):
        return os.strerror(int(wrapped[1]))
    return " ".join(str(error).split())
