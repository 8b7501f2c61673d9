"""Trace files and a whole command beside version 0.1.0, as ratios within one run: ``make bench``.

Both versions make the same files, one round each, in turn, in processes of their own, with the same
content digest.
"""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest

from qnetsim.case import load
from qnetsim.runs.simulate import simulate
from qnetsim.trace import open_trace
from tests.support import ROOT
from tests.support.bounds import Bounds, least
from tests.support.release import Ratio, in_turn

pytestmark = pytest.mark.slow

SHIPPED = ROOT / "scenarios" / "nsfnet.toml"
ROUNDS = 4
#: Makes some short traces, then opens and compares one some times; gives the least CPU
#: milliseconds of each.
FILES = """
import tempfile, time
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
def least(call):
    found = 1e9
    for _ in range(5):
        started = time.process_time()
        call()
        found = min(found, time.process_time() - started)
    return 1e3 * found
write()
path = write()
# of two, for the only trace of a policy has intervals over batches, which 0.1.0 did not have
two = [path, write(1)]
compare_traces(two)
def measure():
    figures = least(lambda: compare_traces(two)) / 2
    return {"write": least(write), "open": least(read), "figures": figures, "digest": read()}
"""
#: Runs a command in a process of its own; gives the CPU seconds of all of it, and the content
#: digest. A shorter run goes ahead, in which the loop is compiled for this tree.
COMMAND = """
import resource, subprocess, tempfile
from pathlib import Path
from qnetsim import open_trace
path = Path(tempfile.mkdtemp()) / "t.h5"
def run(slots):
    words = ["run", sys.argv[1], "-p", "sip", "--slots", slots, "--out", str(path), "--force"]
    command = [sys.executable, "-m", "qnetsim", *words]
    subprocess.run(command, check=True, capture_output=True, text=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
begun = run("100000")
def measure():
    global begun
    ended = run(sys.argv[2])
    spent, begun = ended - begun, ended
    with open_trace(path) as trace:
        digest = trace.attribute("content_digest")
    return {"s": spent, "digest": digest}
"""
SLOTS = 1_000_000
#: Name in the table, least ratio that is promised, and the one that was asked for.
OF_FILES = {
    "write": ("one trace of 1,000 slots", 5.0, 2.3),
    "open": ("open a trace, all columns", 0.95, None),
    "figures": ("figures of a trace in a comparison", 2.1, None),
}


def test_files_cost_less_than_in_the_release(release: Path) -> None:
    rounds = in_turn(release, FILES, [SHIPPED.read_text("utf-8")], ROUNDS)
    # the same traces, or the ratio would mean nothing
    assert len({version["digest"] for pair in rounds for version in pair}) == 1
    for key, (name, promised, asked) in OF_FILES.items():
        before, now = (min(one[key] for one in side) for side in zip(*rounds, strict=True))
        Ratio(name, "ms", before, now, promised, asked).hold()


def test_bounds_of_a_file() -> None:
    pytest.importorskip("numba")
    text = SHIPPED.read_text("utf-8")
    found = Bounds.of_run(text, "sip", 1000)
    print(f"\none trace of 1,000 slots: {found.told(1, 1e3, 'ms')}")
    assert found.run > found.total


def test_bound_of_opening_a_file(tmp_path: Path) -> None:
    path = simulate(load(SHIPPED, slots=1000), "sip", tmp_path / "t.h5")

    def names() -> list[bytes]:
        with h5py.File(path) as file:
            found: list[bytes] = []
            file.visititems(
                lambda name, entry: (
                    found.append(name.encode()) if hasattr(entry, "chunks") else None
                )
            )
            return found

    columns = names()

    def bare() -> None:
        with h5py.File(path) as file:
            for name in columns:
                h5py.h5d.open(file.id, name)

    def ours() -> None:
        open_trace(path).close()

    ours()
    bound, spent = (1e3 * least(work, 20) for work in (bare, ours))
    print(f"\nopen a trace {spent:.2f} ms, its {len(columns)} datasets by h5py {bound:.2f} ms")
    assert spent > bound


def test_a_million_slots_cost_less_than_in_the_release(release: Path) -> None:
    rounds = in_turn(release, COMMAND, [str(SHIPPED), str(SLOTS)], 2)
    assert len({version["digest"] for pair in rounds for version in pair}) == 1
    before, now = (min(version["s"] for version in side) for side in zip(*rounds, strict=True))
    # asked are 5.9 of 9.1 seconds
    Ratio("`qnetsim run`, a million slots", "s", before, now, 1.6, 1.54).hold()
