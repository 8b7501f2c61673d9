"""The least that serving can be: one numba loop adds up what requests ask of the fibres."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


@numba.njit
def serve(
    levels: Ints,
    choice: Ints,
    way: Ints,
    fibre: Ints,
    need: Ints,
    reserved_bits: Ints,
    channel_bits: Ints,
    asked: Ints,
    count: Ints,
    lit: Ints,
) -> None:
    """Walk slots, requests and fibres; no pools, no ledger, no bill, nothing waits.

    Levels have shape (slots, requests); ``choice`` gives a way for (request, level), whose fibres
    lie in ``fibre`` from ``way[w]`` to ``way[w + 1]``; the last three arrays take the results.
    """
    for slot in range(levels.shape[0]):
        for request in range(levels.shape[1]):
            level = levels[slot, request]
            taken = choice[request, level]
            for at in range(way[taken], way[taken + 1]):
                f = fibre[at]
                asked[slot, f] += need[level, f]
                count[slot, f] += 1
        for f in range(asked.shape[1]):
            short = asked[slot, f] - reserved_bits[f]
            if short > 0:
                lit[slot, f] = -(-short // channel_bits[f])
