"""Alternating renewal: up and away, both exponential and at least one tick."""

from __future__ import annotations

from collections.abc import Iterator

from numpy.random import BitGenerator

from qnetsim import seeds
from qnetsim.units import TICKS_PER_SECOND


def absences(
    bits: BitGenerator, up_s: float, down_s: float, end_tick: int
) -> Iterator[tuple[int, int]]:
    """First and last instant of each time away that begins before the end, up at the start."""
    tick = 0
    while True:
        up, down = (
            max(1, int(x * mean * TICKS_PER_SECOND))
            for x, mean in zip(seeds.exponential(bits, 2).tolist(), (up_s, down_s), strict=True)
        )
        tick += up
        if tick >= end_tick:
            return
        yield tick, tick + down
        tick += down
