"""Changes to a file that are written all at once, or not at all."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from qnetsim.trace.hdf5.journal import Piece, packed_journal, read_journal
from qnetsim.trace.hdf5.recover import UnclosedFile
from qnetsim.trace.hdf5.staged import PAGE, StagedFile, abandon


@pytest.fixture
def unclosed(tmp_path: Path) -> Path:
    """A file of HDF5 whose writer went away after a flush, with half a block behind it."""
    path = tmp_path / "u.h5"
    file = h5py.File(path, "w", libver=("v110", "v110"))
    rows = file.create_dataset("rows", (0, 64), "i8", maxshape=(None, 64), chunks=(64, 64))
    file.swmr_mode = True
    rows.resize(640, axis=0)
    rows[...] = np.arange(640 * 64).reshape(640, 64)
    file.flush()
    rows.resize(704, axis=0)
    del rows
    abandon(file)
    return path


@pytest.fixture
def handle(unclosed: Path) -> Iterator[int]:
    number = os.open(unclosed, os.O_RDWR)
    yield number
    os.close(number)


def change(staged: StagedFile) -> None:
    with h5py.File(staged, "r+", libver=("v110", "v110")) as file:
        file["rows"].resize(600, axis=0)
        file.attrs["status"] = "failed" * 1000
        file["more"] = np.arange(3 * PAGE)


def test_an_abandoned_file_is_closed_and_not_written(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    file = h5py.File(path, "w")
    file["x"] = 1
    before = path.read_bytes()
    abandon(file)
    assert not file
    assert path.read_bytes() == before


def test_changes_are_written_when_they_are_applied(unclosed: Path, handle: int) -> None:
    before = unclosed.read_bytes()
    staged = StagedFile(handle)
    change(staged)
    assert unclosed.read_bytes() == before
    staged.apply()
    with h5py.File(unclosed, "r") as file:
        assert file.attrs["status"] == "failed" * 1000
        np.testing.assert_array_equal(file["rows"], np.arange(600 * 64).reshape(600, 64))
        np.testing.assert_array_equal(file["more"], np.arange(3 * PAGE))


@pytest.mark.parametrize("failing", range(40))
def test_a_write_that_fails_is_undone(
    failing: int, unclosed: Path, handle: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = unclosed.read_bytes()
    staged = StagedFile(handle)
    change(staged)
    calls = iter(range(10**6))
    pwrite = os.pwrite

    def write(number: int, data: bytes, start: int) -> int:
        if next(calls) == failing:
            raise OSError(28, "No space left on device")
        # a system may write less than it was given
        return pwrite(number, data[:1000], start)

    monkeypatch.setattr(os, "pwrite", write)
    with pytest.raises(OSError, match="No space"):
        staged.apply()
    assert unclosed.read_bytes() == before


class DiedError(BaseException):
    """The process is gone."""


def test_a_writer_that_dies_leaves_the_old_or_the_new(
    unclosed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = unclosed.read_bytes()
    pwrite = os.pwrite
    ftruncate = os.ftruncate
    found = []
    for dying in range(400):
        calls = iter(range(10**6))

        def act(
            call: Callable[..., int], *arguments: Any, calls: Any = calls, dying: int = dying
        ) -> int:
            if next(calls) == dying:
                raise DiedError
            return call(*arguments)

        unclosed.write_bytes(original)
        number = os.open(unclosed, os.O_RDWR)
        staged = StagedFile(number)
        change(staged)
        # a run of bytes is written in pieces, as by a system that is short of memory
        monkeypatch.setattr(
            os, "pwrite", lambda n, data, at, act=act: act(pwrite, n, data[:1500], at)
        )
        monkeypatch.setattr(os, "ftruncate", lambda n, size, act=act: act(ftruncate, n, size))
        try:
            staged.apply()
            died = False
        except DiedError:
            died = True
        finally:
            os.close(number)
            monkeypatch.undo()
        with UnclosedFile(unclosed) as raw, h5py.File(raw, "r") as file:
            new = "status" in file.attrs
            rows = file["rows"][:600]
            np.testing.assert_array_equal(rows, np.arange(600 * 64).reshape(600, 64))
            assert len(file["rows"]) == (600 if new else 640)
            if new:
                np.testing.assert_array_equal(file["more"], np.arange(3 * PAGE))
        found.append(new)
        if not died:
            break
    assert not died
    assert found == sorted(found)
    assert 5 < sum(found) < len(found)


def test_a_journal_that_is_cut_or_changed_is_none(tmp_path: Path) -> None:
    pieces = [Piece(0, b"head"), Piece(5000, bytes(range(256)) * 20)]
    path = tmp_path / "j"
    whole = b"x" * 7000 + packed_journal(pieces)

    def read(data: bytes) -> list[Piece]:
        path.write_bytes(data)
        with io.FileIO(path) as file:
            return read_journal(file)

    assert read(whole) == pieces
    for size in (*range(7000, len(whole), 7), 0, 10):
        assert read(whole[:size]) == []
    for place in range(7000, len(whole)):
        assert read(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]) == []


def test_bytes_are_those_of_a_plain_file(tmp_path: Path) -> None:
    """The same calls on a staged file and on a file in memory."""
    path = tmp_path / "u.h5"
    with h5py.File(path, "w", libver=("v110", "v110")) as file:
        file["x"] = np.arange(5000)
    number = os.open(path, os.O_RDWR)
    staged = StagedFile(number)
    plain = io.BytesIO(path.read_bytes())
    rng = np.random.default_rng(3)
    for _ in range(300):
        at = int(rng.integers(0, 60_000))
        data = rng.bytes(int(rng.integers(0, 9000)))
        for file in (staged, plain):
            file.seek(at)
        if rng.random() < 0.5:
            assert staged.write(data) == plain.write(data)
        else:
            assert staged.read(len(data)) == plain.read(len(data))
        assert staged.tell() == plain.tell()
        assert staged.seek(0, os.SEEK_END) == plain.seek(0, os.SEEK_END)
    staged.truncate(30_000)
    plain.truncate(30_000)
    staged.apply()
    os.close(number)
    assert path.read_bytes() == plain.getvalue()
