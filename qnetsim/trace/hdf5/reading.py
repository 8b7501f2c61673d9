"""What every reader of HDF5 insists on: values lie in the file itself, and it can hold them.

HDF5 follows links into other files, gathers virtual datasets from them, keeps values in files of
any kind, and hands out fill values for what was never written. A file that somebody else made
must not make a reader open or show other files, nor allocate what the file cannot hold.
"""

from __future__ import annotations

import h5py

#: Most bytes that one stored byte can stand for; deflate reaches 1032.
MOST_EXPANSION = 1100


def stored_elsewhere(group: h5py.Group, name: str) -> str:
    """Say why an entry of a group is not plainly in the file; empty where it is."""
    link = group.get(name, getlink=True)
    if isinstance(link, h5py.ExternalLink):
        return f"is a link to another file, {link.filename!r}"
    if not isinstance(link, h5py.HardLink):
        return "is a link, not an object of its own"
    entry = group[name]
    if isinstance(entry, h5py.Dataset):
        made = entry.id.get_create_plist()
        if made.get_layout() == h5py.h5d.VIRTUAL:
            return "is a virtual dataset"
        if made.get_external_count():
            return "keeps its values in another file"
    return ""


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
