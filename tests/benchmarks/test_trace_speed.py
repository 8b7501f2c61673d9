"""Trace files and a whole command beside version 0.1.0, as ratios within one run: ``make bench``.

Both make the same files in processes of their own, with the same content digest.
``python -m tests.benchmarks.test_trace_speed`` prints the table of docs/background/speed.md.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support import ROOT
from tests.support.release import Pair, in_tree, unpack_release

pytestmark = pytest.mark.slow

SHIPPED = ROOT / "scenarios" / "nsfnet.toml"
#: Makes many short traces, then opens and compares one many times; the least CPU milliseconds of
#: each count.
FILES = """
import json, sys, tempfile, time
from pathlib import Path
from qnetsim import make_plan, open_trace, run
from qnetsim.analysis.compare import compare_traces
from qnetsim.scenario import PolicyTable, parse_scenario
table = PolicyTable(name="sip")
scenario = parse_scenario(sys.argv[1])
scenario = scenario.model_copy(update={"run": scenario.run.model_copy(update={"slots": 1000})})
plan = make_plan(scenario, table)
folder = Path(tempfile.mkdtemp())
numbers = iter(range(10**6))
def write(replication=0):
    path = folder / f"{next(numbers)}.h5"
    run(scenario, table, path, plan=plan, replication=replication)
    return path
def read():
    with open_trace(path) as trace:
        return trace.attribute("content_digest")
def least(call, rounds):
    found = 1e9
    for _ in range(rounds):
        started = time.process_time()
        call()
        found = min(found, time.process_time() - started)
    return 1e3 * found
write()
path = write()
found = {"write": least(write, 20), "open": least(read, 20), "digest": read()}
# of two, for the only trace of a policy has intervals over batches, which 0.1.0 did not have
two = [path, write(1)]
print(json.dumps(found | {"figures": least(lambda: compare_traces(two), 20) / 2}))
"""
#: Runs a command in a process of its own; CPU seconds of all of it, and the content digest. A
#: shorter run goes ahead, in which the loop is compiled for this tree.
COMMAND = """
import json, resource, subprocess, sys, tempfile
from pathlib import Path
path = Path(tempfile.mkdtemp()) / "t.h5"
def seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
for slots in ("100000", sys.argv[2]):
    begun = seconds()
    words = ["run", sys.argv[1], "-p", "sip", "--slots", slots, "--out", str(path), "--force"]
    command = [sys.executable, "-m", "qnetsim", *words]
    subprocess.run(command, check=True, capture_output=True, text=True)
from qnetsim import open_trace
with open_trace(path) as trace:
    digest = trace.attribute("content_digest")
path.unlink()
print(json.dumps({"s": seconds() - begun, "digest": digest}))
"""
SLOTS = 1_000_000


class Measured(NamedTuple):
    """What was compared, and the least ratio that is promised."""

    name: str
    unit: str
    pair: Pair
    promised: float


def files(release: Path) -> list[Measured]:
    """One trace of 1,000 slots, run included; opening it, and its figures in a comparison."""
    old = in_tree(release, FILES, SHIPPED.read_text("utf-8"))
    new = in_tree(ROOT, FILES, SHIPPED.read_text("utf-8"))
    # the same traces, or the ratio would mean nothing
    assert new["digest"] == old["digest"]
    return [
        Measured("one trace of 1,000 slots", "ms", Pair(old["write"], new["write"]), 4.0),
        Measured("open a trace", "ms", Pair(old["open"], new["open"]), 1.1),
        Measured("figures of a trace", "ms", Pair(old["figures"], new["figures"]), 1.8),
    ]


def command(release: Path) -> Measured:
    """``qnetsim run`` over a million slots, figures included."""
    old = in_tree(release, COMMAND, str(SHIPPED), str(SLOTS))
    new = in_tree(ROOT, COMMAND, str(SHIPPED), str(SLOTS))
    assert new["digest"] == old["digest"]
    return Measured("`qnetsim run`, a million slots", "s", Pair(old["s"], new["s"]), 1.54)


def test_files_cost_less_than_in_the_release(release: Path) -> None:
    for found in files(release):
        print(f"\n{_row(found)}")
        assert found.pair.ratio >= found.promised


def test_a_million_slots_cost_less_than_in_the_release(release: Path) -> None:
    found = command(release)
    print(f"\n{_row(found)}")
    assert found.pair.ratio >= found.promised


def _row(found: Measured) -> str:
    pair = found.pair
    unit = found.unit
    name = found.name
    return f"| {name} | {pair.before:.1f} {unit} | {pair.now:.1f} {unit} | {pair.ratio:.2f} |"


def main() -> None:
    """Print the table."""
    print("| what | 0.1.0 | now | ratio |\n|---|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        unpack_release(Path(folder))
        for found in (*files(Path(folder)), command(Path(folder))):
            print(_row(found), flush=True)


if __name__ == "__main__":
    main()
