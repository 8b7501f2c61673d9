"""Traces: what is written, who can read it, what is refused, what survives."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from qnetsim.analysis import run_metrics
from qnetsim.case import open_case
from qnetsim.errors import PolicyError, TraceError, TraceFormatError, UsageError
from qnetsim.policies import Decision, Observation, Policy
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable
from qnetsim.trace import TraceWriter, WriteBehind, open_trace
from qnetsim.trace.hdf5.chunks import ColumnWriter
from qnetsim.trace.hdf5.write_behind import MOST_BYTES
from qnetsim.trace.new_trace import NewTrace
from qnetsim.trace.schema import COLUMNS, recorded, totals
from qnetsim.trace.whole_writer import WholeTraceWriter
from qnetsim.vocabulary import PLAN_STATUS
from tests.support import ROOT
from tests.support.helpers import Scripted, nsfnet, run
from tests.support.processes import mind_signals


@pytest.fixture(scope="module")
def sip_trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trace") / "sip.h5"
    scenario = nsfnet(run__slots="1500", demand__requests="20")
    return simulate(scenario, PolicyTable(name="sip"), path)


def test_a_trace_says_what_the_kernel_did(sip_trace: Path) -> None:
    scenario = nsfnet(run__slots="1500", demand__requests="20")
    with open_trace(sip_trace) as trace:
        assert trace.status == "complete"
        assert trace.slots == 1500
        plan = trace.provenance["plan"]
        assert plan["status"] == "optimal"
        channels = trace.column("decisions/qkd_channels")
        wavelengths = trace.column("decisions/km_wavelengths")
        routes = open_case(scenario).setting.shortest_routes()
        again = run(scenario, Scripted(channels, wavelengths, hold=1500, routes=routes))
        np.testing.assert_array_equal(trace.column("world/levels"), again.levels)
        for column in recorded():
            if not column.volatile and column.name != "plan_status":  # the script has no plan
                found = trace.column(column.path)
                np.testing.assert_array_equal(found, again.columns[column.name])
        assert set(trace.column("decisions/plan_status")) == {PLAN_STATUS.index("optimal")}
        assert plan["solve_s"] > 1e-4
        for column in totals():
            found = trace.column(column.path)
            np.testing.assert_array_equal(found, again.ledger[column.name])


def test_content_digest_is_reproducible_and_notices_any_number(
    sip_trace: Path, tmp_path: Path
) -> None:
    scenario = nsfnet(run__slots="1500", demand__requests="20")
    again = simulate(scenario, PolicyTable(name="sip"), tmp_path / "again.h5")
    with open_trace(sip_trace) as a, open_trace(again) as b:
        stored = a.attribute("content_digest")
        assert len(stored) == 64
        assert stored == b.attribute("content_digest") == a.content_digest() == b.content_digest()
    for column in COLUMNS:
        if column.volatile or column.kind == "str" or column.group in {"faults", "rounds"}:
            continue
        with h5py.File(again, "r+") as file:
            dataset = file[column.path]
            place = tuple(0 for _ in dataset.shape)
            before = dataset[place]
            dataset[place] = before + 1
        with open_trace(again) as trace:
            assert trace.content_digest() != stored, column.path
        with h5py.File(again, "r+") as file:
            file[column.path][place] = before


def test_xarray_opens_a_trace_as_it_is(sip_trace: Path) -> None:
    xarray = pytest.importorskip("xarray")
    with xarray.open_datatree(sip_trace, engine="h5netcdf") as tree:
        slots = tree["slots"]
        assert slots["qkd_reserved_cost"].dims == ("slot",)
        assert slots["on_demand_channels"].dims == ("slot", "fibre")
        assert slots["served"].sum().item() == 1500 * 20
        assert tree["fibres"]["source"].values.tolist()[0] == "1"
        assert tree["decisions"]["decide_s"].attrs["volatile"] == 1
        assert slots["reservation_stored_bits"].attrs["units"] == "bit"
        assert json.loads(tree.attrs["provenance"])["policy"]["name"] == "sip"
        with open_trace(sip_trace) as trace:
            for column in COLUMNS:
                values = tree[column.group][column.name].values
                np.testing.assert_array_equal(values, trace.column(column.path))


def test_h5py_alone_reads_a_trace(sip_trace: Path) -> None:
    with h5py.File(sip_trace) as file:
        assert file.attrs["filetype"] == "qnetsim-trace"
        assert file.attrs["version"].tolist() == [1, 4]
        for column in COLUMNS:
            dataset = file[column.path]
            assert dataset.attrs["long_name"] == column.meaning
            assert "_FillValue" not in dataset.attrs
            if column.name not in column.dims:
                assert [d.keys()[0] for d in dataset.dims] == list(column.dims)


def test_an_existing_trace_is_not_overwritten(sip_trace: Path) -> None:
    before = sip_trace.read_bytes()
    with pytest.raises(UsageError, match=r"exists already; .* force=True"):
        simulate(nsfnet(run__slots="5"), PolicyTable(name="sip"), sip_trace)
    assert sip_trace.read_bytes() == before


def damaged(tmp_path: Path, name: str, source: Path) -> Path:
    path = tmp_path / f"{name}.h5"
    raw = source.read_bytes()
    if name == "text":
        path.write_text("no trace")
    elif name == "empty":
        path.write_bytes(b"")
    elif name == "truncated":
        path.write_bytes(raw[: len(raw) // 2])
    elif name == "foreign":
        with h5py.File(path, "w") as file:
            file["x"] = [1]
    else:
        path.write_bytes(raw)
        with h5py.File(path, "r+") as file:
            if name == "newer":
                file.attrs["version"] = [2, 0]
            elif name == "older":
                file.attrs["version"] = [0, 9]
            elif name == "versionless":
                del file.attrs["version"]
            elif name == "countless":
                del file["committed_slots"]
    return path


WRONG = {
    "text": "not an HDF5 file",
    "empty": "not an HDF5 file",
    "truncated": "cannot be opened",
    "foreign": "not a qnetsim trace",
    "newer": "newer than 1.x",
    "older": "older than 1.x",
    "versionless": "no valid format version",
    "countless": "damaged",
}


@pytest.mark.parametrize(("name", "word"), WRONG.items())
def test_each_wrong_file_has_its_own_error(
    name: str, word: str, sip_trace: Path, tmp_path: Path
) -> None:
    with pytest.raises(TraceFormatError, match=word):
        open_trace(damaged(tmp_path, name, sip_trace))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such trace"):
        open_trace(tmp_path / "none.h5")


def test_mutated_traces_give_errors_of_ours(sip_trace: Path, tmp_path: Path) -> None:
    raw = bytearray(sip_trace.read_bytes())
    rng = np.random.default_rng(0)
    for i in range(60):
        copy = bytearray(raw)
        for place in rng.integers(0, len(raw), 20):
            copy[place] = int(rng.integers(256))
        path = tmp_path / f"{i}.h5"
        path.write_bytes(copy)
        try:
            with open_trace(path) as trace:
                trace.content_digest()
                assert isinstance(trace.provenance, dict)
        except TraceError:
            pass


class Failing(Policy):
    """Decides slot by slot and breaks down in slot 2500."""

    def decide(self, observation: Observation) -> Decision:
        if observation.slot == 2500:
            raise RuntimeError("lost the network")
        return Decision(np.full(21, 1), np.full(21, 1), 100)


def test_a_failed_run_keeps_what_was_flushed(tmp_path: Path) -> None:
    path = tmp_path / "failed.h5"
    with pytest.raises(PolicyError, match="slot 2500: RuntimeError: lost the network"):
        simulate(nsfnet(run__slots="5000"), Failing(), path)
    with open_trace(path) as trace:
        assert (trace.status, trace.slots) == ("failed", 2048)
        assert trace.content_digest() == trace.attribute("content_digest")


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_keeps_what_was_flushed(kind: signal.Signals, tmp_path: Path) -> None:
    path = tmp_path / "long.h5"
    command = [sys.executable, "-m", "qnetsim", "run", str(ROOT / "scenarios" / "nsfnet.toml")]
    command += ["--policy", "random", "--slots", "50000000", "--out", str(path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, env=environment, preexec_fn=mind_signals
    ) as process:
        try:
            deadline = time.monotonic() + 240
            while not (path.exists() and path.stat().st_size > 2_000_000):
                assert process.poll() is None, process.stderr.read().decode()
                assert time.monotonic() < deadline
                time.sleep(0.02)
            process.send_signal(kind)
            _, stderr = process.communicate(timeout=60)
        finally:
            # else a run of 50 million slots would be waited for
            process.kill()
    if kind is signal.SIGINT:
        assert process.returncode == 130
        assert b"interrupted" in stderr
        assert b"Traceback" not in stderr
    with open_trace(path) as trace:
        assert trace.status == ("interrupted" if kind is signal.SIGINT else "incomplete")
        assert trace.slots >= 1024
        assert trace.slots % 1024 == 0
        served = trace.column("slots/served")
        assert (served == 100).all()
        assert (trace.column("slots/slot") == np.arange(trace.slots)).all()
        total = trace.column("slots/reservation_produced_bits").sum(axis=0)
        if kind is signal.SIGINT:
            assert trace.content_digest() == trace.attribute("content_digest")
            np.testing.assert_array_equal(total, trace.column("ledger/reservation_produced_bits"))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="is a file, not a folder"):
        simulate(nsfnet(run__slots="5"), PolicyTable(name="sip"), tmp_path / "file" / "t.h5")


def test_a_long_list_of_pairs_fits_into_the_provenance(tmp_path: Path) -> None:
    pairs = [["1", str(2 + i % 13)] for i in range(6000)]
    scenario = nsfnet(run__slots="3", demand__pairs=json.dumps(pairs))
    path = simulate(scenario, PolicyTable(name="sip"), tmp_path / "many.h5")
    with open_trace(path) as trace:
        assert len(trace.provenance["scenario"]["demand"]["pairs"]) == 6000


@pytest.mark.parametrize("missing", [1, 100, 1000, 0.5, 0.9])
def test_truncated_traces_are_refused_at_once(
    missing: float, sip_trace: Path, tmp_path: Path
) -> None:
    raw = sip_trace.read_bytes()
    cut = int(missing) if missing >= 1 else int(missing * len(raw))
    path = tmp_path / "cut.h5"
    path.write_bytes(raw[: len(raw) - cut])
    with pytest.raises(TraceFormatError):
        open_trace(path)


def spoil(path: Path, what: str) -> None:
    with h5py.File(path, "r+") as file:
        if what == "short column":
            file["slots/served"].resize(1, axis=0)
        elif what == "missing column":
            del file["slots/served"]
        elif what == "too many committed":
            file["committed_slots"][...] = 10**6
        elif what == "negative committed":
            file["committed_slots"][...] = -1
        elif what == "wrong type":
            del file["slots/arrived"]
            file["slots/arrived"] = np.zeros(1500)
        elif what == "group":
            del file["slots/arrived"]
            file.create_group("slots/arrived")
        else:
            file.attrs["provenance"] = what


SPOILED = ["short column", "missing column", "too many committed", "negative committed"]
SPOILED += ["wrong type", "group", "[]", "3", "null", '"x"', "{", "[" * 10_000]
SPOILED += ['{"policy": 5}', '{"software": {}, "policy": {"title": 3}}']


@pytest.mark.parametrize("what", SPOILED)
def test_spoiled_traces_are_refused_on_opening(what: str, sip_trace: Path, tmp_path: Path) -> None:
    path = tmp_path / "spoiled.h5"
    path.write_bytes(sip_trace.read_bytes())
    spoil(path, what)
    with pytest.raises(TraceFormatError):
        open_trace(path)


def test_a_cost_that_is_no_number_is_refused(sip_trace: Path, tmp_path: Path) -> None:
    path = tmp_path / "nan.h5"
    path.write_bytes(sip_trace.read_bytes())
    with h5py.File(path, "r+") as file:
        file["slots/qkd_reserved_cost"][3] = np.nan
    with open_trace(path) as trace, pytest.raises(TraceFormatError, match="not a finite"):
        run_metrics(trace)


@pytest.mark.parametrize(("writer", "slots"), [(WholeTraceWriter, "5"), (TraceWriter, "1025")])
def test_a_failed_overwrite_keeps_the_old_trace(
    sip_trace: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    writer: type[NewTrace],
    slots: str,
) -> None:
    path = tmp_path / "kept.h5"
    path.write_bytes(sip_trace.read_bytes())

    def fail(self: NewTrace, *args: object) -> None:
        raise OSError("no")

    monkeypatch.setattr(writer, "_create", fail)
    with pytest.raises(TraceError, match="cannot be created: no"):
        simulate(nsfnet(run__slots=slots), PolicyTable(name="sip"), path, force=True)
    assert path.read_bytes() == sip_trace.read_bytes()
    assert [p.name for p in tmp_path.iterdir()] == ["kept.h5"]


def test_a_full_disk_is_noticed_before_it_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = iter([10**12, 10**12, 5])

    class Usage:
        def __init__(self, path: Path) -> None:
            self.free = next(free)

    monkeypatch.setattr(shutil, "disk_usage", Usage)
    path = tmp_path / "full.h5"
    with pytest.raises(TraceError, match=r"almost full .*; [\d,]+ slots are safe") as caught:
        simulate(nsfnet(run__slots="90000"), PolicyTable(name="sip"), path)
    with open_trace(path) as trace:
        # how many blocks a write takes at once is a matter of time
        assert trace.status == "failed"
        assert trace.slots >= 2048
        assert f"; {trace.slots:,} slots are safe" in str(caught.value)
        assert trace.content_digest() == trace.attribute("content_digest")


def test_a_signal_is_obeyed_between_two_steps(tmp_path: Path) -> None:
    """However early or awkward the moment: the run stops, says so, and the trace agrees."""
    path = tmp_path / "s.h5"

    def stop(slots: int) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        simulate(nsfnet(run__slots="9000"), PolicyTable(name="sip"), path, progress=stop)
    with open_trace(path) as trace:
        assert (trace.status, trace.slots) == ("interrupted", 1024)
        assert trace.content_digest() == trace.attribute("content_digest")
    with h5py.File(path) as file:
        assert file["slots/served"].shape == (1024,)


def test_an_interruption_within_a_write_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = ColumnWriter.append

    def append(self: ColumnWriter, first: int, parts, counts) -> None:
        if first and self._column.path == "slots/served":
            raise KeyboardInterrupt
        honest(self, first, parts, counts)

    monkeypatch.setattr(ColumnWriter, "append", append)
    path = tmp_path / "torn.h5"

    class Alone(WriteBehind):  # one block a write
        def put(self, item) -> None:
            super().put(item)
            with self._change:
                self._change.wait_for(lambda: self._error or not self._bytes)

    monkeypatch.setattr("qnetsim.trace.hdf5.write_behind.WriteBehind", Alone)
    with pytest.raises(KeyboardInterrupt):
        simulate(nsfnet(run__slots="3000"), PolicyTable(name="sip"), path)
    with open_trace(path) as trace:
        assert (trace.status, trace.slots) == ("interrupted", 1024)
        assert trace.content_digest() == trace.attribute("content_digest")
        total = trace.column("slots/reservation_produced_bits").sum(axis=0)
        np.testing.assert_array_equal(total, trace.column("ledger/reservation_produced_bits"))
    with h5py.File(path) as file:
        rows = {file[c.path].shape[0] for c in COLUMNS if c.grows}
        assert rows == {1024}


def test_writing_behind_keeps_order_and_loses_nothing() -> None:
    begun, go, batches = threading.Event(), threading.Event(), []

    def write(batch: list[int]) -> None:
        batches.append(batch)
        begun.set()
        assert go.wait(60)

    with pytest.raises(ZeroDivisionError), WriteBehind(write, lambda _: 1) as behind:
        behind.put(0)
        assert begun.wait(60)
        for item in range(1, 6):
            behind.put(item)
        assert batches == [[0]]
        go.set()
        raise ZeroDivisionError  # what had come is written all the same
    # never more at once than a quarter of what is safe, and one: a failing write costs no more
    assert batches == [[0], [1], [2], [3], [4, 5]]


def test_writing_behind_waits_where_too_much_is_on_its_way() -> None:
    most, now = [0], [0]

    def write(batch: list[int]) -> None:
        most[0] = max(most[0], sum(batch))
        time.sleep(0.001)
        with lock:
            now[0] -= sum(batch)

    lock = threading.Lock()
    with WriteBehind(write, lambda size: size) as behind:
        for _ in range(20):
            behind.put(MOST_BYTES // 2)
            with lock:
                now[0] += MOST_BYTES // 2
                assert now[0] <= MOST_BYTES
        behind.put(5 * MOST_BYTES)  # alone it may be any size
    assert most[0] == 5 * MOST_BYTES


def test_what_fails_behind_is_raised_in_front() -> None:
    written = []

    def write(batch: list[int]) -> None:
        if 3 in batch:
            raise OSError("disk")
        written.extend(batch)

    with pytest.raises(OSError, match="disk"), WriteBehind(write, lambda _: MOST_BYTES) as behind:
        for item in itertools.count():
            behind.put(item)
    assert written == [0, 1, 2]
    with pytest.raises(OSError, match="disk"), WriteBehind(write, lambda _: 1) as behind:
        behind.put(3)


def test_no_path_of_the_machine_is_in_a_trace(tmp_path: Path) -> None:
    (tmp_path / "net.csv").write_text("source,target,length_km\na,b,10\n")
    scenario = nsfnet(run__slots="3", network__topology=repr(str(tmp_path / "net.csv")))
    path = simulate(scenario, PolicyTable(name="sip"), tmp_path / "t.h5")
    assert str(tmp_path).encode() not in path.read_bytes()
    with open_trace(path) as trace:
        assert trace.provenance["scenario"]["network"]["topology"] == "net.csv"


def test_writer_is_closed_whatever_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up: one error that says what is safe; ahead of the first slots, nothing."""
    append = ColumnWriter.append

    def full(self: ColumnWriter, first: int, *args: Any) -> None:
        if first >= safe:
            raise OSError(28, "No space left on device")
        append(self, first, *args)

    monkeypatch.setattr(ColumnWriter, "append", full)
    path = tmp_path / "new" / "full.h5"
    scenario = nsfnet(run__slots="2000")
    safe = 0
    with pytest.raises(TraceError, match=r"cannot be written: .*No space left.*nothing was writ"):
        simulate(scenario, PolicyTable(name="sip"), path)
    assert not list(tmp_path.iterdir())
    safe = 1024
    with pytest.raises(TraceError, match=r"cannot be written: .*No space left.*1,024 slots are"):
        simulate(scenario, PolicyTable(name="sip"), path)
    with open_trace(path) as trace:
        assert (trace.status, trace.slots) == ("failed", 1024)
