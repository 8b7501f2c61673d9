"""What writing and opening a trace takes, in calls: layouts, flushes, objects."""

from __future__ import annotations

import threading
from pathlib import Path

import h5py
import pytest

from qnetsim.plans.make import make_plan
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable
from qnetsim.trace import TraceWriter, WriteBehind, creation, open_trace
from qnetsim.trace.hdf5 import write_behind
from qnetsim.trace.hdf5.write_behind import GROUP, ITEMS_AT_ONCE, SAFE_ITEMS
from tests.support.calls import counted
from tests.support.helpers import nsfnet

SIP = PolicyTable(name="sip")


def test_a_layout_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    creation._with_columns.cache_clear()
    creation._layout.cache_clear()
    made = counted(monkeypatch, creation, "_column")
    scenario = nsfnet(run__slots="3", demand__requests="4")
    first = simulate(scenario, SIP, tmp_path / "a.h5")
    once = len(made)
    assert once > 90
    second = simulate(scenario, SIP, tmp_path / "b.h5", replication=1)
    assert len(made) == once
    # other sizes are another layout
    simulate(nsfnet(run__slots="3", demand__requests="5"), SIP, tmp_path / "c.h5")
    assert len(made) == 2 * once
    with open_trace(first) as a, open_trace(second) as b:
        assert a.replication == 0
        assert b.replication == 1
        for trace in (a, b):
            assert trace.content_digest() == trace.attribute("content_digest")
            assert not trace.foreign_contents()
        assert a.column("fibres/source").tolist() == b.column("fibres/source").tolist()
        assert a.column("world/levels").tolist() != b.column("world/levels").tolist()


def test_columns_that_stay_are_written_once(tmp_path: Path) -> None:
    creation._with_columns.cache_clear()
    paths = []
    for place, price in (("a", "2.0"), ("b", "2.0"), ("c", "3.0")):
        scenario = nsfnet(run__slots="3", cost__on_demand_multiplier=price)
        paths.append(simulate(scenario, SIP, tmp_path / f"{place}.h5"))
    assert creation._with_columns.cache_info().misses == 2
    found = []
    for path in paths:
        with open_trace(path) as trace:
            assert trace.content_digest() == trace.attribute("content_digest")
            found.append(trace.column("fibres/qkd_on_demand_cost"))
    assert (found[0] == found[1]).all()
    assert (found[0] != found[2]).any()


def test_blocks_share_a_flush(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_behind, "PATIENCE_S", 60.0)
    appended = counted(monkeypatch, TraceWriter, "append")
    flushed = counted(monkeypatch, h5py.File, "flush")
    scenario = nsfnet(run__slots=str(100 * 1024), demand__requests="1")
    simulate(scenario, SIP, tmp_path / "t.h5", plan=make_plan(scenario, SIP))
    assert len(flushed) == len(appended)
    assert len(appended) <= 28  # 4 of one block, of two, … of seven, then of eight


def test_a_block_waits_for_others_in_proportion_to_what_is_safe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(write_behind, "PATIENCE_S", 60.0)
    batches: list[list[int]] = []
    with WriteBehind(batches.append, lambda _: 1) as behind:
        for item in range(200):
            behind.put(item)
    assert [item for batch in batches for item in batch] == list(range(200))
    written = 0
    for batch in batches[:-1]:
        most = min(ITEMS_AT_ONCE, 1 + written // SAFE_ITEMS)
        written += len(batch)
        # fewer only where the blocks of a chunk end
        assert len(batch) == most or (len(batch) > most - GROUP and not written % GROUP)


def test_a_block_is_written_though_no_other_comes() -> None:
    done = threading.Event()

    def write(batch: list[int]) -> None:
        if 100 in batch:
            done.set()

    with WriteBehind(write, lambda _: 1) as behind:
        for item in range(101):
            behind.put(item)
        assert done.wait(10)


def test_a_trace_is_opened_without_objects_for_its_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = simulate(nsfnet(run__slots="3"), SIP, tmp_path / "t.h5")
    made = counted(monkeypatch, h5py.Dataset, "__init__")
    with open_trace(path) as trace:
        assert trace.slots == 3
    assert len(made) <= 1  # the count of slots
