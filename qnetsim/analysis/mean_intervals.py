"""95 % intervals of the means that are shown: over replications, or over batches of one run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from qnetsim.analysis.batch_means import (
    BatchCheck,
    batch_starts,
    checked_batches,
    ratio_interval,
)
from qnetsim.analysis.metrics import RunMetrics
from qnetsim.analysis.paired import ConfidenceInterval
from qnetsim.analysis.warm_up import blocks_from
from qnetsim.arrays import FloatArray
from qnetsim.plain_text import counted
from qnetsim.trace import Trace
from qnetsim.vocabulary import BILL_COLUMNS, POOLS

#: What is summed up over independent parts: above and below the line.
Parts = Mapping[str, tuple[FloatArray, FloatArray]]


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
        By figure: ``cost_per_slot``, the kinds of cost, ``served``, ``blocked``, ``interrupted``,
        ``rerouted``, ``on_demand_share``, ``utilisation``, ``pool_bits`` and ``exposed_bits``.
    """

    method: str = "none"
    parts: int = 0
    check: BatchCheck | None = None
    of: dict[str, ConfidenceInterval] = field(default_factory=dict)

    def half(self, name: str) -> float | None:
        """Half the width of a figure's interval; None where it has none."""
        found = self.of.get(name)
        return None if found is None or found.high is None else found.high - found.estimate

    @property
    def sentence(self) -> str:
        """Where the intervals come from, and what speaks against them."""
        if self.method == "replications":
            return f"Intervals (±) are 95 % t intervals over {counted(self.parts, 'replication')}."
        if self.check is None:
            return "There are too few slots for intervals from one run."
        told = (
            f"Intervals (±) are 95 % t intervals over {self.parts} batches of the run; their "
            f"correlation is {self.check.correlation:.2f}"
        )
        if self.check.passed:
            return f"{told}, within what chance allows ({self.check.limit:.2f})."
        return (
            f"{told}, more than chance allows ({self.check.limit:.2f}): the intervals are too "
            "narrow; give more slots or several replications."
        )


def over_replications(runs: Sequence[RunMetrics]) -> Intervals:
    """Intervals over the replications of a policy; none for a single one."""
    if len(runs) < 2:
        return Intervals()
    estimates = _estimates(runs)
    found = {
        name: ratio_interval(*parts, estimates[name]) for name, parts in _of_runs(runs).items()
    }
    return Intervals("replications", len(runs), None, found)


def over_batches(trace: Trace, run: RunMetrics) -> Intervals:
    """Intervals of one run by batch means, with their check."""
    first = run.warm_up.slots
    costs = [
        np.concatenate(list(blocks_from(trace, f"slots/{name}", first))) for name in BILL_COLUMNS
    ]
    check = checked_batches(np.asarray(sum(costs), dtype=np.float64))
    if check is None:
        return Intervals()
    estimates = _estimates([run])
    parts = _of_batches(trace, first, check.batches)
    found = {name: ratio_interval(*pair, estimates[name]) for name, pair in parts.items()}
    return Intervals("batch means", check.batches, check, found)


def _estimates(runs: Sequence[RunMetrics]) -> dict[str, float]:
    """The figures as they are shown."""
    arrived = max(sum(run.arrived for run in runs), 1)
    slots = sum(run.counted_slots for run in runs)
    consumed = sum(float(run.consumed_bits.sum()) for run in runs)
    return {
        "cost_per_slot": float(np.mean([run.cost for run in runs])),
        **{kind: float(np.mean([run.cost_by_kind[kind] for run in runs])) for kind in BILL_COLUMNS},
        "served": sum(run.served for run in runs) / arrived,
        "blocked": sum(run.blocked for run in runs) / arrived,
        "interrupted": sum(run.interrupted for run in runs) / arrived,
        "rerouted": sum(run.rerouted for run in runs) / slots,
        "on_demand_share": sum(run.on_demand_bits for run in runs) / consumed if consumed else 0.0,
        "utilisation": float(np.mean([run.utilisation.mean() for run in runs])),
        "pool_bits": float(np.mean([run.mean_pool_bits.mean() for run in runs])),
        "exposed_bits": sum(run.exposed_bits for run in runs) / slots,
    }


def _of_runs(runs: Sequence[RunMetrics]) -> Parts:
    """Parts of the figures, one a replication."""

    def each(values: Iterator[float]) -> FloatArray:
        return np.array(list(values), dtype=np.float64)

    ones = np.ones(len(runs))
    slots = each(float(run.counted_slots) for run in runs)
    arrived = each(float(run.arrived) for run in runs)
    return {
        "cost_per_slot": (each(run.cost for run in runs), ones),
        **{kind: (each(run.cost_by_kind[kind] for run in runs), ones) for kind in BILL_COLUMNS},
        "served": (each(float(run.served) for run in runs), arrived),
        "blocked": (each(float(run.blocked) for run in runs), arrived),
        "interrupted": (each(float(run.interrupted) for run in runs), arrived),
        "rerouted": (each(float(run.rerouted) for run in runs), slots),
        "on_demand_share": (
            each(run.on_demand_bits for run in runs),
            each(float(run.consumed_bits.sum()) for run in runs),
        ),
        "utilisation": (each(float(run.utilisation.mean()) for run in runs), ones),
        "pool_bits": (each(float(run.mean_pool_bits.mean()) for run in runs), ones),
        "exposed_bits": (each(float(run.exposed_bits) for run in runs), slots),
    }


def _of_batches(trace: Trace, first: int, batches: int) -> Parts:
    """Parts of the figures, one a batch of the slots from ``first`` on."""
    starts = np.array([first + start for start in batch_starts(trace.slots - first, batches)])

    def sums(*columns: str) -> FloatArray:
        each = [_batch_sums(trace, f"slots/{name}", starts) for name in columns]
        return np.asarray(np.sum(each, axis=0), dtype=np.float64)

    def bits(flow: str) -> list[FloatArray]:
        return [sums(f"{pool}_{flow}_bits") for pool in POOLS]

    slots = np.diff(np.append(starts, trace.slots)).astype(np.float64)
    arrived = sums("arrived")
    reserved, on_demand = bits("consumed")
    consumed = reserved + on_demand
    return {
        "cost_per_slot": (sums(*BILL_COLUMNS), slots),
        **{kind: (sums(kind), slots) for kind in BILL_COLUMNS},
        **{name: (sums(name), arrived) for name in ("served", "blocked", "interrupted")},
        "rerouted": (sums("rerouted"), slots),
        "on_demand_share": (on_demand.sum(axis=1), consumed.sum(axis=1)),
        "utilisation": (consumed, np.sum(bits("produced"), axis=0)),
        "pool_bits": (np.sum(bits("stored"), axis=0).mean(axis=1), slots),
        "exposed_bits": (sums("exposed_bits"), slots),
    }


def _batch_sums(trace: Trace, path: str, starts: np.ndarray) -> FloatArray:
    """Sums of a column over batches; slots ahead of the first start are in none."""
    found: FloatArray | None = None
    slot = 0
    for block in trace.blocks(path):
        batch = np.searchsorted(starts, np.arange(slot, slot + len(block)), side="right") - 1
        slot += len(block)
        if found is None:
            found = np.zeros((len(starts), *block.shape[1:]))
        # numpy.unique would import masked arrays
        for number in sorted(set(batch[batch >= 0].tolist())):
            found[number] += block[batch == number].sum(axis=0, dtype=np.float64)
    assert found is not None
    return found
