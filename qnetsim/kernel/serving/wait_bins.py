"""Bins of waiting times."""

from __future__ import annotations

from dataclasses import dataclass

from qnetsim.scenario import KeyManagementTable
from qnetsim.units import seconds_to_ticks

#: Bins at least, where requests can wait at all.
FEWEST_BINS = 100
#: Parts of a slot that a bin may be.
PARTS = (1, 2, 4, 5, 8, 10, 20, 25, 40, 50, 100)


@dataclass(frozen=True)
class WaitBins:
    """Bin i holds the waiting times in ``(i·width, (i + 1)·width]``."""

    width_ticks: int
    count: int


def wait_bins(table: KeyManagementTable, slot_ticks: int, run_ticks: int) -> WaitBins:
    """Bins up to the longest waiting time.

    Where waiting times are whole slots, each of them is the upper edge of a bin if that takes
    few bins.
    """
    longest = seconds_to_ticks(table.patience_s) + seconds_to_ticks(table.on_demand_setup_s)
    longest = min(longest, run_ticks)
    if longest == 0:
        return WaitBins(1, 1)
    slots = -(-longest // slot_ticks)
    for part in PARTS:
        if slots * part >= FEWEST_BINS and slots <= 2 * FEWEST_BINS and slot_ticks % part == 0:
            return WaitBins(slot_ticks // part, slots * part)
    width = -(-longest // FEWEST_BINS)
    return WaitBins(width, -(-longest // width))
