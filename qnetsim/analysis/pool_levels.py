"""How full pools are, and how long those that hold something take to run empty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.trace import Trace


@dataclass(frozen=True)
class PoolLevels:
    """Pools of a run from a slot on; those that run empty may hold something from before.

    Attributes
    ----------
    mean_bits : ndarray of float64, shape (fibres,)
        Bits left in both pools after a slot.
    emptied : ndarray of int64, shape (slots in which pools ran empty, 3)
        The slot, of how many fibres the pools ran empty in it, and for how many slots these had
        held something, added up.
    """

    mean_bits: FloatArray
    emptied: IntArray

    @property
    def depletions(self) -> int:
        """How often pools ran empty."""
        return int(self.emptied[:, 1].sum())

    @property
    def slots_until_empty(self) -> int:
        """Slots for which pools held something until they were empty, added up."""
        return int(self.emptied[:, 2].sum())


def pool_levels(trace: Trace, first: int) -> PoolLevels:
    """Follow the pools of a trace block by block; what counts are the slots from ``first`` on."""
    total: FloatArray = np.zeros(len(trace.column("slots/fibre")))
    # slots for which each fibre's pools have held something, until they are empty
    filled_slots = np.zeros(len(total), dtype=np.int64)
    found: list[tuple[int, int, int]] = []
    slot = 0
    for reserved, on_demand in zip(
        trace.blocks("slots/reservation_stored_bits"),
        trace.blocks("slots/on_demand_stored_bits"),
        strict=True,
    ):
        stored = reserved + on_demand
        total += stored[max(first - slot, 0) :].sum(axis=0)
        slot += len(stored)
        if not stored.any() and not filled_slots.any():
            continue
        for number, row in enumerate(stored, start=slot - len(stored)):
            emptied = (row == 0) & (filled_slots > 0) & (number >= first)
            if emptied.any():
                found.append((number, int(emptied.sum()), int(filled_slots[emptied].sum())))
            filled_slots = np.where(row > 0, filled_slots + 1, 0)
    return PoolLevels(
        mean_bits=total / (trace.slots - first),
        emptied=np.array(found, dtype=np.int64).reshape(-1, 3),
    )
