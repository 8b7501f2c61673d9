"""Compare policies in the same worlds, replication by replication."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from qnetsim.analysis.compared_runs import (
    Each,
    Series,
    UnfinishedError,
    follow_others,
    runs_by_policy,
    seen,
    without_warm_up,
)
from qnetsim.analysis.completeness import MissingTraces, missing_traces
from qnetsim.analysis.key_figures import KeyFigures, key_figures
from qnetsim.analysis.mean_intervals import Intervals, over_batches, over_replications
from qnetsim.analysis.metrics import RunMetrics
from qnetsim.analysis.paired import ConfidenceInterval, paired_ratio
from qnetsim.analysis.warm_up import WarmUp, warm_up
from qnetsim.analysis.worlds import refuse_unpaired
from qnetsim.arguments import path_argument
from qnetsim.arrays import FloatArray
from qnetsim.errors import (
    PartialComparisonError,
    UsageError,
    WorldMismatchError,
)
from qnetsim.trace import open_trace
from qnetsim.vocabulary import BILL_COLUMNS

#: Solvers by the names that a plan gives them.
SOLVERS = ("Gurobi", "HiGHS")
#: Policy that the ratios refer to, where it is present.
REFERENCE = "sip"
#: Policy that is told the demand of each slot.
PERFECT = "perfect"
#: Parts of a scenario that may differ in one world, but change what a cost means.
SETUP_PARTS = ("cost", "network", "key_management")


@dataclass(frozen=True)
class PolicyResult:
    """One policy over all replications.

    Attributes
    ----------
    name : str
    cost : ConfidenceInterval
        Mean cost per slot over replications.
    relative_cost : ConfidenceInterval or None
        Mean cost over the reference's mean cost, paired; None where that is zero.
    difference : ConfidenceInterval
        Paired difference to the reference's cost per slot.
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
    intervals : Intervals
        Of all means, over the replications; of a single one by batch means.
    runs : tuple of RunMetrics
    """

    name: str
    cost: ConfidenceInterval
    relative_cost: ConfidenceInterval | None
    difference: ConfidenceInterval
    variance_reduction: float | None
    regret: ConfidenceInterval | None
    served: float
    blocked: float
    pending: float
    on_demand_share: float
    cost_by_kind: dict[str, float]
    keys: KeyFigures
    intervals: Intervals
    runs: tuple[RunMetrics, ...]

    @property
    def cost_per_slot(self) -> float:
        """Mean cost per slot over replications."""
        return self.cost.estimate

    @property
    def ratio(self) -> float | None:
        """Mean cost over the reference's mean cost; None where that is zero."""
        return None if self.relative_cost is None else self.relative_cost.estimate

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
    """Policies that were run in the same worlds.

    Attributes
    ----------
    policies : tuple of PolicyResult
    reference : str
        Policy that ratios and differences refer to.
    world_digest : str
    replications, slots : int
    replication_numbers : tuple of int
        Which of the scenario's replications they are.
    missing : tuple of MissingTraces
        What the comparisons that wrote the traces have left out.
    evpi : ConfidenceInterval or None
        Expected value of perfect information in these worlds, per slot: ``sip`` − ``perfect``.
    vss : ConfidenceInterval or None
        Value of the stochastic solution in these worlds, per slot: ``evf`` − ``sip``.
    warm_up : WarmUp
        First slots that all figures leave out, the same for every policy.
    transients : mapping from policy to series
        Means over the replications against time, as of ``warm_up.series_of``; empty where nothing
        can warm up.
    """

    policies: tuple[PolicyResult, ...]
    reference: str
    world_digest: str
    replications: int
    slots: int
    replication_numbers: tuple[int, ...]
    missing: tuple[MissingTraces, ...]
    evpi: ConfidenceInterval | None
    vss: ConfidenceInterval | None
    warm_up: WarmUp = field(default_factory=WarmUp)
    transients: Mapping[str, Mapping[str, FloatArray]] = field(default_factory=dict)

    @property
    def planned_replications(self) -> int:
        """Replications of the scenario; the most where the traces differ in it."""
        runs = (run for policy in self.policies for run in policy.runs)
        planned = (int(run.scenario["run"].get("replications", 1)) for run in runs)
        return max(*planned, 1 + max(self.replication_numbers))

    @property
    def notes(self) -> tuple[str, ...]:
        """Of what the figures are a part, in sentences."""
        found = [str(missing) for missing in self.missing]
        planned = self.planned_replications
        if self.replication_numbers != tuple(range(planned)):
            numbers = ", ".join(map(str, self.replication_numbers))
            several = "s" * (len(self.replication_numbers) > 1)
            found.append(f"replication{several} {numbers} of 0 … {planned - 1} only")
        return tuple(found)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Why the figures may not be comparable, in sentences."""
        plans = [policy.plan["solver"] for policy in self.policies if policy.plan]
        used = sorted({name for name in SOLVERS for plan in plans if name in plan.split(" (")[0]})
        found = []
        if len(used) > 1:
            found.append(f"the plans come from different solvers: {' and '.join(used)}")
        runs = [run for policy in self.policies for run in policy.runs]
        versions = sorted({str(run.provenance["software"]["version"]) for run in runs})
        if len(versions) > 1:
            found.append(f"the traces come from different versions: {' and '.join(versions)}")
        found += [
            f"the traces differ in [{part}]: their costs are not of the same network"
            for part in SETUP_PARTS
            if any(run.scenario.get(part) != runs[0].scenario.get(part) for run in runs)
        ]
        return tuple(found)


def compare_traces(paths: Sequence[str | os.PathLike[str]], *, each: Each = map) -> Comparison:
    """Compare the policies of these traces.

    Parameters
    ----------
    paths : sequence of path-like
        Complete traces; every policy in the same replications.
    each : callable
        Applies a function to each of them and gives the results in order, as ``map`` does.

    Raises
    ------
    WorldMismatchError
        Two policies met different worlds; says which traces, and what differs.
    TraceError
        A trace is missing, incomplete or given twice.
    MixedTracesError
        Traces of one label differ in more than their replication.
    PartialComparisonError
        The comparison that wrote them was cut short, and what is there is not paired.
    """
    single = isinstance(paths, str | os.PathLike)
    traces = [path_argument("paths", path) for path in ([paths] if single else paths or ())]
    if not traces:
        raise UsageError("no trace to compare; give traces or a scenario")
    complete: set[Path] = set()
    followed: dict[str, list[Series]] = {}
    try:
        table = runs_by_policy(zip(traces, each(seen, traces), strict=True), complete, followed)
        refuse_unpaired(table)
    except (WorldMismatchError, UnfinishedError) as error:
        missing = missing_traces(traces, complete)
        if not missing:
            raise
        told = "; ".join(map(str, missing))
        raise PartialComparisonError(f"{told}; {error}") from None
    missing = missing_traces(traces, complete)
    if followed:
        follow_others(table, followed, each)
    transients = {name: _mean_series(found) for name, found in followed.items()}
    provenances = [run.provenance for runs in table.values() for run in runs.values()]
    cut = warm_up(provenances, transients)
    if cut != WarmUp():
        table = without_warm_up(table, cut, each)
    reference = REFERENCE if REFERENCE in table else next(iter(table))
    costs = {name: _costs(runs) for name, runs in table.items()}
    results = tuple(
        _result(name, runs, costs[reference], costs.get(PERFECT)) for name, runs in table.items()
    )
    worlds = [run.world_digest for _, run in sorted(table[reference].items())]
    return Comparison(
        policies=results,
        reference=reference,
        world_digest=hashlib.sha256("".join(worlds).encode()).hexdigest(),
        replications=len(worlds),
        replication_numbers=tuple(sorted(table[reference])),
        missing=missing,
        slots=next(iter(table[reference].values())).slots,
        evpi=_paired_difference(costs, "sip", PERFECT),
        vss=_paired_difference(costs, "evf", "sip"),
        warm_up=cut,
        transients=transients,
    )


def _mean_series(found: Sequence[Series]) -> Series:
    """Mean over the replications, slot by slot."""
    return {name: np.mean([series[name] for series in found], axis=0) for name in found[0]}


def _intervals(runs: Sequence[RunMetrics]) -> Intervals:
    """Over the replications, or over batches of the only one."""
    if len(runs) > 1:
        return over_replications(runs)
    with open_trace(runs[0].trace, whole=False) as trace:
        return over_batches(trace, runs[0])


def _paired_difference(
    costs: dict[str, FloatArray], dearer: str, cheaper: str
) -> ConfidenceInterval | None:
    """Cost of one policy above another; None unless both are compared."""
    if dearer not in costs or cheaper not in costs:
        return None
    return ConfidenceInterval.of_mean(costs[dearer] - costs[cheaper])


def _costs(runs: dict[int, RunMetrics]) -> FloatArray:
    return np.array([run.cost for _, run in sorted(runs.items())])


def _result(
    name: str, runs: dict[int, RunMetrics], base: FloatArray, perfect: FloatArray | None
) -> PolicyResult:
    ordered = tuple(run for _, run in sorted(runs.items()))
    costs = _costs(runs)
    arrived = max(sum(run.arrived for run in ordered), 1)
    kinds = {
        kind: float(np.mean([run.cost_by_kind[kind] for run in ordered])) for kind in BILL_COLUMNS
    }
    total_bits = sum(float(run.consumed_bits.sum()) for run in ordered)
    on_demand_bits = sum(run.on_demand_bits for run in ordered)
    return PolicyResult(
        name=name,
        cost=ConfidenceInterval.of_mean(costs),
        relative_cost=paired_ratio(costs, base),
        difference=ConfidenceInterval.of_mean(costs - base),
        variance_reduction=_variance_reduction(costs, base),
        regret=None if perfect is None else ConfidenceInterval.of_mean(costs - perfect),
        served=sum(run.served for run in ordered) / arrived,
        blocked=sum(run.blocked for run in ordered) / arrived,
        pending=sum(run.pending for run in ordered) / arrived,
        on_demand_share=on_demand_bits / total_bits if total_bits else 0.0,
        cost_by_kind=kinds,
        keys=key_figures(ordered),
        intervals=_intervals(ordered),
        runs=ordered,
    )


def _variance_reduction(costs: FloatArray, base: FloatArray) -> float | None:
    """(Var C + Var B) / Var(C − B); None for one replication or equal differences."""
    if costs.size < 2:
        return None
    paired = float((costs - base).var(ddof=1))
    apart = float(costs.var(ddof=1) + base.var(ddof=1))
    return apart / paired if paired > 1e-12 * max(apart, 1e-300) else None
