"""Alternating renewal: up and away, both exponential and at least one tick."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from numpy.random import BitGenerator

from qnetsim import seeds
from qnetsim.units import TICKS_PER_SECOND

#: Times away that are drawn in one step; the stream serves nobody else.
AT_ONCE = 16
#: Streams that are drawn from in one step: many numbers cost little more than a few.
TOGETHER = 256


class Renewal(NamedTuple):
    """A stream, and the mean times up and away."""

    bits: BitGenerator
    up_s: float
    down_s: float


def absences(renewals: Sequence[Renewal], end_tick: int) -> list[list[tuple[int, int]]]:
    """First and last instant of each time away that begins before the end, all up at the start."""
    found: list[list[tuple[int, int]]] = [[] for _ in renewals]
    ticks = [0] * len(renewals)
    going = [*range(len(renewals))]
    while going:
        for begin in range(0, len(going), TOGETHER):
            some = going[begin : begin + TOGETHER]
            drawn = seeds.exponentials([renewals[i].bits for i in some], 2 * AT_ONCE)
            for i, numbers in zip(some, drawn.tolist(), strict=True):
                ticks[i] = _follow(found[i], renewals[i], numbers, ticks[i], end_tick)
        going = [i for i in going if ticks[i] < end_tick]
    return found


def _follow(
    found: list[tuple[int, int]],
    renewal: Renewal,
    numbers: Sequence[float],
    tick: int,
    end_tick: int,
) -> int:
    """Add the times away that these numbers say, from a tick on; returns the last tick."""
    _, up_s, down_s = renewal
    for x, y in zip(numbers[::2], numbers[1::2], strict=True):
        tick += max(1, int(x * up_s * TICKS_PER_SECOND))
        if tick >= end_tick:
            break
        back = tick + max(1, int(y * down_s * TICKS_PER_SECOND))
        found.append((tick, back))
        tick = back
    return tick
