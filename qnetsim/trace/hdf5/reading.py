"""What every reader of HDF5 insists on: values lie in the file itself, and it can hold them.

HDF5 follows links into other files, gathers virtual datasets from them, keeps values in files of
any kind, and hands out fill values for what was never written. A file that somebody else made
must not make a reader open or show other files, nor allocate what the file cannot hold. What the
library raises over a damaged file is an error of ours, whatever its class.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

from qnetsim.errors import TraceFormatError, UsageError
from qnetsim.input_files import refuse_irregular
from qnetsim.trace.hdf5.files import begins_as_hdf5, is_hdf5
from qnetsim.trace.hdf5.global_heaps import refuse_broken_heaps
from qnetsim.trace.hdf5.recover import is_marked_open

#: Most bytes that one stored byte can stand for; deflate reaches 1032.
MOST_EXPANSION = 1100


#: What h5py, numpy and json raise over damaged bytes.
DAMAGE = (
    OSError,
    RuntimeError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    MemoryError,
    SystemError,
)


class NoHDF5Error(TraceFormatError):
    """A file does not begin like HDF5."""


@contextmanager
def damage_refused(path: Path, what: str = "") -> Iterator[None]:
    """Turn what is raised over damaged bytes into an error that names the file.

    Parameters
    ----------
    path : Path
    what : str
        The part that is read, for the message.

    Raises
    ------
    TraceFormatError
    """
    try:
        yield
    except DAMAGE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        part = f": {what}" if what else ""
        raise TraceFormatError(f"{path}{part}: is damaged: {reason}") from None


def open_hdf5(path: Path, noun: str = "HDF5 file") -> h5py.File:
    """Open an HDF5 file for reading; the caller closes it.

    Parameters
    ----------
    path : Path
    noun : str
        What it should be, in messages.

    Raises
    ------
    UsageError
        It is not there, or no plain file.
    TraceFormatError
        It is not HDF5, or damaged.
    """
    refuse_irregular(path, noun)
    if not begins_as_hdf5(path):
        raise NoHDF5Error(f"{path}: is not an HDF5 file")
    try:
        refuse_broken_heaps(path)
        return h5py.File(path, "r")
    except DAMAGE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise TraceFormatError(f"{path}: cannot be opened: {reason}") from None


def filetype_of(path: Path) -> str:
    """What an HDF5 file says that it is; empty where it says nothing or cannot be read."""
    try:
        with open_hdf5(path) as file, damage_refused(path):
            return str(file.attrs.get("filetype", ""))
    except (UsageError, TraceFormatError):
        return ""


def is_ours(path: Path) -> bool:
    """Whether a file is HDF5 and says that qnetsim wrote it, or was left open by its writer."""
    return is_hdf5(path) and (is_marked_open(path) or filetype_of(path).startswith("qnetsim-"))


def stored_elsewhere(group: h5py.Group, name: str) -> str:
    """Say why an entry of a group is not plainly in the file; empty where it is."""
    if why := link_elsewhere(group.id.links, name):
        return why
    entry = h5py.h5o.open(group.id, _key(name))
    is_dataset = isinstance(entry, h5py.h5d.DatasetID)
    return values_elsewhere(entry.get_create_plist()) if is_dataset else ""


def link_elsewhere(links: h5py.h5l.LinkProxy, name: str) -> str:
    """Say why a name in a group does not stand for an object of its own; empty where it does.

    Raises
    ------
    KeyError, RuntimeError
        The group has no such name, or is damaged.
    """
    kind = links.get_info(_key(name)).type
    if kind == h5py.h5l.TYPE_EXTERNAL:
        file, _ = links.get_val(_key(name))
        return f"is a link to another file, {os.fsdecode(file)!r}"
    return "" if kind == h5py.h5l.TYPE_HARD else "is a link, not an object of its own"


def values_elsewhere(made: h5py.h5p.PropDCID) -> str:
    """Say why a dataset made so does not keep its values in the file; empty where it does."""
    if made.get_layout() == h5py.h5d.VIRTUAL:
        return "is a virtual dataset"
    if made.get_external_count():
        return "keeps its values in another file"
    return ""


def _key(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def plain_dataset(file: h5py.File, path: str) -> h5py.Dataset:
    """Return a dataset whose values lie in the file, all of them, and fit into it.

    Raises
    ------
    KeyError
        There is none of this name.
    ValueError
        Its values lie elsewhere, were never written, or are more than the file can hold.
    """
    entry: h5py.Group | h5py.Dataset = file
    for name in path.split("/"):
        if not isinstance(entry, h5py.Group) or name not in entry:
            raise KeyError(f"{path} is missing")
        if why := stored_elsewhere(entry, name):
            raise ValueError(f"{path} {why}")
        entry = entry[name]
    if not isinstance(entry, h5py.Dataset):
        raise KeyError(f"{path} is missing")
    claimed, held = entry.nbytes, file.id.get_filesize()
    if claimed > MOST_EXPANSION * held:
        raise ValueError(f"{path} claims {claimed:,} bytes, in a file of {held:,}")
    if claimed and not entry.id.get_storage_size():
        raise ValueError(f"{path} claims {claimed:,} bytes and holds none")
    return entry
