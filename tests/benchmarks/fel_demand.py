"""What it costs to plan for the Poisson level of the same mean where demand comes from FEL rounds.

``python tests/benchmarks/fel_demand.py``: `fel-demand`, sip by the jobs' own law and by a Poisson
law of the same mean for every pair, in the same worlds.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from qnetsim.analysis.paired import paired_ratio
from qnetsim.case import load, open_case
from qnetsim.optimize import Plan
from qnetsim.plans.make import planned
from qnetsim.policies.chosen import choose
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import Scenario
from qnetsim.trace import open_trace

#: What a slot costs.
PARTS = ("qkd_reserved", "qkd_on_demand", "km_reserved", "km_on_demand")


def main() -> None:
    """Print both costs, their ratio, and both laws of a pair."""
    scenario = load("fel-demand")
    law = open_case(scenario).forecast.distributions[0]
    chances = np.array([float(p) for p in law.probabilities])
    levels = np.arange(len(chances))
    mean = float(chances @ levels)
    spread = float(chances @ levels**2) - mean**2
    print(f"level of a pair: mean {mean:.4f}, variance over mean {spread / mean:.2f}")
    poisson = scenario.model_copy(
        update={"jobs": None, "demand": scenario.demand.model_copy(update={"mean": mean})}
    )
    chosen = choose("sip", scenario.policy, None)
    costs = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, law_of in (("jobs", scenario), ("Poisson", poisson)):
            plan = planned(chosen.once(), "sip", open_case(law_of))
            costs[name] = np.array(
                [
                    _cost(scenario, plan, replication, Path(folder) / f"{name}-{replication}.h5")
                    for replication in range(scenario.run.replications)
                ]
            )
            print(f"sip by the law of {name}: {costs[name].mean():,.0f} per slot")
    ratio = paired_ratio(costs["Poisson"], costs["jobs"])
    if ratio is not None:
        print(f"Poisson over jobs: {ratio.low:.4f} … {ratio.high:.4f}, paired 95 %")


def _cost(scenario: Scenario, plan: Plan | None, replication: int, out: Path) -> float:
    simulate(scenario, "sip", out, replication=replication, plan=plan)
    with open_trace(out) as trace:
        return float(np.mean(sum(trace.column(f"slots/{part}_cost") for part in PARTS)))


if __name__ == "__main__":
    main()
