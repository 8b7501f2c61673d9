"""The compiled kernel beside version 0.1.0, as ratios within one run: ``make bench``.

Both run the same scenarios with a trace, in turn, each in a process of its own, and must end with
the same content digest. ``python -m tests.benchmarks.test_kernel_speed`` prints the table of
docs/background/speed.md.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support import ROOT
from tests.support.release import Pair, in_tree, unpack_release

pytestmark = pytest.mark.slow

#: Pairs of runs; the least time of each version counts.
ROUNDS = 3
#: Prints CPU microseconds of a slot with trace, once all is compiled, and the content digest.
WORKER = """
import json, sys, tempfile, time
from pathlib import Path
from qnetsim import make_plan, open_trace, run
from qnetsim.scenario import PolicyTable, parse_scenario
text, policy, slots, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
table = PolicyTable(name=policy)
def scenario(count):
    found = parse_scenario(text)
    return found.model_copy(update={"run": found.run.model_copy(update={"slots": count})})
plan = make_plan(scenario(slots), table)
folder = Path(tempfile.mkdtemp())
run(scenario(100), table, folder / "warm.h5", plan=plan, kernel="numba")
least = 1e9
for number in range(rounds):
    path = folder / f"{number}.h5"
    started = time.process_time()
    run(scenario(slots), table, path, plan=plan, kernel="numba")
    least = min(least, time.process_time() - started)
with open_trace(path) as trace:
    digest = trace.attribute("content_digest")
print(json.dumps({"us": 1e6 * least / slots, "digest": digest}))
"""

#: Prints what hashing and deflating the same rows takes of that, in CPU microseconds of a slot.
BOUND = """
import hashlib, json, sys, tempfile, time
from pathlib import Path
from qnetsim import make_plan, run
from qnetsim.scenario import PolicyTable, parse_scenario
from qnetsim.trace.hdf5.packing import Packer
text, policy, slots = sys.argv[1], sys.argv[2], int(sys.argv[3])
table = PolicyTable(name=policy)
scenario = parse_scenario(text)
scenario = scenario.model_copy(update={"run": scenario.run.model_copy(update={"slots": slots})})
plan = make_plan(scenario, table)
spent = {"hash": 0.0, "deflate": 0.0}
def timed(name, function):
    def call(*given):
        started = time.thread_time()
        found = function(*given)
        spent[name] += time.thread_time() - started
        return found
    return call
honest = hashlib.sha256
Packer.stream = timed("deflate", Packer.stream)
hashlib.sha256 = timed("hash", honest)
run(scenario, table, Path(tempfile.mkdtemp()) / "t.h5", plan=plan, kernel="numba")
print(json.dumps({name: 1e6 * seconds / slots for name, seconds in spent.items()}))
"""


class Setup(NamedTuple):
    """A run, and the least ratio to version 0.1.0 that is promised."""

    name: str
    policy: str
    slots: int
    promised: float

    @property
    def scenario(self) -> str:
        if self.name == "everything on":
            return (ROOT / "scenarios" / "outages.toml").read_text("utf-8")
        shipped = (ROOT / "scenarios" / "nsfnet.toml").read_text("utf-8")
        return shipped.replace('coupling = "comonotone"', f'coupling = "{self.name}"')


SETUPS = (
    Setup("everything on", "evf", 20_480, 4.2),
    Setup("comonotone", "sip", 102_400, 2.5),
    Setup("independent", "sip", 102_400, 1.8),
)


def compared(release: Path, setup: Setup) -> Pair:
    """CPU microseconds of a slot with trace."""
    words = (setup.scenario, setup.policy, str(setup.slots), str(ROUNDS))
    old = in_tree(release, WORKER, *words)
    new = in_tree(ROOT, WORKER, *words)
    # the same run, or the ratio would mean nothing
    assert new["digest"] == old["digest"]
    return Pair(old["us"], new["us"])


@pytest.mark.parametrize("setup", SETUPS, ids=lambda s: s.name.replace(" ", "-"))
def test_a_slot_costs_less_than_in_the_release(setup: Setup, release: Path) -> None:
    found = compared(release, setup)
    print(
        f"\n{setup.name}: {found.before:.1f} µs a slot in 0.1.0, {found.now:.1f} now; "
        f"ratio {found.ratio:.2f}"
    )
    assert found.ratio >= setup.promised


def main() -> None:
    """Print the table."""
    print("| run with trace | 0.1.0, µs a slot | now | ratio | of it SHA-256 | deflate |")
    print("|---|--:|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        unpack_release(Path(folder))
        for setup in SETUPS:
            found = compared(Path(folder), setup)
            words = (setup.scenario, setup.policy, str(setup.slots))
            bound = in_tree(ROOT, BOUND, *words)
            print(
                f"| {setup.name} | {found.before:.1f} | {found.now:.1f} | {found.ratio:.2f} "
                f"| {bound['hash']:.2f} | {bound['deflate']:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
