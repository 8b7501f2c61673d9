"""Files that HDF5 changes in memory have nothing to do with those of the disk."""

from __future__ import annotations

import io
import re
from pathlib import Path

import h5py
import numpy as np
import pytest

from qnetsim.trace.hdf5 import in_memory
from qnetsim.trace.hdf5.in_memory import changed_in_memory


def empty() -> bytes:
    image = io.BytesIO()
    with h5py.File(image, "w", libver=("v110", "v110")):
        pass
    return image.getvalue()


def test_what_is_changed_is_there_once_the_block_is_left() -> None:
    before = empty()
    with changed_in_memory(before) as file:
        h5py.File(file.id)["x"] = np.arange(3)
    with h5py.File(io.BytesIO(file.image)) as changed:
        assert changed["x"][()].tolist() == [0, 1, 2]
    with h5py.File(io.BytesIO(before)) as unchanged:
        assert "x" not in unchanged


def test_its_name_is_no_file_that_may_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HDF5 refuses one, also in the folder that a user works in."""
    monkeypatch.chdir(tmp_path)
    names = []
    honest = h5py.h5f.open
    monkeypatch.setattr(
        in_memory.h5py.h5f, "open", lambda name, *rest: (names.append(name), honest(name, *rest))[1]
    )
    with changed_in_memory(empty()):
        pass
    (name,) = names
    number = int(re.search(rb"\d+$", name)[0])
    for later in range(number, number + 3):
        taken = Path(name[: -len(str(number))].decode() + str(later))
        with pytest.raises(OSError):
            taken.write_text("of the user's")
    with changed_in_memory(empty()) as file:
        assert file.id
