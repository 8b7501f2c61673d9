"""Planning beside version 0.1.0, as ratios within one run: ``make bench``.

Both versions plan the same scenarios in turn, each plan in a process of its own, and must reach the
same cost by the same routes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support import ROOT
from tests.support.release import Ratio, in_tree

pytestmark = pytest.mark.slow

#: Runs of each version, in turn; the least time counts, for the first may compile code.
ROUNDS = 2
#: Prints the CPU seconds of a plan, libraries imported before, and what it is.
WORKER = """
import hashlib, time
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
    """A plan; what was asked of its ratio to version 0.1.0, and what is promised."""

    policy: str
    requests: int
    promised: float
    asked: float | None = None
    topology: str = "topohub:backbone/europe"
    levels: int | None = None

    @property
    def name(self) -> str:
        if self.levels:
            return f"{self.policy}, {self.levels:,} levels"
        return f"{self.policy}, 852 nodes, {self.requests} requests"

    @property
    def scenario(self) -> str:
        levels = f"levels = {self.levels}\n" if self.levels else ""
        return (
            f'[network]\ntopology = "{self.topology}"\n'
            f"[demand]\nrequests = {self.requests}\n{levels}"
        )


#: Asked are 0.4 of 37.5 seconds, 0.45 of 4.3, and 2.1, 3.1, 8.3 of 8.3, 9.4, 15.5.
SETUPS = (
    Setup("sip", 100, 100.0, 94.0, "nsfnet", 1000),
    Setup("sip", 30, 1.2),
    Setup("sip", 200, 1.3),
    Setup("sip", 1000, 1.6),
    Setup("perfect", 1000, 15.0, 9.6),
    Setup("evf", 200, 20.0, 4.0),
    Setup("evf", 1000, 12.0, 3.0),
    Setup("evf", 5000, 17.0, 1.9),
)


def planned(tree: Path, setup: Setup) -> dict[str, Any]:
    """Plan with the package of a folder, in a process of its own."""
    return in_tree(tree, WORKER, setup.scenario, setup.policy)


@pytest.mark.parametrize("setup", SETUPS, ids=lambda s: s.name.replace(" ", "-"))
def test_plans_beside_the_release(setup: Setup, release: Path) -> None:
    old, new = [], []
    for _ in range(ROUNDS):
        old.append(planned(release, setup))
        new.append(planned(ROOT, setup))
    # the same plan, or the ratio would mean nothing
    for one in (*old, *new):
        assert one["stage"] == old[0]["stage"]
        assert one["routes"] == old[0]["routes"]
        assert one["bound"] == pytest.approx(old[0]["bound"], rel=2e-9)
    before, now = (min(run["seconds"] for run in side) for side in (old, new))
    Ratio(setup.name, "s", before, now, setup.promised, setup.asked).hold()
