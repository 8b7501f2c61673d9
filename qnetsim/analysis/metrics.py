"""Figures of one run, worked out from its trace."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.errors import TraceError, TraceFormatError
from qnetsim.trace import Trace
from qnetsim.trace.schema import BILL_COLUMNS


@dataclass(frozen=True)
class RunMetrics:
    """Figures of one run.

    Attributes
    ----------
    trace : Path
    policy : str
    replication : int
    slots : int
    cost : float
        Mean cost per slot.
    cost_by_kind : dict of float
        The same by ``BILL_COLUMNS``.
    arrived, served, blocked, pending : int
        Requests; pending ones still wait at the end.
    on_demand_bits : float
        Bits consumed from on-demand pools.
    consumed_bits : ndarray of float64, shape (fibres,)
    status, world_digest, content_digest : str
    sees_future : bool
    plan : dict or None
        Objective, bound, gap, status and solver of the plan behind the run.
    scenario : dict
        The scenario that was run.
    """

    trace: Path
    policy: str
    replication: int
    slots: int
    cost: float
    cost_by_kind: dict[str, float]
    arrived: int
    served: int
    blocked: int
    pending: int
    on_demand_bits: float
    consumed_bits: FloatArray
    status: str
    world_digest: str
    content_digest: str
    sees_future: bool
    plan: dict[str, Any] | None
    scenario: dict[str, Any]

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


def run_metrics(trace: Trace) -> RunMetrics:
    """Work out the figures of a run, reading its trace block by block.

    Raises
    ------
    TraceError
        The trace holds no slot.
    """
    if trace.slots == 0:
        raise TraceError(f"{trace.path}: holds no complete slot; run it again")
    cost = {name: _total(trace, f"slots/{name}") / trace.slots for name in BILL_COLUMNS}
    taken = [
        sum(block.sum(axis=0) for block in trace.blocks(f"slots/{pool}_consumed_bits"))
        for pool in ("reservation", "on_demand")
    ]
    if not all(map(math.isfinite, cost.values())):
        raise TraceFormatError(f"{trace.path}: holds a cost that is not a finite number")
    return RunMetrics(
        trace=trace.path,
        policy=trace.policy,
        replication=trace.replication,
        slots=trace.slots,
        cost=float(sum(cost.values())),
        cost_by_kind=cost,
        arrived=int(_total(trace, "slots/arrived")),
        served=int(_total(trace, "slots/served")),
        blocked=int(_total(trace, "slots/blocked")),
        pending=int(trace.column("slots/waiting", trace.slots - 1)[-1]),
        on_demand_bits=float(np.sum(taken[1])),
        consumed_bits=np.asarray(taken[0] + taken[1], dtype=np.float64),
        status=trace.status,
        world_digest=trace.attribute("world_digest"),
        content_digest=trace.attribute("content_digest"),
        sees_future=bool(trace.provenance["policy"]["sees_future"]),
        plan=trace.provenance["plan"],
        scenario=trace.provenance["scenario"],
    )


def _total(trace: Trace, path: str) -> float:
    return float(sum(float(block.sum()) for block in trace.blocks(path)))
