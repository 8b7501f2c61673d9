"""Figures of a policy's keys, pools and waiting requests, over all its replications."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qnetsim.analysis.metrics import RunMetrics
from qnetsim.analysis.waits import Waits


@dataclass(frozen=True)
class KeyFigures:
    """Figures of the key layer over all replications.

    Attributes
    ----------
    wait_percentiles_s : dict of float
        Waiting time of the served requests until their first keys, by ``waits.PERCENTILES``.
    interrupted : float
        Sessions interrupted over the requests that arrived.
    rerouted : float
        Deliveries over detours in a slot.
    utilisation, busiest_utilisation : float
        Bits consumed over bits produced: mean over the fibres, and the largest.
    busiest_fibre : int
        The fibre that has the largest.
    pool_bits : float
        Bits left in both pools of a fibre after a slot: mean over slots and fibres.
    depletion_s : float or None
        Mean time until pools that hold something are empty again, over all times that they are;
        None where that never happens.
    exposed_bits : float
        Key bits seen in clear by trusted relays in a slot.
    """

    wait_percentiles_s: dict[str, float]
    interrupted: float
    rerouted: float
    utilisation: float
    busiest_utilisation: float
    busiest_fibre: int
    pool_bits: float
    depletion_s: float | None
    exposed_bits: float

    @property
    def dynamic(self) -> bool:
        """Whether requests waited, pools kept keys, sessions ended early or detours were taken."""
        waited = self.wait_percentiles_s["max"] > 0
        return waited or self.pool_bits > 0 or self.interrupted > 0 or self.rerouted > 0


def key_figures(runs: Sequence[RunMetrics]) -> KeyFigures:
    """Sum up the replications of a policy."""
    arrived = max(sum(run.arrived for run in runs), 1)
    slots = sum(run.counted_slots for run in runs)
    utilisation = np.mean([run.utilisation for run in runs], axis=0)
    depletions = sum(run.depletions for run in runs)
    total_s = sum((run.depletion_s or 0.0) * run.depletions for run in runs)
    return KeyFigures(
        wait_percentiles_s=Waits.merged([run.waits for run in runs]).percentiles_s,
        interrupted=sum(run.interrupted for run in runs) / arrived,
        rerouted=sum(run.rerouted for run in runs) / slots,
        utilisation=float(utilisation.mean()),
        busiest_utilisation=float(utilisation.max()),
        busiest_fibre=int(utilisation.argmax()),
        pool_bits=float(np.mean([run.mean_pool_bits for run in runs])),
        depletion_s=total_s / depletions if depletions else None,
        exposed_bits=sum(run.exposed_bits for run in runs) / slots,
    )
