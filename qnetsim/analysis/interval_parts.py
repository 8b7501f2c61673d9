"""The figures of runs as sums over independent parts: replications, or batches of one run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from qnetsim.analysis.batch_means import Parts, batch_starts
from qnetsim.analysis.metrics import RunMetrics
from qnetsim.arrays import FloatArray
from qnetsim.trace import Trace
from qnetsim.vocabulary import BILL_COLUMNS, POOLS


def of_replications(runs: Sequence[RunMetrics], busiest: int) -> Parts:
    """Parts of the figures of a policy, one a replication.

    Parameters
    ----------
    runs : sequence of RunMetrics
    busiest : int
        The fibre of which most keys are used.
    """

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
        "pending": (each(float(run.pending) for run in runs), arrived),
        "interrupted": (each(float(run.interrupted) for run in runs), arrived),
        "rerouted": (each(float(run.rerouted) for run in runs), slots),
        "on_demand_share": (
            each(run.on_demand_bits for run in runs),
            each(float(run.consumed_bits.sum()) for run in runs),
        ),
        "utilisation": (each(float(run.utilisation.mean()) for run in runs), ones),
        "busiest_utilisation": (each(float(run.utilisation[busiest]) for run in runs), ones),
        "pool_bits": (each(float(run.mean_pool_bits.mean()) for run in runs), ones),
        "depletion_s": (
            each((run.depletion_s or 0.0) * run.depletions for run in runs),
            each(float(run.depletions) for run in runs),
        ),
        "exposed_bits": (each(float(run.exposed_bits) for run in runs), slots),
    }


def of_batches(trace: Trace, run: RunMetrics, batches: int, busiest: int) -> Parts:
    """Parts of the figures of a run, one a batch of the slots after its warm-up.

    What is pending at the end has none: it is seen once in a run.
    """
    starts = _starts(trace, run, batches)

    def sums(*columns: str) -> FloatArray:
        each = [_batch_sums(trace, f"slots/{name}", starts) for name in columns]
        return np.asarray(np.sum(each, axis=0), dtype=np.float64)

    def bits(flow: str) -> list[FloatArray]:
        return [sums(f"{pool}_{flow}_bits") for pool in POOLS]

    slots = np.diff(np.append(starts, trace.slots)).astype(np.float64)
    arrived = sums("arrived")
    reserved, on_demand = bits("consumed")
    consumed = reserved + on_demand
    produced = np.sum(bits("produced"), axis=0)
    emptied = np.zeros((batches, 2))
    np.add.at(
        emptied, np.searchsorted(starts, run.emptied[:, 0], side="right") - 1, run.emptied[:, 1:]
    )
    return {
        "cost_per_slot": (sums(*BILL_COLUMNS), slots),
        **{kind: (sums(kind), slots) for kind in BILL_COLUMNS},
        **{name: (sums(name), arrived) for name in ("served", "blocked", "interrupted")},
        "rerouted": (sums("rerouted"), slots),
        "on_demand_share": (on_demand.sum(axis=1), consumed.sum(axis=1)),
        "utilisation": (consumed, produced),
        "busiest_utilisation": (consumed[:, busiest], produced[:, busiest]),
        "pool_bits": (np.sum(bits("stored"), axis=0).mean(axis=1), slots),
        "depletion_s": (emptied[:, 1] * trace.slot_s, emptied[:, 0]),
        "exposed_bits": (sums("exposed_bits"), slots),
    }


def waits_of_batches(trace: Trace, run: RunMetrics, batches: int) -> FloatArray:
    """Counts of served requests by batch and by the bins of ``run.waits``."""
    starts = _starts(trace, run, batches)
    waited = _batch_sums(trace, "slots/waited", starts)
    served = _batch_sums(trace, "slots/served", starts)
    return np.column_stack([served - waited.sum(axis=1), waited])


def _starts(trace: Trace, run: RunMetrics, batches: int) -> np.ndarray:
    first = run.warm_up.slots
    return np.array([first + start for start in batch_starts(trace.slots - first, batches)])


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
