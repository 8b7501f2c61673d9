"""Runs with a trace beside version 0.1.0, and beside their bounds, within one run: ``make bench``.

Both versions run the same scenarios, one round each, in turn, each in a process of its own, and
must end with the same content digest. The round whose ratio is the middle one counts.

CPU time is that of processes bound to one processor. This version has two threads, which take time
from each other where both run at once: they share caches, memory and Python's lock.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support import ROOT
from tests.support.bounds import Bounds
from tests.support.release import Ratio, in_turn, median_pair

pytestmark = pytest.mark.slow

#: What a round gives.
Round = dict[str, Any]
#: Rounds of each version.
ROUNDS = 7
#: Gives microseconds of a slot with trace, once all is compiled, in CPU time and by the clock, and
#: the content digest.
WORKER = """
import os, tempfile, time
from pathlib import Path
from qnetsim import make_plan, open_trace, run
from qnetsim.scenario import PolicyTable, parse_scenario
text, policy, slots, kernel = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
if sys.argv[5] == "one" and hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
table = PolicyTable(name=policy)
def scenario(count):
    found = parse_scenario(text)
    return found.model_copy(update={"run": found.run.model_copy(update={"slots": count})})
whole = scenario(slots)
plan = make_plan(whole, table)
folder = Path(tempfile.mkdtemp())
run(scenario(100), table, folder / "warm.h5", plan=plan, kernel=kernel)
path = folder / "t.h5"
def measure():
    path.unlink(missing_ok=True)
    begun, started = time.perf_counter(), time.process_time()
    run(whole, table, path, plan=plan, kernel=kernel)
    spent, clock = time.process_time() - started, time.perf_counter() - begun
    with open_trace(path) as trace:
        digest = trace.attribute("content_digest")
    return {"us": 1e6 * spent / slots, "clock": 1e6 * clock / slots, "digest": digest}
"""


class Setup(NamedTuple):
    """A run; what was asked of its ratio to 0.1.0, and what is promised: CPU time, clock."""

    world: str
    policy: str
    kernel: str
    slots: int
    asked: float
    promised: float
    by_clock: float = 1.0

    @property
    def name(self) -> str:
        return f"{self.world}, {self.kernel}"

    @property
    def scenario(self) -> str:
        if self.world == "everything on":
            return (ROOT / "scenarios" / "outages.toml").read_text("utf-8")
        shipped = (ROOT / "scenarios" / "nsfnet.toml").read_text("utf-8")
        return shipped.replace('coupling = "comonotone"', f'coupling = "{self.world}"')


#: Asked are 20 of 123 µs, 2.5 of 6.6, 5.5 of 8.7; and without numba nothing slower.
SETUPS = (
    Setup("everything on", "evf", "numba", 102_400, 6.15, 5.2, by_clock=5.0),
    Setup("comonotone", "sip", "numba", 102_400, 2.64, 2.7, by_clock=2.6),
    Setup("independent", "sip", "numba", 102_400, 1.58, 2.0, by_clock=2.1),
    Setup("everything on", "evf", "numpy", 256, 1.0, 1.1),
    Setup("comonotone", "sip", "numpy", 20_480, 1.0, 1.7),
    Setup("independent", "sip", "numpy", 10_240, 1.0, 1.6),
)


def rounds_of(setup: Setup, release: Path, processors: str) -> list[tuple[Round, Round]]:
    """Old and new in turn, bound to ``one`` processor or on ``all``."""
    if setup.kernel == "numba":
        pytest.importorskip("numba")
    words = (setup.scenario, setup.policy, str(setup.slots), setup.kernel, processors)
    rounds = in_turn(release, WORKER, words, ROUNDS)
    # the same run, or the ratio would mean nothing
    assert len({version["digest"] for pair in rounds for version in pair}) == 1
    return rounds


@pytest.mark.parametrize("setup", SETUPS, ids=lambda s: s.name.replace(" ", "-"))
def test_a_slot_costs_less_than_in_the_release(setup: Setup, release: Path) -> None:
    rounds = rounds_of(setup, release, "one")
    before, now = median_pair([(old["us"], new["us"]) for old, new in rounds])
    Ratio(setup.name, "µs a slot", before, now, setup.promised, setup.asked).hold()


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="two threads need two processors")
@pytest.mark.parametrize("setup", SETUPS[:3], ids=lambda s: s.world.replace(" ", "-"))
def test_a_run_is_over_sooner_than_in_the_release(setup: Setup, release: Path) -> None:
    rounds = rounds_of(setup, release, "all")
    before, now = median_pair([(old["us"], new["us"]) for old, new in rounds])
    print(f"\n{setup.world}, on all processors: {before:.3g} and {now:.3g} µs of CPU time a slot")
    before, now = median_pair([(old["clock"], new["clock"]) for old, new in rounds])
    Ratio(setup.name, "µs a slot by the clock", before, now, setup.by_clock, setup.asked).hold()


@pytest.mark.parametrize("setup", SETUPS[:3], ids=lambda s: s.world.replace(" ", "-"))
def test_bounds_of_a_slot(setup: Setup) -> None:
    pytest.importorskip("numba")
    found = Bounds.of_run(setup.scenario, setup.policy, setup.slots)
    print(f"\n{setup.world}: {found.told(setup.slots, 1e6, 'µs')} a slot")
    # a run does all of this, and more
    assert found.run > found.total
