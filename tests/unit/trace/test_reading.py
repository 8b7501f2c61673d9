"""A trace is read offline: by us, lazily, and by others without us."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import qnetsim
from qnetsim.analysis.compare import compare_traces
from qnetsim.errors import TraceFormatError, UsageError
from qnetsim.runs.batch import run_policies
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable
from qnetsim.trace import open_trace
from qnetsim.trace.column import Column
from qnetsim.trace.schema import COLUMNS
from qnetsim.trace.stored_columns import StoredColumns
from tests.support import ROOT
from tests.support.helpers import nsfnet


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("read") / "t.h5"
    return simulate(nsfnet(run__slots="2100", demand__requests="12"), PolicyTable(name="evf"), path)


def test_reading_loads_nothing_heavy(trace: Path) -> None:
    code = (
        "import sys, qnetsim\n"
        f"with qnetsim.open_trace({str(trace)!r}) as t:\n"
        "    assert t.column('slots/served').sum() == 2100 * 12\n"
        "heavy = {'simpy', 'torch', 'gurobipy', 'highspy', 'matplotlib', 'pandas', 'xarray',\n"
        "         'scipy', 'networkx', 'pydantic', 'sklearn', 'pettingzoo', 'phe'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert run.stdout.strip() == "[]"


def test_opening_reads_no_rows(trace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[str] = []
    honest = h5py.Dataset.__getitem__
    honest_rows = StoredColumns.rows

    def read(self: h5py.Dataset, *args: object) -> object:
        rows.append(self.name)
        return honest(self, *args)

    def read_rows(self: StoredColumns, column: Column, first: int, end: int | None) -> object:
        rows.append(column.path)
        return honest_rows(self, column, first, end)

    monkeypatch.setattr(h5py.Dataset, "__getitem__", read)
    monkeypatch.setattr(StoredColumns, "rows", read_rows)
    with open_trace(trace) as opened:
        assert rows == ["/committed_slots"]
        opened.column("slots/served", 5, 8)
    assert rows == ["/committed_slots", "slots/served"]


def test_rows_are_those_of_h5py(trace: Path) -> None:
    with open_trace(trace) as opened, h5py.File(trace) as file:
        slots = opened.slots
        for path in ("slots/served", "slots/reservation_stored_bits", "world/levels"):
            for first, end in ((0, None), (3, slots), (2, 2), (slots - 1, 10 * slots), (slots, 9)):
                found = opened.column(path, first, end)
                stored = file[path][first : min(end or slots, slots)]
                assert found.dtype == stored.dtype
                np.testing.assert_array_equal(found, stored)


def test_columns_that_are_not_read_may_wait_to_be_looked_at(trace: Path, tmp_path: Path) -> None:
    path = tmp_path / "spoiled.h5"
    path.write_bytes(trace.read_bytes())
    with h5py.File(path, "r+") as file:
        del file["slots/arrived"]
        file["slots/arrived"] = np.zeros(3)
        del file["trust/node"]
    with pytest.raises(TraceFormatError, match="column slots/arrived is damaged: float64 of"):
        open_trace(path)
    with open_trace(path, whole=False) as opened:
        assert opened.column("slots/served").sum() > 0
        with pytest.raises(TraceFormatError, match="column slots/arrived is damaged: float64 of"):
            opened.column("slots/arrived")
        # after the numbers of its dimensions
        with pytest.raises(TraceFormatError, match="column trust/node is missing"):
            opened.column("trust/node_bits")


def test_pandas(trace: Path) -> None:
    pytest.importorskip("pandas")
    with qnetsim.open_trace(trace) as opened:
        slots = opened.frame("slots")
        assert slots.index.name == "slot"
        assert slots["served"].sum() == 2100 * 12
        fibres = opened.frame("fibres")
        assert fibres.loc[0, "source"] == "1"
        pools = opened.frame("slots", "slot", "fibre")
        assert pools.index.names == ["slot", "fibre"]
        found = pools["reservation_produced_bits"].unstack("fibre").to_numpy()
        np.testing.assert_array_equal(found, opened.column("slots/reservation_produced_bits"))
        for group in dict.fromkeys(c.group for c in COLUMNS):
            opened.frame(group)
        with pytest.raises(TraceFormatError, match="'slot' is not a group of a trace; it has"):
            opened.frame("slot")
        with pytest.raises(
            TraceFormatError, match=r"no column over \(fibre\); it has columns over"
        ):
            opened.frame("slots", "fibre")
        with pytest.raises(TraceFormatError, match="did you mean 'slots/served'"):
            opened.column("slots/server")


def test_xarray_lazily(trace: Path) -> None:
    pytest.importorskip("xarray")
    with qnetsim.open_trace(trace) as opened:
        slots = opened.dataset("slots")
        assert slots.sizes["slot"] == 2100
        variable = slots["reservation_produced_bits"].variable
        assert type(variable._data).__name__ != "ndarray"
        cost = slots["qkd_on_demand_cost"].mean("slot").item()
        assert cost == pytest.approx(opened.column("slots/qkd_on_demand_cost").mean())


def test_what_a_kill_left_is_read_the_same_way(tmp_path: Path) -> None:
    path = tmp_path / "killed.h5"
    code = (
        "import os, signal\n"
        "from tests.support.helpers import nsfnet\n"
        "from qnetsim.scenario import PolicyTable\n"
        "from qnetsim.runs.simulate import simulate\n"
        "from qnetsim.trace import open_trace\n"
        f"out = {str(path)!r}\n"
        "def stop(slots):\n"
        "    if os.path.exists(out):\n"  # which it does from the first commit on
        "        with open_trace(out) as t:\n"
        "            if t.slots >= 4096:\n"
        "                os.kill(os.getpid(), signal.SIGKILL)\n"
        "simulate(nsfnet(run__slots='4000000'), PolicyTable(name='evf'), out, progress=stop)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True)
    assert run.returncode == -signal.SIGKILL
    with open_trace(path) as opened:
        assert opened.status == "incomplete"
        assert opened.slots >= 4096
        assert opened.frame("slots")["served"].sum() == opened.column("slots/served").sum()
        assert opened.dataset("slots").sizes["slot"] == opened.slots


@pytest.mark.skipif(shutil.which("h5dump") is None, reason="no h5dump on this machine")
def test_h5dump_reads_it(trace: Path) -> None:
    def dump(*options: str) -> str:
        command = ["h5dump", *options, str(trace)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    header = dump("-H")
    for column in COLUMNS:
        assert f'DATASET "{column.name}"' in header
    served = dump("-y", "-w", "1", "-d", "/slots/served")
    assert served.count("12") >= 2100
    provenance = dump("-a", "/provenance")
    assert "evf" in provenance


def test_the_page_is_true(trace: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every Python example of the page runs, on a trace of the name that it uses."""
    pytest.importorskip("xarray")
    page = (ROOT / "docs" / "tutorials" / "read-a-trace.md").read_text("utf-8")
    monkeypatch.chdir(tmp_path)
    shutil.copy(trace, "evf.h5")
    examples = page.split("```python\n")[1:]
    assert len(examples) >= 4
    for example in examples:
        exec(compile(example.split("```")[0], "page", "exec"), {})


def test_others_see_who_wrote_it(trace: Path) -> None:
    with h5py.File(trace) as file:
        provenance = json.loads(file.attrs["provenance"])
    assert provenance["software"]["name"] == "qnetsim"
    assert provenance["policy"]["name"] == "evf"


def test_a_trace_is_looked_at_once_before_it_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = simulate(nsfnet(run__slots="4"), PolicyTable(name="evf"), tmp_path / "t.h5")
    looked: list[object] = []
    honest = h5py.is_hdf5
    monkeypatch.setattr(h5py, "is_hdf5", lambda name: looked.append(name) or honest(name))
    with open_trace(path) as trace:
        assert trace.status == "complete"
        # what was read once is kept
        monkeypatch.setattr(trace, "_attributes", {})
        assert trace.status == "complete"
    assert len(looked) == 1


def test_traces_that_a_comparison_left_out_are_not_read_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = nsfnet(run__slots="4", run__replications="3")
    paths = run_policies(scenario, ["evf", "sip"], tmp_path)
    looked: list[str] = []
    honest = StoredColumns._dataset

    def dataset(self: StoredColumns, column: Column) -> object:
        looked.append(column.path)
        return honest(self, column)

    monkeypatch.setattr(StoredColumns, "_dataset", dataset)
    some = [path for path in paths if "r002" not in path.name]
    compare_traces(some)
    each = len(looked) / len(some)
    looked.clear()
    compare_traces(paths)
    assert len(looked) == each * len(paths)


@pytest.mark.parametrize(
    "rows", [{"first": -1}, {"first": 0, "end": -2}, {"first": "a"}, {"end": 2.5}]
)
def test_rows_that_are_none_are_refused(trace: Path, rows: dict[str, Any]) -> None:
    with open_trace(trace) as opened, pytest.raises(UsageError, match=r"(first|end)[:=].*0 \.\. "):
        opened.column("slots/served", **rows)


def test_a_closed_trace_says_that_it_is_closed(trace: Path) -> None:
    with open_trace(trace) as opened:
        assert opened.status == "complete"
    for read in (
        lambda: opened.status,
        lambda: opened.attributes,
        lambda: opened.slot_s,
        lambda: opened.column("slots/served"),
        lambda: opened.frame("slots"),
    ):
        with pytest.raises(UsageError, match="the trace is closed"):
            read()
    assert "closed" in repr(opened)
