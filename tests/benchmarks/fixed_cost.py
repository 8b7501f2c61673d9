"""What a short run costs by policy: ``python -m tests.benchmarks.fixed_cost ROUNDS SLOTS``.

CPU milliseconds of a run of ``scenarios/nsfnet.toml`` with its file, the least of so many rounds,
in one process whose plans are made before; to be run in turn with another version's tree.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from qnetsim.case import open_case
from qnetsim.plans.make import plan_policies
from qnetsim.policies.chosen import choose_all
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import load_scenario
from qnetsim.world.remembered import RememberedWorld
from tests.support import ROOT


def milliseconds(rounds: int, slots: int) -> dict[str, float]:
    """Least CPU time of a run, by policy."""
    scenario = load_scenario(ROOT / "scenarios" / "nsfnet.toml")
    run = scenario.run.model_copy(update={"slots": slots})
    case = open_case(scenario.model_copy(update={"run": run}))
    chosen = choose_all(case.scenario.policy)
    plans = plan_policies(case, chosen)
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        # the first round fills what is kept
        for number in range(rounds + 1):
            world = RememberedWorld(case.realisation(0))
            for policy, plan in zip(chosen, plans, strict=True):
                path = Path(folder) / f"{policy.title}.h5"
                begun = time.process_time()
                simulate(case, policy, path, world=world, plan=plan, force=True)
                spent = 1e3 * (time.process_time() - begun)
                if number:
                    found[policy.title] = min(spent, found.get(policy.title, spent))
    return found


def main() -> None:
    """Print a line for each policy, and their mean."""
    found = milliseconds(*map(int, sys.argv[1:]))
    for title, spent in found.items():
        print(f"{title} {spent:.2f}")
    print(f"mean {sum(found.values()) / len(found):.2f}")


if __name__ == "__main__":
    main()
