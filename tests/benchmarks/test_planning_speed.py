"""Planning on a large network beside version 0.1.0, as ratios within one run: ``make bench``.

The tree of that version is put into a folder of its own; both plan the same scenarios in turn, each
in a process of its own, and must reach the same cost. ``python -m
tests.benchmarks.test_planning_speed`` prints the table of docs/background/speed.md.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support import ROOT
from tests.support.release import Pair, in_tree, unpack_release

pytestmark = pytest.mark.slow

#: Runs of each version, in turn; the least time counts.
ROUNDS = 3
#: CPU seconds from which on one run is enough.
LONG_S = 20.0
#: Prints the CPU seconds of a plan, libraries imported before, and what it is.
WORKER = """
import hashlib, json, sys, time
import scipy.optimize, scipy.sparse.csgraph
try:
    from qnetsim.plans.make import make_plan
except ImportError:
    from qnetsim.planning import make_plan
from qnetsim.scenario import PolicyTable, parse_scenario
started = time.process_time()
plan = make_plan(parse_scenario(sys.argv[1]), PolicyTable(name=sys.argv[2]))
seconds = time.process_time() - started
routes = [[r.nodes for r in plan.routes.routes], plan.routes.choice.tolist()]
stage = [plan.qkd_channels.tolist(), plan.km_wavelengths.tolist()]
print(json.dumps({
    "seconds": seconds, "bound": plan.bound,
    "status": str(plan.status), "stage": stage,
    "routes": hashlib.sha256(repr(routes).encode()).hexdigest(),
}))
"""


class Setup(NamedTuple):
    """A plan of 852 nodes, and the least ratio to version 0.1.0 that is promised."""

    policy: str
    requests: int
    promised: float

    @property
    def scenario(self) -> str:
        return (
            '[network]\ntopology = "topohub:backbone/europe"\n'
            f"[demand]\nrequests = {self.requests}\n"
        )


SETUPS = (
    Setup("sip", 30, 0.8),
    Setup("sip", 200, 1.2),
    Setup("sip", 1000, 1.5),
    Setup("perfect", 1000, 4.0),
    Setup("evf", 1000, 10.0),
    Setup("evf", 200, 10.0),
    Setup("evf", 5000, 10.0),
)


def planned(tree: Path, setup: Setup) -> dict[str, Any]:
    """Plan with the package of a folder, in a process of its own."""
    return in_tree(tree, WORKER, setup.scenario, setup.policy)


def compared(release: Path, setup: Setup, rounds: int = ROUNDS) -> tuple[Pair, bool]:
    """CPU seconds of a plan, the least of some runs, and whether the routes are the same."""
    pairs = [(planned(release, setup), planned(ROOT, setup))]
    old, new = pairs[0]
    while len(pairs) < rounds and old["seconds"] < LONG_S:
        pairs.append((planned(release, setup), planned(ROOT, setup)))
    # the same cost, or the ratio would mean nothing
    assert new["stage"] == old["stage"]
    assert new["bound"] == pytest.approx(old["bound"], rel=2e-9)
    seconds = [min(run["seconds"] for run in runs) for runs in zip(*pairs, strict=True)]
    return Pair(*seconds), new["routes"] == old["routes"]


@pytest.mark.parametrize("setup", SETUPS, ids=lambda s: f"{s.policy}-{s.requests}")
def test_plans_of_a_large_network(setup: Setup, release: Path) -> None:
    found, _ = compared(release, setup)
    print(
        f"\n{setup.policy}, 852 nodes, {setup.requests} requests: {found.before:.2f} CPU seconds "
        f"in 0.1.0, {found.now:.2f} now; ratio {found.ratio:.1f}"
    )
    assert found.ratio >= setup.promised


def main() -> None:
    """Print the table, row by row."""
    print("| policy | requests | 0.1.0 | now | ratio | routes |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        unpack_release(Path(folder))
        for setup in SETUPS:
            found, same = compared(Path(folder), setup)
            print(
                f"| `{setup.policy}` | {setup.requests} | {found.before:.2f} | {found.now:.2f} | "
                f"{found.ratio:.1f} | {'the same' if same else 'others'} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
