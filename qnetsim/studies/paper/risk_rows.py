"""A risk-averse world: what the policies cost on average, and in the dearest slots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from qnetsim.analysis.paired import ConfidenceInterval, paired_ratio
from qnetsim.analysis.text_table import TextTable
from qnetsim.arrays import FloatArray
from qnetsim.case import open_case
from qnetsim.input_files import forget_input
from qnetsim.policies.chosen import choose
from qnetsim.runs.batch import run_policies
from qnetsim.scenario import RiskTable, Scenario
from qnetsim.studies.paper.cost_figure import EVF, RANDOM, RANDOM_LITERAL, SIP, Budget, Point
from qnetsim.trace import open_trace

#: Half of the weight on the dearest tenth of the slots.
RISK = RiskTable(cvar=0.9, weight=0.5)
AVERSE = "SIP, risk-averse"
SCHEMES = (SIP, EVF, RANDOM, RANDOM_LITERAL)


@dataclass(frozen=True)
class RiskRow:
    """A policy under each measure, over risk-neutral SIP in the same worlds.

    Attributes
    ----------
    label : str
    mean, cvar, objective : ConfidenceInterval
        Ratios of the mean cost of a slot, of that of the dearest slots, and of both weighed.
    """

    label: str
    mean: ConfidenceInterval
    cvar: ConfidenceInterval
    objective: ConfidenceInterval


@dataclass(frozen=True)
class _Measures:
    """Of one policy; shape (replications,)."""

    mean: FloatArray
    cvar: FloatArray

    @property
    def objective(self) -> FloatArray:
        return (1.0 - RISK.weight) * self.mean + RISK.weight * self.cvar


def risk_rows(
    folder: Path,
    budget: Budget,
    workers: int,
    progress: Callable[[int], None] = lambda slots: None,
) -> tuple[RiskRow, ...]:
    """Simulate the schemes on NSFNET, and SIP with the risk that it is averse to.

    Parameters
    ----------
    folder : Path
        Of the traces; complete ones that are there are verified and kept.
    budget : Budget
    workers : int
        Processes.
    progress : callable
        Told of slots that are simulated.
    """
    plain = Point("nsfnet").scenario(budget, {})
    planning = plain.planning.model_copy(update={"risk": RISK})
    averse = plain.model_copy(update={"planning": planning})
    size = f"{budget.replications}x{budget.slots}-seed-{budget.seed}"

    def measured(scenario: Scenario, policies: Sequence[str], name: str) -> list[_Measures]:
        chosen = [choose(policy) for policy in policies]
        paths = run_policies(
            open_case(scenario),
            chosen,
            folder / f"{name}-{size}",
            workers=workers,
            resume=True,
            progress=progress,
        )
        each = budget.replications
        return [_measures(paths[i : i + each]) for i in range(0, len(paths), each)]

    found = measured(plain, [scheme.policy for scheme in SCHEMES], "nsfnet")
    found += measured(averse, [SIP.policy], "nsfnet-risk")
    labels = [*(scheme.label for scheme in SCHEMES), AVERSE]
    return tuple(_row(label, mine, found[0]) for label, mine in zip(labels, found, strict=True))


def total_slots(budget: Budget) -> int:
    """Slots that ``risk_rows`` tells of."""
    return (len(SCHEMES) + 1) * budget.replications * budget.slots


def _measures(paths: Sequence[Path]) -> _Measures:
    means, tails = [], []
    for path in paths:
        with open_trace(path) as trace:
            parts = ("qkd_reserved", "qkd_on_demand", "km_reserved", "km_on_demand")
            cost = sum(trace.column(f"slots/{part}_cost").astype(np.float64) for part in parts)
        # what was read is the study's own: another figure may go on with it
        forget_input(path)
        means.append(float(np.mean(cost)))
        tails.append(_dearest(np.asarray(cost)))
    return _Measures(np.array(means), np.array(tails))


def _dearest(cost: FloatArray) -> float:
    """Mean of the dearest 1 − α of the slots; the slot that α cuts counts in part."""
    ordered = np.sort(cost)[::-1]
    share = (1.0 - RISK.cvar) * len(ordered)
    weights = np.clip(share - np.arange(len(ordered)), 0.0, 1.0)
    return float(ordered @ weights / share)


def _row(label: str, mine: _Measures, base: _Measures) -> RiskRow:
    def over(values: FloatArray, of: FloatArray) -> ConfidenceInterval:
        found = paired_ratio(values, of)
        assert found is not None
        return found

    return RiskRow(
        label,
        over(mine.mean, base.mean),
        over(mine.cvar, base.cvar),
        over(mine.objective, base.objective),
    )


def risk_table(rows: Sequence[RiskRow]) -> TextTable:
    """The measures of each policy, over those of risk-neutral SIP."""
    tail = f"dearest {1 - RISK.cvar:.0%} of the slots"
    columns = ("policy", "mean cost", tail, "both, half and half")
    cells = [
        (row.label, *(_ratio(part) for part in (row.mean, row.cvar, row.objective))) for row in rows
    ]
    return TextTable(columns, tuple(cells), text=columns)


def _ratio(found: ConfidenceInterval) -> str:
    if found.low is None or found.high is None:
        return f"{found.estimate:.3f}"
    return f"{found.estimate:.3f} ({found.low:.3f} … {found.high:.3f})"


def risk_text(rows: Sequence[RiskRow]) -> str:
    """The order of the policies by each measure."""
    told = []
    for measure, name in (("mean", "mean cost"), ("cvar", "cost of the dearest slots")):
        line = sorted(rows, key=lambda row: getattr(row, measure).estimate)
        labels = [line[0].label]
        for before, after in pairwise(line):
            sign = "≈" if _touch(getattr(before, measure), getattr(after, measure)) else "<"
            labels.append(f"{sign} {after.label}")
        told.append(f"by {name}: {' '.join(labels)}")
    text = "; ".join(told)
    return f"{text[0].upper()}{text[1:]}. ≈ stands where intervals touch."


def _touch(low: ConfidenceInterval, high: ConfidenceInterval) -> bool:
    top = low.estimate if low.high is None else low.high
    floor = high.estimate if high.low is None else high.low
    return top >= floor
