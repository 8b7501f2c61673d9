"""Integer simulated time, and how numbers are shown to people.

The kernel counts in ticks of one nanosecond, so a slot length such as 0.1 s is exact
and 10^9 slots of one second still fit into 64 bits.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

TICKS_PER_SECOND = 1_000_000_000

#: Most bits that a fibre may handle in a slot (exact in a float) and in a run (64-bit totals).
MAX_SLOT_BITS = 2**53
MAX_RUN_BITS = 2**62
#: Longest simulated time, in ticks of 64-bit integers.
MAX_TICKS = 2**62


@lru_cache(maxsize=8192)
def exact(value: float) -> Fraction:
    """Return the decimal number that a user wrote, as an exact fraction.

    ``exact(0.1)`` is 1/10 and not the nearest binary number, so that 0.3 km / 0.1 km is 3.
    """
    return Fraction(repr(float(value)))


def seconds_to_ticks(seconds: float) -> int:
    """Convert seconds to whole ticks.

    Raises
    ------
    ValueError
        If the time is not a whole number of nanoseconds.
    """
    ticks = exact(seconds) * TICKS_PER_SECOND
    if ticks.denominator != 1:
        raise ValueError(f"{seconds!r} s is not a whole number of nanoseconds")
    return int(ticks)
