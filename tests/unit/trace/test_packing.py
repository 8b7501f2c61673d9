"""Packed chunks: what HDF5's filters would have made, to the same numbers."""

from __future__ import annotations

import zlib
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pytest

from qnetsim.compiling import compiled, have_numba
from qnetsim.trace.digest import LARGE, ContentDigest
from qnetsim.trace.hdf5 import packing, splitting
from qnetsim.trace.hdf5.chunks import ColumnWriter, Workshop, chunk_of
from qnetsim.trace.hdf5.packing import Packer, Packing
from qnetsim.trace.schema import BY_PATH, CHUNK_ROWS, Column

Values = npt.NDArray[Any]
KINDS = ("u1", "i2", "i4", "i8", "f8")


@pytest.fixture(params=["as installed", "zlib"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "zlib":
        monkeypatch.setattr(packing, "library", zlib)


#: Whether compiled code splits numbers into their bytes.
FAST = [False, *([True] if have_numba() else [])]


def shuffled(chunk: Values) -> bytes:
    """First bytes of all numbers, then second bytes, and so on."""
    return np.ascontiguousarray(chunk.view(np.uint8).reshape(-1, chunk.itemsize).T).tobytes()


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("most", [1, 2, 200, 30_000, 2**24, 2**31 - 1, 2**62])
@pytest.mark.parametrize("fast", FAST)
def test_a_packed_chunk_inflates_to_the_shuffled_one(kind: str, most: int, fast: bool) -> None:
    rng = np.random.default_rng(most)
    if kind != "f8":
        most = min(most, np.iinfo(kind).max)
    packer = Packer(fast=fast)
    for shape in ((1,), (CHUNK_ROWS,), (CHUNK_ROWS, 21), (CHUNK_ROWS, 70)):
        packed = Packing(packer)
        for number in range(3):
            chunk = rng.integers(0, most, shape).astype(kind)
            if number == 2 and kind != "u1":
                chunk = -chunk
            assert zlib.decompress(packed.pack(chunk, number)) == shuffled(chunk)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("fast", FAST)
def test_bytes_that_do_not_get_shorter_are_kept_as_they_are(fast: bool) -> None:
    """The two low bytes are noise, the third is not, the others are zero."""
    rng = np.random.default_rng(5)
    packed = Packing(Packer(fast=fast))
    for number in range(packing.LOOK_EVERY + 2):
        chunk = rng.integers(0, 2**16, (CHUNK_ROWS, 40)) + 2**16 * rng.integers(0, 3, 40)
        data = packed.pack(chunk, number)
        assert zlib.decompress(data) == shuffled(chunk)
        if number % packing.LOOK_EVERY:
            plane = shuffled(chunk)[: chunk.size // 2]
            assert plane in data
    # what was noise and is not any more is looked at anew
    quiet = np.full((CHUNK_ROWS, 40), 2**16 - 1)
    assert len(packed.pack(quiet, 17)) > 2 * quiet.size
    assert len(packed.pack(quiet, 2 * packing.LOOK_EVERY)) < quiet.size


@pytest.mark.parametrize("fast", FAST)
def test_chunks_may_need_more_bytes_or_fewer_than_the_one_before(fast: bool) -> None:
    packed = Packing(Packer(fast=fast))
    few = np.random.default_rng(6).integers(1, 2**8, (CHUNK_ROWS, 40))
    for number, chunk in enumerate((few, few << 8, few, few << 24, -few, few, few << 40, 0 * few)):
        assert zlib.decompress(packed.pack(chunk, number)) == shuffled(chunk)
    locked = few.view()
    locked.flags.writeable = False
    assert zlib.decompress(packed.pack(locked, 1)) == shuffled(few)


@pytest.mark.parametrize("made_by", [splitting, *([compiled(splitting)] if have_numba() else [])])
@pytest.mark.parametrize("most", [0, 1, 2**8 - 1, 2**8, 2**24, 2**32 - 1, 2**32, 2**62, -1])
def test_numbers_are_split_into_their_bytes(most: int, made_by: ModuleType) -> None:
    numbers = np.array([0, most, most // 3, 0, most])
    for count in range(1, splitting.MOST_BYTES + 1):
        planes = np.zeros((8, numbers.size), np.uint8)
        used = made_by.split(numbers.view(np.uint32), planes, count)
        assert used == (8 if most < 0 else (most.bit_length() + 7) // 8)
        low = np.frombuffer(shuffled(numbers), np.uint8).reshape(8, -1)[:count]
        assert (planes[:count] == low).all()


@pytest.mark.skipif(not have_numba(), reason="numba is not installed")
def test_compiled_code_splits_what_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the second chunk on, numbers of as many bytes as before, or of fewer."""
    packer = Packer(fast=True)
    packed = Packing(packer)
    calls = []
    split = packer._splitting.split
    monkeypatch.setattr(packer._splitting, "split", lambda *a: calls.append(split(*a)) or calls[-1])
    numbers = np.arange(CHUNK_ROWS)
    for number, chunk in enumerate((numbers, numbers, numbers // 256, numbers, numbers)):
        packed.pack(chunk, number)
    # the fourth needs more than the third
    assert calls == [2, 1, 2, 2]


def writer_of(file: h5py.File, column: Column, workshop: Workshop, width: int) -> ColumnWriter:
    made = file.create_dataset(
        column.path,
        shape=(0, width),
        maxshape=(None, width),
        chunks=chunk_of((width,)),
        dtype=column.kind,
        shuffle=True,
        compression="gzip",
        fillvalue=column.fill,
    )
    return ColumnWriter(column, made.id, (width,), workshop)


@pytest.mark.parametrize("rows", [10, CHUNK_ROWS])
def test_columns_that_hold_the_same_share_what_is_packed(tmp_path: Path, rows: int) -> None:
    """Rows that no column has written yet keep their own fill value."""
    columns = [BY_PATH[path] for path in ("slots/on_demand_channels", "decisions/qkd_channels")]
    other = BY_PATH["world/holding_slots"]
    assert len({column.kind for column in (*columns, other)}) == 1
    assert other.fill != columns[0].fill
    values = np.random.default_rng(7).integers(2, 90, (rows, 300)).astype(np.int64)
    workshop = Workshop(ContentDigest())
    with h5py.File(tmp_path / "t.h5", "w", libver="latest") as file:
        for column in (*columns, other):
            writer = writer_of(file, column, workshop, 300)
            writer.extend(rows)
            writer.append(0, [values], [rows])
            writer.extend(rows + 5)
        assert len(workshop.blocks) == 2
        for column in (*columns, other):
            stored = file[column.path]
            assert (stored[:rows] == values).all()
            assert (stored[rows:] == column.fill).all()


@pytest.mark.parametrize("width", [4, 40])
def test_a_block_that_differs_in_one_number_is_not_shared(tmp_path: Path, width: int) -> None:
    """Nor is it that of the column before; of a large block some rows are looked at first."""
    assert 4 * CHUNK_ROWS < LARGE < 40 * CHUNK_ROWS
    one, two = (BY_PATH[f"slots/on_demand_{flow}_bits"] for flow in ("produced", "consumed"))
    values = np.random.default_rng(7).integers(2, 90, (CHUNK_ROWS, width))
    changed = values.copy()
    changed[3, 1] += 1
    workshop = Workshop(ContentDigest())
    with h5py.File(tmp_path / "t.h5", "w", libver="latest") as file:
        for column, rows in ((one, values), (two, changed)):
            writer = writer_of(file, column, workshop, width)
            writer.extend(2 * CHUNK_ROWS)
            writer.append(0, [rows, values], [CHUNK_ROWS, CHUNK_ROWS])
            assert (file[column.path][...] == np.concatenate([rows, values])).all()
