"""Chunks of several blocks in long runs: the same numbers, whole up to every commit."""

from __future__ import annotations

import itertools
import os
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pytest

from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable, Scenario
from qnetsim.trace import TraceWriter, open_trace
from qnetsim.trace.contents import COMMITTED
from qnetsim.trace.digest import ContentDigest
from qnetsim.trace.hdf5 import chunks
from qnetsim.trace.hdf5.chunks import BLOCKS_OF_LONG, Workshop, chunk_of
from qnetsim.trace.hdf5.long_chunks import LongChunkWriter, writer_of
from qnetsim.trace.hdf5.staged import LIBVER, open_swmr
from qnetsim.trace.schema import BY_PATH, CHUNK_ROWS
from tests.support.helpers import nsfnet

SIP = PolicyTable(name="sip")
Values = npt.NDArray[Any]


@pytest.fixture
def long(monkeypatch: pytest.MonkeyPatch) -> None:
    """All runs of this process are long ones."""
    all_long(monkeypatch)


def all_long(monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("hdf5.chunks", "creation", "writer"):
        monkeypatch.setattr(f"qnetsim.trace.{place}.LONG_RUN", 1)


def file_with(path: Path, *columns: str) -> None:
    with h5py.File(path, "w", libver=LIBVER) as file:
        for name in columns:
            column = BY_PATH[name]
            file.create_dataset(
                name,
                shape=(0,),
                maxshape=(None,),
                chunks=chunk_of((), long=True),
                dtype=column.kind,
                shuffle=True,
                compression="gzip",
                fillvalue=column.fill,
            )


def columns_of_blocks() -> dict[str, list[Values | None]]:
    rng = np.random.default_rng(3)
    noise = [rng.integers(0, 2**31, CHUNK_ROWS) for _ in range(9)]
    blank = np.zeros(CHUNK_ROWS, np.int64)
    same = np.full(CHUNK_ROWS, 7)
    mixed = [None, blank, noise[0], blank, blank, None, noise[1], same, blank]
    return {"slots/arrived": [same] * 9, "slots/served": noise, "slots/blocked": mixed}


@pytest.mark.parametrize("batches", [[9], [1] * 9, [3, 2, 4], [4, 4, 1], [8, 1]])
def test_batches_of_any_length_give_the_same_rows_and_digest(
    tmp_path: Path, batches: list[int]
) -> None:
    blocks = columns_of_blocks()
    wanted = {
        name: np.concatenate([np.zeros(CHUNK_ROWS, np.int64) if v is None else v for v in values])
        for name, values in blocks.items()
    }
    file_with(tmp_path / "t.h5", *blocks)
    file = open_swmr(tmp_path / "t.h5")
    shared = Workshop(ContentDigest(), long=True)
    writers = {
        name: writer_of(BY_PATH[name], h5py.h5d.open(file.id, name.encode()), (), shared)
        for name in blocks
    }
    at = 0
    for count in batches:
        for name, writer in writers.items():
            assert isinstance(writer, LongChunkWriter)
            writer.extend((at + count) * CHUNK_ROWS)
            writer.append(at * CHUNK_ROWS, blocks[name][at : at + count], [CHUNK_ROWS] * count)
        at += count
        shared.blocks.clear()
        file.flush()
        for name in blocks:
            assert (file[name][...] == wanted[name][: at * CHUNK_ROWS]).all()
    file.close()
    again = ContentDigest()
    for name, values in wanted.items():
        again.update(BY_PATH[name], values)
        assert again.of(BY_PATH[name]).digest() == shared.digest.of(BY_PATH[name]).digest()


def test_a_chunk_that_grows_never_lies_where_it_lay(tmp_path: Path) -> None:
    """Whoever reads meanwhile, and a kill, find it as it was."""
    name = "slots/exposed_bits"
    file_with(tmp_path / "t.h5", name)
    file = open_swmr(tmp_path / "t.h5")
    dataset = h5py.h5d.open(file.id, name.encode())
    shared = Workshop(ContentDigest(), long=True)
    writer = LongChunkWriter(BY_PATH[name], dataset, (), shared)
    # streams of one length, for bytes that are kept as they are; looked at in the first chunk alone
    writer._packing._kept = [True] * 8
    found = []
    for at in range(BLOCKS_OF_LONG):
        values = np.random.default_rng(at).integers(2**62, 2**63 - 1, CHUNK_ROWS)
        first = (BLOCKS_OF_LONG + at) * CHUNK_ROWS
        writer.extend(first + CHUNK_ROWS)
        writer.append(first, [values], [CHUNK_ROWS])
        shared.blocks.clear()
        file.flush()
        place = dataset.get_chunk_info(0)
        found.append((place.byte_offset, place.size))
        assert (file[name][first:] == values).all()
    file.close()
    for (start, size), (other, _) in itertools.pairwise(found):
        assert not start <= other < start + size


@pytest.mark.usefixtures("long")
def test_a_long_run_says_the_same_in_fewer_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = nsfnet(run__slots="5000")
    path = simulate(scenario, SIP, tmp_path / "long.h5")
    for place in ("hdf5.chunks", "creation", "writer"):
        monkeypatch.setattr(f"qnetsim.trace.{place}.LONG_RUN", 2**14)
    plain = simulate(scenario, SIP, tmp_path / "plain.h5")
    with open_trace(path) as trace, open_trace(plain) as other:
        assert trace.content_digest() == trace.attribute("content_digest")
        assert trace.attribute("content_digest") == other.attribute("content_digest")
        assert not trace.foreign_contents()
    with h5py.File(path) as file, h5py.File(plain) as other_file:
        assert file["slots/served"].chunks == (BLOCKS_OF_LONG * CHUNK_ROWS,)
        assert file["slots/reservation_stored_bits"].chunks[0] == CHUNK_ROWS
        assert other_file["slots/served"].chunks == (CHUNK_ROWS,)


def _end_within(scenario: Scenario, path: Path) -> None:
    """Run, and end this process where rows of a begun chunk are written anew and not counted."""
    honest = TraceWriter._rewrite

    def rewrite(self: TraceWriter, name: str, kind: str, values: npt.ArrayLike) -> None:
        if name == COMMITTED and self._rows and self._rows % (BLOCKS_OF_LONG * CHUNK_ROWS):
            os._exit(0)
        honest(self, name, kind, values)

    with pytest.MonkeyPatch.context() as patch:
        all_long(patch)
        patch.setattr(TraceWriter, "_rewrite", rewrite)
        simulate(scenario, SIP, path)
    os._exit(1)


@pytest.mark.usefixtures("long")
def test_a_killed_long_run_is_whole_up_to_its_last_flush_and_goes_on(tmp_path: Path) -> None:
    path, scenario = tmp_path / "t.h5", nsfnet(run__slots="9000")
    process = get_context("spawn").Process(target=_end_within, args=(scenario, path))
    process.start()
    process.join(120)
    assert process.exitcode == 0
    whole = simulate(scenario, SIP, tmp_path / "whole.h5")
    with open_trace(path) as trace, open_trace(whole) as other:
        assert trace.status == "incomplete"
        assert 0 < trace.slots < BLOCKS_OF_LONG * CHUNK_ROWS
        for name in ("slots/slot", "slots/served", "world/levels", "slots/exposed_bits"):
            assert (trace.column(name) == other.column(name, 0, trace.slots)).all()
        digest = other.attribute("content_digest")
    simulate(scenario, SIP, path, resume=True)
    with open_trace(path) as trace:
        assert trace.attribute("content_digest") == digest == trace.content_digest()


def test_only_columns_of_one_number_a_slot_have_long_chunks() -> None:
    assert chunk_of((), long=True) == (BLOCKS_OF_LONG * CHUNK_ROWS,)
    assert chunk_of((1,), long=True) == (BLOCKS_OF_LONG * CHUNK_ROWS, 1)
    assert chunk_of((21,), long=True) == (CHUNK_ROWS, 21)
    assert chunk_of((0,), long=True) == (CHUNK_ROWS, 0)
    assert chunk_of(()) == (CHUNK_ROWS,)
    assert chunks.LONG_RUN % CHUNK_ROWS == 0
