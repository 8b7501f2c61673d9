"""Alternating renewal: up and away, both exponential and at least one tick."""

from __future__ import annotations

from collections.abc import Iterator

from numpy.random import BitGenerator

from qnetsim import seeds
from qnetsim.units import TICKS_PER_SECOND

#: Times away that are drawn in one step; the stream serves nobody else.
AT_ONCE = 16


def absences(
    bits: BitGenerator, up_s: float, down_s: float, end_tick: int
) -> Iterator[tuple[int, int]]:
    """First and last instant of each time away that begins before the end, up at the start."""
    tick = 0
    while True:
        drawn = seeds.exponential(bits, 2 * AT_ONCE).tolist()
        for x, y in zip(drawn[::2], drawn[1::2], strict=True):
            tick += max(1, int(x * up_s * TICKS_PER_SECOND))
            if tick >= end_tick:
                return
            back = tick + max(1, int(y * down_s * TICKS_PER_SECOND))
            yield tick, back
            tick = back
