"""Bytes damaged by chance."""

from __future__ import annotations

import numpy as np


def mutated(raw: bytes, rng: np.random.Generator) -> bytes:
    """Bits flipped, bytes overwritten, a piece cut out, zeroed or doubled, or the end lost."""
    copy = bytearray(raw)
    kind = int(rng.integers(6))
    # metadata lies at the front, so half of the places are there
    limit = len(copy) if rng.integers(2) else min(len(copy), 60_000)
    place = int(rng.integers(limit))
    length = int(rng.integers(1, 400))
    if kind == 0:
        for at in rng.integers(limit, size=int(rng.integers(1, 9))):
            copy[at] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        for at in rng.integers(limit, size=int(rng.integers(1, 40))):
            copy[at] = int(rng.integers(256))
    elif kind == 2:
        del copy[place : place + length]
    elif kind == 3:
        copy[place : place + length] = bytes(min(length, len(copy) - place))
    elif kind == 4:
        copy[place:place] = copy[place : place + length]
    else:
        del copy[place:]
    return bytes(copy)
