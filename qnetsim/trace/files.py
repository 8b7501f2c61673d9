"""What all files of ours share: where they go, and whether they are HDF5."""

from __future__ import annotations

from pathlib import Path

import h5py

from qnetsim.errors import TraceError, UsageError


def is_hdf5(path: Path) -> bool:
    """Whether a file can be read and begins like HDF5."""
    try:
        return bool(h5py.is_hdf5(path))
    except (OSError, RuntimeError, ValueError):
        return False


def refuse_existing(path: Path, force: bool) -> None:
    """Refuse to overwrite anything unasked, and anything but a file at all.

    Raises
    ------
    UsageError
    """
    try:
        if path.exists() and not path.is_file():
            raise UsageError(f"{path}: is not a regular file; give another --out")
        if path.exists() and not force:
            raise UsageError(
                f"{path}: exists already; give another --out, or --force to overwrite it"
            )
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None


def make_folder(folder: Path) -> None:
    """Make a folder with its parents.

    Raises
    ------
    TraceError
        Naming the folder and the reason.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TraceError(f"{folder}: the folder cannot be created: {error.strerror}") from None
