"""What a kill leaves is whole, and the run goes on to the digest of an unbroken one."""

from __future__ import annotations

import multiprocessing
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from qnetsim.errors import TraceError, UsageError
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable
from qnetsim.trace import TraceWriter, open_trace
from qnetsim.trace.hdf5.files import only_writer
from qnetsim.trace.new_trace import NewTrace
from qnetsim.trace.whole_writer import WholeTraceWriter
from tests.support import ROOT
from tests.support.helpers import nsfnet
from tests.support.resuming import EVF, spec


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate(spec(), EVF, tmp_path_factory.mktemp("whole") / "whole.h5")


def digest(path: Path) -> str:
    with open_trace(path) as trace:
        assert trace.status == "complete"
        assert trace.content_digest() == trace.attribute("content_digest")
        return trace.attribute("content_digest")


def stopped(path: Path, after: int, number: int = signal.SIGINT, **more: object) -> None:
    """Run until a signal comes in the chunk that follows so many."""
    left = (after + 1) * 1024

    def stop(slots: int) -> None:
        nonlocal left
        left -= slots
        if -slots < left <= 0:
            signal.raise_signal(number)

    with pytest.raises(KeyboardInterrupt):
        simulate(spec(), EVF, path, progress=stop, **more)  # type: ignore[arg-type]


def killed(path: Path, seconds: float) -> None:
    """Start a run in a process of its own, and kill it at a moment."""
    root = ROOT
    code = (
        "from tests.support.resuming import EVF, spec\n"
        "from qnetsim.runs.simulate import simulate\n"
        f"simulate(spec(2000), EVF, {str(path) + '.warm'!r}, force=True)\n"
        f"print('ready', flush=True); simulate(spec(), EVF, {str(path)!r}, resume=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=root, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(seconds)
        process.kill()
    path.with_name(f"{path.name}.warm").unlink()


def test_an_interrupted_run_goes_on_to_the_same_digest(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.h5"
    stopped(path, 7)
    with open_trace(path) as trace:
        assert (trace.status, trace.slots) == ("interrupted", 8192)
    # stopped again ahead of where the first one came: what is there stays
    before = path.read_bytes()
    stopped(path, 3, resume=True)
    assert path.read_bytes() == before
    stopped(path, 15, resume=True)
    with open_trace(path) as trace:
        assert (trace.status, trace.slots) == ("interrupted", 16384)
    simulate(spec(), EVF, path, resume=True)
    assert digest(path) == digest(whole)
    assert [p.name for p in tmp_path.iterdir()] == ["t.h5"]


def check_kill(path: Path, whole: Path, seconds: float) -> int:
    """Kill a run, look at what is left, resume it; returns the slots that were flushed."""
    killed(path, seconds)
    slots = 0
    if path.exists():
        with open_trace(path) as trace, open_trace(whole) as full:
            slots = trace.slots
            for column in ("slots/served", "decisions/qkd_channels", "world/levels", "slots/slot"):
                np.testing.assert_array_equal(trace.column(column), full.column(column, 0, slots))
    simulate(spec(), EVF, path, resume=True)
    assert digest(path) == digest(whole)
    with open_trace(path) as trace:
        assert trace.slots >= slots
    # what a kill left that had no name yet went with the next write
    assert not list(path.parent.glob(f".{path.name}*"))
    return slots


def test_killed_runs_go_on(whole: Path, tmp_path: Path) -> None:
    found = [
        check_kill(tmp_path / f"{i}.h5", whole, seconds)
        for i, seconds in enumerate((0.0, 0.25, 0.4))
    ]
    assert all(slots % 1024 == 0 or slots == 30_000 for slots in found)


@pytest.mark.slow
def test_two_hundred_kills_lose_nothing(whole: Path, tmp_path: Path) -> None:
    started = time.perf_counter()
    simulate(spec(), EVF, tmp_path / "timed.h5")
    longest = 1.2 * (time.perf_counter() - started)
    rng = np.random.default_rng(7)
    found = []
    for i in range(200):
        path = tmp_path / f"{i}.h5"
        found.append(check_kill(path, whole, float(rng.uniform(0, longest))))
        path.unlink()
    # the moments must have met runs at work, not only ahead of them or after
    at_work = sum(0 < slots < 30_000 for slots in found)
    print(f"\n{at_work} of 200 runs were killed at work, {found.count(0)} ahead of the first flush")
    assert at_work >= 60


def test_rows_that_differ_stop_the_run(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.h5"
    stopped(path, 7)
    with h5py.File(path, "r+") as file:
        file["slots/on_demand_stored_bits"][5000, 6] += 1
    before = path.read_bytes()
    with pytest.raises(TraceError) as caught:
        simulate(spec(), EVF, path, resume=True)
    text = str(caught.value)
    assert "cannot be resumed, the run does not come out again: slot 5000, fibre 6 (" in text
    assert "slots/on_demand_stored_bits is" in text
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["t.h5"]


def test_another_run_is_not_resumed(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.h5"
    stopped(path, 2)
    for table, scenario, replication, word in (
        (PolicyTable(name="sip"), spec(), 0, "policy.title is 'evf' there and 'sip' here"),
        (EVF, spec(40_000), 0, "the scenario differs"),
        (EVF, spec(), 1, "the replication differs (replication is 0 there and 1 here)"),
    ):
        with pytest.raises(UsageError) as caught:
            simulate(scenario, table, path, replication=replication, resume=True)
        assert word in str(caught.value)


def test_a_complete_trace_is_left_as_it_is(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.h5"
    path.write_bytes(whole.read_bytes())
    told: list[int] = []
    assert simulate(spec(), EVF, path, resume=True, progress=told.append) == path
    assert path.read_bytes() == whole.read_bytes()
    assert told == [spec().run.slots]
    with pytest.raises(UsageError, match="the policy differs"):
        simulate(spec(), PolicyTable(name="sip"), path, resume=True)


def test_what_is_no_trace_is_not_resumed(tmp_path: Path) -> None:
    path = tmp_path / "t.h5"
    path.write_text("precious")
    with pytest.raises(TraceError, match="not an HDF5 file"):
        simulate(spec(), EVF, path, resume=True)
    assert path.read_text() == "precious"


def test_two_writers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.h5"

    def again(slots: int) -> None:
        for force in (False, True):
            with pytest.raises(TraceError, match="is being written by another run"):
                simulate(spec(), EVF, path, force=force)

    simulate(spec(2000), EVF, path, progress=again)
    with open_trace(path) as trace:
        assert (trace.status, trace.slots) == ("complete", 2000)
    assert [p.name for p in tmp_path.iterdir()] == ["t.h5"]


def _hold(path: Path, connection: object) -> None:
    with only_writer(path):
        connection.send("held")  # type: ignore[attr-defined]
        time.sleep(60)


def test_a_dead_writer_gives_the_file_back(tmp_path: Path) -> None:
    path = tmp_path / "t.h5"
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_hold, args=(path, there))
    process.start()
    try:
        assert here.poll(60)
        assert here.recv() == "held"
        with pytest.raises(TraceError, match="being written"):
            simulate(spec(100), EVF, path)
    finally:
        process.kill()
        process.join(60)
    simulate(spec(100), EVF, path)
    assert [p.name for p in tmp_path.iterdir()] == ["t.h5"]


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    """A file system of 8 MB, where this may be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no file system may be mounted here")
    try:
        path = disk / "t.h5"
        scenario = nsfnet(run__slots="150000", demand__requests="10")
        with pytest.raises(TraceError, match=r"almost full .* slots are safe in it"):
            simulate(scenario, PolicyTable(name="random"), path)
        with open_trace(path) as trace:
            assert trace.status == "failed"
            assert trace.slots >= 1024
            assert trace.content_digest() == trace.attribute("content_digest")
            slots = trace.slots
        # room elsewhere: the copy goes on to the end
        copy = tmp_path / "copy.h5"
        copy.write_bytes(path.read_bytes())
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    simulate(scenario, PolicyTable(name="random"), copy, resume=True)
    with open_trace(copy) as trace:
        assert trace.slots == 150_000 > slots
    assert digest(copy)


def test_a_folder_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for a user without rights: the superuser of the test machine has all of them."""

    def refuse(*arguments: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("qnetsim.trace.hdf5.files.os.open", refuse)
    with pytest.raises(TraceError, match=r"t\.h5: cannot be created: Permission denied"):
        simulate(spec(5), EVF, tmp_path / "t.h5")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("writer", "slots"), [(WholeTraceWriter, 5), (TraceWriter, 1025)])
def test_a_writer_that_fails_to_begin_frees_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writer: type[NewTrace], slots: int
) -> None:
    path = tmp_path / "t.h5"
    path.write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        simulate(spec(slots), EVF, path)
    monkeypatch.setattr(writer, "_create", lambda *a: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        simulate(spec(slots), EVF, path, force=True)
    assert path.read_text() == "mine"
    monkeypatch.undo()
    simulate(spec(slots), EVF, path, force=True)
    assert [p.name for p in tmp_path.iterdir()] == ["t.h5"]
