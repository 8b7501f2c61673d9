"""The trace of a short run: made in memory, and the same as one that is written as it goes."""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from qnetsim.errors import TraceError
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable, Scenario, load_scenario
from qnetsim.trace import open_trace
from qnetsim.trace.schema import COLUMNS, REQUEST_COLUMNS
from qnetsim.trace.whole_file import WholeRun
from qnetsim.trace.whole_writer import SHORT_RUN
from tests.support import ROOT
from tests.support.helpers import nsfnet

EVF = PolicyTable(name="evf")


def shipped(name: str, slots: int) -> Scenario:
    scenario = load_scenario(ROOT / "scenarios" / f"{name}.toml")
    run = scenario.run.model_copy(update={"slots": slots})
    return scenario.model_copy(update={"run": run})


@pytest.mark.parametrize("name", ["nsfnet", "outages", "fel", "regimes"])
def test_it_holds_what_a_trace_holds_that_is_written_as_the_run_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    scenario = shipped(name, 40)
    simulate(scenario, EVF, tmp_path / "whole.h5")
    monkeypatch.setattr("qnetsim.runs.simulate.SHORT_RUN", 0)
    simulate(scenario, EVF, tmp_path / "grown.h5")
    with open_trace(tmp_path / "whole.h5") as whole, open_trace(tmp_path / "grown.h5") as grown:
        assert not whole.foreign_contents()
        assert whole.digest().hexdigest() == grown.attribute("content_digest")
        assert whole.attributes.keys() == grown.attributes.keys()
        for key in ("content_digest", "world_digest", "status", "tasks", "policy"):
            assert whole.attribute(key) == grown.attribute(key)
        for column in whole.kind.columns:
            if not column.volatile:
                rows = whole.column(column.path)
                np.testing.assert_array_equal(rows, grown.column(column.path))


def test_followed_requests_are_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = shipped("outages", 20)
    all_of_them = scenario.trace.model_copy(update={"requests": "all"})
    scenario = scenario.model_copy(update={"trace": all_of_them})
    simulate(scenario, EVF, tmp_path / "whole.h5")
    monkeypatch.setattr("qnetsim.runs.simulate.SHORT_RUN", 0)
    simulate(scenario, EVF, tmp_path / "grown.h5")
    with open_trace(tmp_path / "whole.h5") as whole, open_trace(tmp_path / "grown.h5") as grown:
        assert not whole.foreign_contents()
        assert whole.content_digest() == whole.attribute("content_digest")
        assert whole.content_digest() == grown.content_digest()
        for column in REQUEST_COLUMNS:
            rows = whole.column(column.path)
            np.testing.assert_array_equal(rows, grown.column(column.path))


def test_it_is_opened_once_and_by_no_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = nsfnet(run__slots="6")
    simulate(scenario, EVF, tmp_path / "a.h5")
    opened: list[bytes] = []
    columns: list[bytes] = []
    open_file, open_dataset = h5py.h5f.open, h5py.h5d.open
    monkeypatch.setattr(h5py.h5f, "open", lambda *a: opened.append(a[0]) or open_file(*a))
    monkeypatch.setattr(h5py.h5d, "open", lambda *a: columns.append(a[1]) or open_dataset(*a))
    monkeypatch.setattr("threading.Thread.start", lambda self: 1 / 0)
    simulate(scenario, EVF, tmp_path / "b.h5")
    monkeypatch.undo()
    assert len(opened) == 1
    # blank columns are left as they are
    assert 0 < len(columns) < sum(column.grows for column in COLUMNS) / 2 + 5


@pytest.mark.parametrize("slots", [SHORT_RUN, SHORT_RUN + 1])
def test_the_longest_short_run_and_the_shortest_other_one(tmp_path: Path, slots: int) -> None:
    path = simulate(nsfnet(run__slots=str(slots), demand__requests="3"), EVF, tmp_path / "t.h5")
    with open_trace(path) as trace:
        assert (trace.slots, trace.status) == (slots, "complete")
        assert not trace.foreign_contents()
        assert trace.content_digest() == trace.attribute("content_digest")


def test_what_fails_or_stops_after_the_slots_is_told(tmp_path: Path) -> None:
    def fail(slots: int) -> None:
        raise ZeroDivisionError

    def stop(slots: int) -> None:
        raise KeyboardInterrupt

    for status, progress, error in (
        ("failed", fail, ZeroDivisionError),
        ("interrupted", stop, KeyboardInterrupt),
    ):
        path = tmp_path / f"{status}.h5"
        with pytest.raises(error):
            simulate(nsfnet(run__slots="7"), EVF, path, progress=progress)
        with open_trace(path) as trace:
            assert (trace.status, trace.slots) == (status, 7)
            assert trace.content_digest() == trace.attribute("content_digest")


def test_a_write_that_fails_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.h5"
    path.write_text("mine")

    def full(*args: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(TraceError, match=r"cannot be written: No space left.*nothing was written"):
        simulate(nsfnet(run__slots="7"), EVF, path, force=True)
    monkeypatch.undo()
    assert path.read_text() == "mine"
    assert [entry.name for entry in tmp_path.iterdir()] == ["t.h5"]


def test_a_failing_library_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object) -> bytes:
        raise RuntimeError("cannot\nwrite")

    monkeypatch.setattr(WholeRun, "image", broken)
    with pytest.raises(TraceError, match="cannot be written: cannot write; nothing was written"):
        simulate(nsfnet(run__slots="7"), EVF, tmp_path / "t.h5")
    assert not list(tmp_path.iterdir())
