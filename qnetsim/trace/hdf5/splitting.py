"""Split numbers into their bytes in one pass: for where plain loops are compiled.

``qnetsim.compiling`` loads this module.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from qnetsim.compiling import jit

#: Most low bytes of a number that are split off.
MOST_BYTES = 4

_ONE_BYTE, _TWO_BYTES, _THREE_BYTES = np.uint32(8), np.uint32(16), np.uint32(24)


@jit
def split(halves: npt.NDArray[np.uint32], planes: npt.NDArray[np.uint8], count: int) -> int:
    """Split off low bytes of numbers of 64 bits; returns how many there are that are not zero.

    Halves are split, for processors do so to eight at once. What is asked of ``count`` in the loop
    is compiled into a loop for each.

    Parameters
    ----------
    halves : ndarray of uint32, shape (2 * numbers,)
        The lower half of each number and the upper one.
    planes : ndarray of uint8, shape (MOST_BYTES or more, numbers)
        Its first ``count`` rows become the bytes, the lowest first.
    count : int
        From 1 to ``MOST_BYTES``.
    """
    a, b, c, d = planes[0], planes[1], planes[2], planes[3]
    low = high = np.uint32(0)
    for i in range(a.size):
        half = halves[2 * i]
        low |= half
        high |= halves[2 * i + 1]
        a[i] = half
        if count > 1:
            b[i] = half >> _ONE_BYTE
        if count > 2:
            c[i] = half >> _TWO_BYTES
        if count > 3:
            d[i] = half >> _THREE_BYTES
    found = 0
    last = low
    if high:
        found, last = MOST_BYTES, high
    while last:
        last >>= _ONE_BYTE
        found += 1
    return found
