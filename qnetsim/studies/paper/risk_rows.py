"""A risk-averse world: what the policies cost on average, and in the dearest slots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qnetsim.analysis.paired import ConfidenceInterval, paired_ratio
from qnetsim.arrays import FloatArray
from qnetsim.case import open_case
from qnetsim.input_files import forget_input
from qnetsim.policies.chosen import choose
from qnetsim.runs.batch import run_policies
from qnetsim.scenario import RiskTable, Scenario
from qnetsim.studies.paper.cost_figure import EVF, RANDOM, RANDOM_LITERAL, SIP, Budget, Point
from qnetsim.studies.paper.cost_rows import CostStudy
from qnetsim.trace import open_trace

#: Half of the weight on the dearest tenth of the slots.
RISK = RiskTable(cvar=0.9, weight=0.5)
AVERSE = "SIP, risk-averse"
SCHEMES = (SIP, EVF, RANDOM, RANDOM_LITERAL)
#: What policies are measured by, and how it is called.
MEASURES = {
    "mean": "mean cost",
    "cvar": f"dearest {1 - RISK.cvar:.0%} of the slots",
    "both": "both, half and half",
}


@dataclass(frozen=True)
class RiskRow:
    """A policy under each measure, world by world.

    Attributes
    ----------
    label : str
    mean, cvar : tuple of float
        Mean cost of a slot, and that of the dearest slots, in each world.
    """

    label: str
    mean: tuple[float, ...]
    cvar: tuple[float, ...]

    def measure(self, name: str) -> FloatArray:
        """Costs by world: of ``mean``, ``cvar``, or ``both``, weighed as the planner weighs them.

        Parameters
        ----------
        name : str
            Of ``MEASURES``.
        """
        mean, cvar = np.array(self.mean), np.array(self.cvar)
        found = {"mean": mean, "cvar": cvar}
        return found.get(name, (1.0 - RISK.weight) * mean + RISK.weight * cvar)

    def over(self, base: RiskRow, name: str) -> ConfidenceInterval:
        """Ratio to another policy in the same worlds, paired."""
        found = paired_ratio(self.measure(name), base.measure(name))
        assert found is not None  # every world costs something
        return found


def risk_rows(
    study: CostStudy, progress: Callable[[int], None] = lambda slots: None
) -> tuple[RiskRow, ...]:
    """Simulate the schemes on NSFNET, and SIP with the risk that it is averse to.

    Parameters
    ----------
    study : CostStudy
        Complete traces that are in its folder are verified and kept.
    progress : callable
        Told of slots that are simulated.
    """
    budget = study.budget
    plain = Point("nsfnet").scenario(budget, study.common)
    planning = plain.planning.model_copy(update={"risk": RISK})
    averse = plain.model_copy(update={"planning": planning})
    size = f"{budget.replications}x{budget.slots}-seed-{budget.seed}"

    def costs(scenario: Scenario, policies: Sequence[str], name: str) -> list[Sequence[Path]]:
        paths = run_policies(
            open_case(scenario),
            [choose(policy) for policy in policies],
            study.folder / f"{name}-{size}",
            workers=study.workers,
            resume=True,
            progress=progress,
        )
        each = budget.replications
        return [paths[i : i + each] for i in range(0, len(paths), each)]

    found = costs(plain, [scheme.policy for scheme in SCHEMES], "nsfnet")
    found += costs(averse, [SIP.policy], "nsfnet-risk")
    labels = [*(scheme.label for scheme in SCHEMES), AVERSE]
    return tuple(_row(label, paths) for label, paths in zip(labels, found, strict=True))


def total_slots(budget: Budget) -> int:
    """Slots that ``risk_rows`` tells of."""
    return (len(SCHEMES) + 1) * budget.replications * budget.slots


def _row(label: str, paths: Sequence[Path]) -> RiskRow:
    means, tails = [], []
    for path in paths:
        with open_trace(path) as trace:
            parts = ("qkd_reserved", "qkd_on_demand", "km_reserved", "km_on_demand")
            cost = sum(trace.column(f"slots/{part}_cost").astype(np.float64) for part in parts)
        # what was read is the study's own: another figure may go on with it
        forget_input(path)
        means.append(float(np.mean(cost)))
        tails.append(_dearest(np.asarray(cost)))
    return RiskRow(label, tuple(means), tuple(tails))


def _dearest(cost: FloatArray) -> float:
    """Mean of the dearest 1 − α of the slots; the slot that α cuts counts in part."""
    ordered = np.sort(cost)[::-1]
    share = (1.0 - RISK.cvar) * len(ordered)
    weights = np.clip(share - np.arange(len(ordered)), 0.0, 1.0)
    return float(ordered @ weights / share)
