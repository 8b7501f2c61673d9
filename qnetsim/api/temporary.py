"""Folders for results that nobody asked to keep."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import NamedTuple

from qnetsim.arguments import path_argument


class TemporaryFolder:
    """A folder that is removed when this object goes, or at the end of the process.

    Attributes
    ----------
    path : Path
    """

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="qnetsim-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


class Place(NamedTuple):
    """Where a result goes.

    Attributes
    ----------
    path : Path
    folder : TemporaryFolder or None
        What keeps it there, where nobody asked to keep it.
    """

    path: Path
    folder: TemporaryFolder | None


def place_of(out: str | os.PathLike[str] | None, name: str = "") -> Place:
    """The place that the caller gives, or one of this name in a temporary folder."""
    if out is not None:
        return Place(path_argument("out", out), None)
    folder = TemporaryFolder()
    return Place(folder.path / name, folder)
