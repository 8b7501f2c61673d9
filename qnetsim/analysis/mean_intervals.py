"""95 % intervals of the figures that are shown: over replications, or over batches of one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from qnetsim.analysis.batch_means import (
    BatchCheck,
    Parts,
    in_pairs,
    independent_batches,
    most_batches,
    ratio_interval,
)
from qnetsim.analysis.interval_parts import of_batches, of_replications, waits_of_batches
from qnetsim.analysis.key_figures import KeyFigures, key_figures
from qnetsim.analysis.metrics import RunMetrics
from qnetsim.analysis.paired import ConfidenceInterval
from qnetsim.analysis.quantile_intervals import quantile_interval
from qnetsim.analysis.waits import PERCENTILES, side_by_side
from qnetsim.arrays import FloatArray, IntArray
from qnetsim.plain_text import counted
from qnetsim.trace import Trace
from qnetsim.vocabulary import BILL_COLUMNS

#: Figures whose batches must not be alike, in words.
CHECKED = {"cost_per_slot": "cost", "blocked": "blocked requests", "pool_bits": "bits in pools"}


@dataclass(frozen=True)
class Intervals:
    """95 % intervals of the figures of a policy.

    Attributes
    ----------
    method : {"replications", "batch means", "none"}
    parts : int
        Replications or batches.
    check : BatchCheck or None
        Of batches.
    of : dict of ConfidenceInterval
        By figure: ``cost_per_slot``, the kinds of cost, ``served``, ``blocked``, ``pending`` (over
        replications only), ``interrupted``, ``rerouted``, ``on_demand_share``, ``utilisation``,
        ``busiest_utilisation``, ``pool_bits``, ``depletion_s`` and ``exposed_bits``.
    waits_s : dict of ConfidenceInterval
        Of the percentiles of waiting times, by ``waits.PERCENTILES`` without the longest. They are
        not symmetric.
    """

    method: str = "none"
    parts: int = 0
    check: BatchCheck | None = None
    of: dict[str, ConfidenceInterval] = field(default_factory=dict)
    waits_s: dict[str, ConfidenceInterval] = field(default_factory=dict)

    def half(self, name: str) -> float | None:
        """Half the width of a figure's interval; None where it has none."""
        found = self.of.get(name)
        return None if found is None or found.high is None else found.high - found.estimate

    @property
    def sentence(self) -> str:
        """Where the intervals come from, and what speaks against them."""
        if self.method == "replications":
            return f"Intervals (±) are 95 % t intervals over {counted(self.parts, 'replication')}."
        check = self.check
        if check is None:
            return "There are too few slots for intervals from one run."
        told = f"Intervals (±) are 95 % t intervals over {self.parts} batches of the run"
        if check.passed:
            return (
                f"{told}; their correlation is {check.correlation:.2f} at most, within what "
                f"chance allows ({check.limit:.2f})."
            )
        alike = ", ".join(
            f"{CHECKED[name]} ({check.correlations[name]:.2f})" for name in check.alike
        )
        return (
            f"{told}; these are more alike than chance allows ({check.limit:.2f}) in {alike}: the "
            "intervals are too narrow; give more slots or several replications."
        )


def over_replications(runs: Sequence[RunMetrics]) -> Intervals:
    """Intervals over the replications of a policy; none for a single one."""
    if len(runs) < 2:
        return Intervals()
    keys = key_figures(runs)
    parts = of_replications(runs, keys.busiest_fibre)
    edges, counts = side_by_side([run.waits for run in runs])
    return Intervals(
        "replications",
        len(runs),
        None,
        _intervals(parts, _estimates(runs, keys)),
        _of_waits(edges, counts, keys),
    )


def over_batches(trace: Trace, run: RunMetrics) -> Intervals:
    """Intervals of one run by batch means, with their check."""
    batches = most_batches(run.counted_slots)
    if batches is None:
        return Intervals()
    keys = key_figures([run])
    parts, check = independent_batches(
        of_batches(trace, run, batches, keys.busiest_fibre), tuple(CHECKED)
    )
    counts = waits_of_batches(trace, run, batches)
    if check.batches < batches:
        counts = in_pairs(counts)
    return Intervals(
        "batch means",
        check.batches,
        check,
        _intervals(parts, _estimates([run], keys)),
        _of_waits(run.waits.upto_s, counts, keys),
    )


def _intervals(parts: Parts, estimates: Mapping[str, float]) -> dict[str, ConfidenceInterval]:
    """Of all figures that there are."""
    return {
        name: ratio_interval(*parts[name], estimate)
        for name, estimate in estimates.items()
        if name in parts
    }


def _of_waits(
    edges: FloatArray, counts: IntArray | FloatArray, keys: KeyFigures
) -> dict[str, ConfidenceInterval]:
    """Of the percentiles of waiting times."""
    return {
        name: quantile_interval(edges, counts, share, keys.wait_percentiles_s[name])
        for name, share in PERCENTILES.items()
        if share < 1
    }


def _estimates(runs: Sequence[RunMetrics], keys: KeyFigures) -> dict[str, float]:
    """The figures as they are shown; without those that there are not."""
    arrived = max(sum(run.arrived for run in runs), 1)
    consumed = sum(float(run.consumed_bits.sum()) for run in runs)
    found = {
        "cost_per_slot": float(np.mean([run.cost for run in runs])),
        **{kind: float(np.mean([run.cost_by_kind[kind] for run in runs])) for kind in BILL_COLUMNS},
        "served": sum(run.served for run in runs) / arrived,
        "blocked": sum(run.blocked for run in runs) / arrived,
        "pending": sum(run.pending for run in runs) / arrived,
        "interrupted": keys.interrupted,
        "rerouted": keys.rerouted,
        "on_demand_share": sum(run.on_demand_bits for run in runs) / consumed if consumed else 0.0,
        "utilisation": keys.utilisation,
        "busiest_utilisation": keys.busiest_utilisation,
        "pool_bits": keys.pool_bits,
        "exposed_bits": keys.exposed_bits,
    }
    return found if keys.depletion_s is None else {**found, "depletion_s": keys.depletion_s}
