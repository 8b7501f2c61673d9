"""Traces that are read in several processes: the same comparison, and the same errors.

Workers are forked, which a process with several threads cannot be. So each test is a script.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux only")

ITEMS = """
import os
import threading
import time
from unittest import mock
from qnetsim.errors import TraceError, UsageError
from qnetsim.process_pool import ProcessPool
from qnetsim.runs.workers import FEW_ITEMS, map_in_workers

def square_in(number):
    if number in {7, 20}:
        raise UsageError(f"number {number}")
    return number**2, os.getpid()

def end(number):
    os._exit(number)

def processes(items, workers):
    return {process for _, process in map_in_workers(square_in, items, workers)}

submit = ProcessPool.submit
pieces = []

def submit_counted(pool, *given, **named):
    pieces.append(given)
    return submit(pool, *given, **named)

def submit_late(pool, *given, **named):
    time.sleep(0.005)
    return submit(pool, *given, **named)

def message(find):
    try:
        list(map_in_workers(find, range(FEW_ITEMS), 2))
    except (TraceError, UsageError) as error:
        return str(error)

if __name__ == "__main__":
    # pieces of four, and the last one of three
    numbers = range(100, 103 + FEW_ITEMS)
    here = {os.getpid()}
    with mock.patch.object(ProcessPool, "submit", submit_counted):
        found = map_in_workers(square_in, numbers, 2)
    assert len(pieces) == 33
    assert [square for square, _ in found] == [number**2 for number in numbers]
    assert not here & {process for _, process in found}
    assert processes(numbers[4:], 2) == here
    assert processes(numbers, 1) == here
    assert message(square_in) == "number 7"
    assert message(end).startswith("a worker process died")
    # and before all items are submitted
    with mock.patch.object(ProcessPool, "submit", submit_late):
        assert message(end).startswith("a worker process died")
    stop = threading.Event()
    threading.Thread(target=stop.wait).start()
    assert processes(numbers, 2) == here
    stop.set()
"""

TRACES = """
from functools import partial
from pathlib import Path
from qnetsim.analysis import compare_traces
from qnetsim.errors import TraceError
from qnetsim.runs import workers
from qnetsim.runs.batch import run_policies
from qnetsim.runs.workers import map_in_workers
from tests.support.helpers import nsfnet

asked = []

def in_two(find, paths):
    # only what workers find is a list
    asked.append((len(paths), type(found := map_in_workers(find, paths, 2)) is list))
    return found

def told(paths, each):
    try:
        compare_traces(paths, each=each)
    except TraceError as error:
        return str(error)

if __name__ == "__main__":
    workers.FEW_ITEMS = 32
    count = 16
    scenario = nsfnet(
        run__slots="30",
        run__replications=str(count),
        run__warmup_slots="7",
        demand__requests="20",
        # stores fill at first, so that a warm-up is cut
        key_management__store_bits="50000",
        key_management__key_lifetime_slots="9",
    )
    traces = run_policies(scenario, ["level:level=4,label=level", "random"], Path("many"))
    here, there = compare_traces(traces), compare_traces(traces, each=in_two)
    # all policies at once, over all slots and again without the warm-up; all may warm up
    assert asked == [(2 * count, True), (0, False), (2 * count, True)], asked
    assert here.warm_up == there.warm_up
    assert here.warm_up.slots == 7
    for ours, theirs in zip(here.policies, there.policies, strict=True):
        assert (ours.name, ours.cost, ours.keys) == (theirs.name, theirs.cost, theirs.keys)
        for one, other in zip(ours.runs, theirs.runs, strict=True):
            assert (one.trace, one.cost_by_kind) == (other.trace, other.cost_by_kind)
            assert one.consumed_bits.tobytes() == other.consumed_bits.tobytes()
            assert one.provenance == other.provenance
    # of several bad traces the first is named
    bad = [Path("bad.h5"), Path("worse.h5")]
    for path in bad:
        path.write_bytes(b"no trace")
    listed = [*traces[:9], bad[0], *traces[9:], bad[1]]
    assert told(listed, in_two) == told(listed, map)
    assert told(listed, map).startswith("bad.h5")
"""


@pytest.mark.parametrize("code", [ITEMS, TRACES], ids=["items", "traces"])
def test_what_workers_read_is_what_one_process_reads(code: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(code)
    threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | threads,
        check=True,
    )
