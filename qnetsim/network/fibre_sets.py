"""Sets of fibres as whole numbers with one bit for each."""

from __future__ import annotations

from collections.abc import Iterable


def bits_of(fibres: Iterable[int]) -> int:
    """Return the whole number of some fibres, each given once."""
    return sum([1 << fibre for fibre in fibres])


def fibres_of(bits: int) -> tuple[int, ...]:
    """Fibres of a whole number, in order."""
    found = []
    while bits:
        lowest = bits & -bits
        found.append(lowest.bit_length() - 1)
        bits ^= lowest
    return tuple(found)
