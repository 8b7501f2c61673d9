"""Files that outlast a power cut: fsync, which the system otherwise does when it likes."""

from __future__ import annotations

import os
from pathlib import Path


def sync_file(handle: int) -> None:
    """Wait until all that was written to a file is on its disk.

    Raises
    ------
    OSError
    """
    os.fsync(handle)


def sync_path(path: Path) -> None:
    """Wait until all that was written to the file of this name is on its disk.

    Raises
    ------
    OSError
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk; systems without O_DIRECTORY do without.

    Raises
    ------
    OSError
    """
    if not hasattr(os, "O_DIRECTORY"):
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
