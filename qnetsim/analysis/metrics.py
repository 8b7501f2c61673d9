"""Figures of one run, computed from its trace."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qnetsim.analysis.pool_levels import pool_levels
from qnetsim.analysis.request_groups import RequestGroups, request_groups
from qnetsim.analysis.waits import Waits
from qnetsim.analysis.warm_up import WarmUp, blocks_from, warm_up_of
from qnetsim.arrays import FloatArray, IntArray
from qnetsim.errors import TraceError, TraceFormatError
from qnetsim.plain_text import counted
from qnetsim.trace import Trace
from qnetsim.vocabulary import BILL_COLUMNS, POOLS

if TYPE_CHECKING:
    from qnetsim.analysis.fel_tasks import TaskRun


@dataclass(frozen=True)
class RunMetrics:
    """Figures of one run, over the slots after its warm-up.

    Attributes
    ----------
    trace : Path
    policy : str
    replication : int
    slots : int
        All that were simulated.
    warm_up : WarmUp
        Slots that the figures leave out.
    cost : float
        Mean cost per slot.
    cost_by_kind : dict of float
        The same by ``BILL_COLUMNS``.
    arrived, served, blocked, pending : int
        Requests; pending ones still wait at the end. Those that waited when the warm-up ended have
        arrived, so that the others add up to the arrivals.
    on_demand_bits : float
        Bits consumed from on-demand pools.
    consumed_bits, produced_bits : ndarray of float64, shape (fibres,)
    interrupted, rerouted : int
        Sessions that ended unserved after their first keys; deliveries over detours.
    waits : Waits
        Waiting times of the served requests until their first keys.
    utilisation : ndarray of float64, shape (fibres,)
        Bits consumed over bits produced; zero where none were produced.
    mean_pool_bits : ndarray of float64, shape (fibres,)
        Bits left in both pools after a slot.
    depletion_s : float or None
        Mean time for which a fibre's pools hold anything until they are empty again; None where
        that never happens.
    depletions : int
        How often that happened.
    emptied : ndarray of int64, shape (slots in which pools ran empty, 3)
        The slot, of how many fibres the pools ran empty in it, and for how many slots these had
        held something, added up.
    exposed_bits : int
        Key bits seen in clear by trusted relays, summed over the relays.
    tasks : tuple of TaskRun
        FEL tasks of the scenario.
    status, world_digest, content_digest : str
    sees_future : bool
    plan : dict or None
        Objective, bound, gap, status and solver of the plan behind the run.
    scenario : dict
        The scenario that was run.
    provenance : dict
        All that the trace says of its origin.
    format_version : (int, int)
        Of the trace.
    groups : RequestGroups or None
        Requests by class and by pair; None where the trace follows none.
    """

    trace: Path
    policy: str
    replication: int
    slots: int
    warm_up: WarmUp
    cost: float
    cost_by_kind: dict[str, float]
    arrived: int
    served: int
    blocked: int
    pending: int
    on_demand_bits: float
    consumed_bits: FloatArray
    produced_bits: FloatArray
    interrupted: int
    rerouted: int
    waits: Waits
    utilisation: FloatArray
    mean_pool_bits: FloatArray
    depletion_s: float | None
    depletions: int
    emptied: IntArray
    exposed_bits: int
    tasks: tuple[TaskRun, ...]
    status: str
    world_digest: str
    content_digest: str
    sees_future: bool
    plan: dict[str, Any] | None
    scenario: dict[str, Any]
    provenance: dict[str, Any]
    format_version: tuple[int, int]
    groups: RequestGroups | None = None

    @property
    def counted_slots(self) -> int:
        """Slots after the warm-up."""
        return self.slots - self.warm_up.slots

    @property
    def on_demand_share(self) -> float:
        """On-demand bits over all bits consumed; 0 where none were consumed."""
        total = float(self.consumed_bits.sum())
        return self.on_demand_bits / total if total else 0.0

    @property
    def served_share(self) -> float:
        """Served requests over arrivals."""
        return self.served / self.arrived if self.arrived else 0.0

    @property
    def blocked_share(self) -> float:
        """Blocked requests over arrivals."""
        return self.blocked / self.arrived if self.arrived else 0.0


def run_metrics(trace: Trace, warm_up: WarmUp | None = None) -> RunMetrics:
    """Compute the figures of a run, reading its trace block by block.

    Parameters
    ----------
    trace : Trace
    warm_up : WarmUp, optional
        Common to several runs; that of this run alone unless given.

    Raises
    ------
    TraceError
        The trace holds no slot.
    """
    if trace.slots == 0:
        raise TraceError(f"{trace.path}: holds no complete slot; run it again")
    if warm_up is None:
        warm_up = warm_up_of(trace)
    first = warm_up.slots
    if first >= trace.slots:
        raise TraceError(
            f"{trace.path}: run.warmup_slots leaves out {counted(first, 'slot')}, and it holds "
            f"{counted(trace.slots, 'slot')}; complete the run"
        )
    cost = {
        name: _total(trace, f"slots/{name}", first) / (trace.slots - first) for name in BILL_COLUMNS
    }
    status = trace.status
    # after a kill the ledger may be ahead of the slots
    by_ledger = status != "incomplete" and not first
    reserved_bits, on_demand_bits = (
        _bits(trace, pool, "consumed", None if by_ledger else first) for pool in POOLS
    )
    consumed_bits = np.asarray(reserved_bits + on_demand_bits, dtype=np.float64)
    produced = sum(_bits(trace, pool, "produced", None if by_ledger else first) for pool in POOLS)
    produced_bits = np.asarray(produced, dtype=np.float64)
    levels = pool_levels(trace, first)
    depletions = levels.depletions
    served = int(_total(trace, "slots/served", first))
    waited = int(trace.column("slots/waiting", first - 1, first)[0]) if first else 0
    if not all(map(math.isfinite, cost.values())):
        raise TraceFormatError(f"{trace.path}: holds a cost that is not a finite number")
    return RunMetrics(
        trace=trace.path,
        policy=trace.policy,
        replication=trace.replication,
        slots=trace.slots,
        warm_up=warm_up,
        cost=float(sum(cost.values())),
        cost_by_kind=cost,
        arrived=waited + int(_total(trace, "slots/arrived", first)),
        served=served,
        blocked=int(_total(trace, "slots/blocked", first)),
        pending=int(trace.column("slots/waiting", trace.slots - 1)[-1]),
        on_demand_bits=float(np.sum(on_demand_bits)),
        consumed_bits=consumed_bits,
        produced_bits=produced_bits,
        interrupted=int(_total(trace, "slots/interrupted", first)),
        rerouted=int(_total(trace, "slots/rerouted", first)),
        waits=Waits.of(trace, served, first),
        utilisation=_utilisation(consumed_bits, produced_bits),
        mean_pool_bits=levels.mean_bits,
        depletion_s=levels.slots_until_empty / depletions * trace.slot_s if depletions else None,
        depletions=depletions,
        emptied=levels.emptied,
        exposed_bits=_exact_total(trace, "slots/exposed_bits", first),
        tasks=_tasks(trace),
        status=status,
        world_digest=trace.attribute("world_digest"),
        content_digest=trace.attribute("content_digest"),
        sees_future=bool(trace.provenance["policy"]["sees_future"]),
        plan=trace.provenance["plan"],
        scenario=trace.provenance["scenario"],
        provenance=trace.provenance,
        format_version=trace.version,
        groups=request_groups(trace, first),
    )


def _tasks(trace: Trace) -> tuple[TaskRun, ...]:
    """FEL tasks of a run; most runs have none, and do without their module."""
    if not trace.provenance["scenario"].get("fel"):
        return ()
    from qnetsim.analysis.fel_tasks import task_runs

    return task_runs(trace)


def _total(trace: Trace, path: str, first: int) -> float:
    return float(sum(float(block.sum()) for block in blocks_from(trace, path, first)))


def _bits(trace: Trace, pool: str, flow: str, first: int | None) -> IntArray:
    """Bits of a flow from a slot on, by fibre; None for all of them, as the ledger has them."""
    if first is None:
        return trace.column(f"ledger/{pool}_{flow}_bits")
    total = np.zeros(len(trace.column("fibres/fibre")), dtype=np.int64)
    for block in blocks_from(trace, f"slots/{pool}_{flow}_bits", first):
        total += block.sum(axis=0)
    return total


def _exact_total(trace: Trace, path: str, first: int = 0) -> int:
    """Sum of a column whose total may not fit into 64 bits."""
    blocks = blocks_from(trace, path, first)
    halves = ((block >> 32, block & 0xFFFFFFFF) for block in blocks)
    return sum((int(high.sum()) << 32) + int(low.sum()) for high, low in halves)


def _utilisation(consumed: FloatArray, produced: FloatArray) -> FloatArray:
    return np.divide(consumed, produced, out=np.zeros_like(produced), where=produced > 0)
