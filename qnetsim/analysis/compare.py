"""Compare policies over the same worlds: paired, or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qnetsim.analysis.metrics import RunMetrics, run_metrics
from qnetsim.analysis.paired import around, half_width, paired_ratio
from qnetsim.analysis.rows import KeyFigures, key_figures
from qnetsim.analysis.worlds import refuse_unpaired
from qnetsim.arrays import FloatArray
from qnetsim.errors import TraceError, UsageError
from qnetsim.trace import open_trace
from qnetsim.vocabulary import BILL_COLUMNS

SOLVERS = ("Gurobi", "HiGHS")
#: Policy that the ratios refer to, where it is present.
REFERENCE = "sip"
#: Policy that is told the demand of each slot.
PERFECT = "perfect"
#: Parts that may differ in one world, but change what a cost means.
SETUP_PARTS = ("cost", "network", "key_management")


@dataclass(frozen=True)
class ConfidenceInterval:
    """A paired mean per slot and its 95 % t interval; None for a single replication."""

    mean: float
    low: float | None
    high: float | None

    @classmethod
    def of(cls, values: FloatArray) -> ConfidenceInterval:
        """ConfidenceInterval of the mean of these values, one for each replication."""
        mean = float(values.mean())
        return cls(mean, *around(mean, half_width(values)))


@dataclass(frozen=True)
class PolicyResult:
    """One policy over all replications.

    Attributes
    ----------
    name : str
    cost_per_slot : float
        Mean over replications.
    cost_low, cost_high : float or None
        95 % t interval of the mean; None for a single replication.
    ratio : float or None
        Mean cost over the reference's mean cost; None where that is zero.
    ratio_low, ratio_high : float or None
        Paired 95 % interval of the ratio.
    difference, difference_low, difference_high : float or None
        Paired difference to the reference per slot, and its 95 % interval.
    variance_reduction : float or None
        How many times smaller the variance of the difference is than with independent worlds.
    regret : ConfidenceInterval or None
        Paired cost per slot above perfect information in the same worlds; None without a trace of
        ``perfect``.
    served, blocked, pending : float
        Shares of arrivals.
    on_demand_share : float
        On-demand bits over bits consumed.
    cost_by_kind : dict of float
    keys : KeyFigures
    runs : tuple of RunMetrics
    """

    name: str
    cost_per_slot: float
    cost_low: float | None
    cost_high: float | None
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    difference: float
    difference_low: float | None
    difference_high: float | None
    variance_reduction: float | None
    regret: ConfidenceInterval | None
    served: float
    blocked: float
    pending: float
    on_demand_share: float
    cost_by_kind: dict[str, float]
    keys: KeyFigures
    runs: tuple[RunMetrics, ...]

    @property
    def sees_future(self) -> bool:
        """Whether the policy was told the realised demand."""
        return any(run.sees_future for run in self.runs)

    @property
    def plan(self) -> dict[str, Any] | None:
        """The plan behind the first run; None where the policy does not plan."""
        return self.runs[0].plan


@dataclass(frozen=True)
class Comparison:
    """All policies, beside the worlds that they share.

    Attributes
    ----------
    policies : tuple of PolicyResult
    reference : str
        Policy that ratios and differences refer to.
    world_digest : str
    replications, slots : int
    evpi : ConfidenceInterval or None
        Expected value of perfect information in these worlds, per slot: ``sip`` − ``perfect``.
    vss : ConfidenceInterval or None
        Value of the stochastic solution in these worlds, per slot: ``evf`` − ``sip``.
    """

    policies: tuple[PolicyResult, ...]
    reference: str
    world_digest: str
    replications: int
    slots: int
    evpi: ConfidenceInterval | None
    vss: ConfidenceInterval | None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the reader of the table should know."""
        plans = [policy.plan["solver"] for policy in self.policies if policy.plan]
        used = sorted({name for name in SOLVERS for plan in plans if name in plan.split(" (")[0]})
        found = []
        if len(used) > 1:
            found.append(f"the plans come from different solvers: {' and '.join(used)}")
        runs = [run for policy in self.policies for run in policy.runs]
        found += [
            f"the traces differ in [{part}]: their costs are not of the same network"
            for part in SETUP_PARTS
            if any(run.scenario.get(part) != runs[0].scenario.get(part) for run in runs)
        ]
        return tuple(found)


def compare_traces(paths: Sequence[Path | str]) -> Comparison:
    """Compare the policies of these traces.

    Parameters
    ----------
    paths : sequence of path-like
        Complete traces; every policy in the same replications.

    Raises
    ------
    WorldMismatchError
        Two policies met different worlds; says which traces, and what differs.
    TraceError
        A trace is missing, incomplete or given twice.
    """
    if not paths:
        raise UsageError("no trace to compare; give traces or a scenario")
    table: dict[str, dict[int, RunMetrics]] = {}
    for path in paths:
        with open_trace(path) as trace:
            if trace.status != "complete":
                raise TraceError(
                    f"{path}: the run is {trace.status} after {trace.slots} slots; "
                    "`qnetsim run --resume` completes it"
                )
            metrics = run_metrics(trace)
        runs = table.setdefault(metrics.policy, {})
        if metrics.replication in runs:
            raise TraceError(
                f"{path}: policy {metrics.policy!r}, replication {metrics.replication} is also "
                f"in {runs[metrics.replication].trace}; give each run once"
            )
        runs[metrics.replication] = metrics
    refuse_unpaired(table)
    reference = REFERENCE if REFERENCE in table else next(iter(table))
    costs = {name: _costs(runs) for name, runs in table.items()}
    results = tuple(
        _result(name, runs, costs[reference], costs.get(PERFECT)) for name, runs in table.items()
    )
    worlds = [run.world_digest for _, run in sorted(table[reference].items())]
    return Comparison(
        results,
        reference,
        hashlib.sha256("".join(worlds).encode()).hexdigest(),
        len(worlds),
        next(iter(table[reference].values())).slots,
        evpi=_between(costs, "sip", PERFECT),
        vss=_between(costs, "evf", "sip"),
    )


def _between(costs: dict[str, FloatArray], dearer: str, cheaper: str) -> ConfidenceInterval | None:
    """Paired difference of two policies, where both are there."""
    if dearer not in costs or cheaper not in costs:
        return None
    return ConfidenceInterval.of(costs[dearer] - costs[cheaper])


def _costs(runs: dict[int, RunMetrics]) -> FloatArray:
    return np.array([run.cost for _, run in sorted(runs.items())])


def _result(
    name: str, runs: dict[int, RunMetrics], base: FloatArray, perfect: FloatArray | None
) -> PolicyResult:
    ordered = tuple(run for _, run in sorted(runs.items()))
    costs = _costs(runs)
    mean, difference = float(costs.mean()), costs - base
    arrived = max(sum(run.arrived for run in ordered), 1)
    kinds = {
        kind: float(np.mean([run.cost_by_kind[kind] for run in ordered])) for kind in BILL_COLUMNS
    }
    total_bits = sum(float(run.consumed_bits.sum()) for run in ordered)
    on_demand_bits = sum(run.on_demand_bits for run in ordered)
    return PolicyResult(
        name,
        mean,
        *around(mean, half_width(costs)),
        *paired_ratio(costs, base),
        float(difference.mean()),
        *around(float(difference.mean()), half_width(difference)),
        _variance_reduction(costs, base),
        None if perfect is None else ConfidenceInterval.of(costs - perfect),
        served=sum(run.served for run in ordered) / arrived,
        blocked=sum(run.blocked for run in ordered) / arrived,
        pending=sum(run.pending for run in ordered) / arrived,
        on_demand_share=on_demand_bits / total_bits if total_bits else 0.0,
        cost_by_kind=kinds,
        keys=key_figures(ordered),
        runs=ordered,
    )


def _variance_reduction(costs: FloatArray, base: FloatArray) -> float | None:
    """(Var C + Var B) / Var(C − B); None where it has no meaning."""
    if costs.size < 2:
        return None
    paired = float((costs - base).var(ddof=1))
    apart = float(costs.var(ddof=1) + base.var(ddof=1))
    return apart / paired if paired > 1e-12 * max(apart, 1e-300) else None
