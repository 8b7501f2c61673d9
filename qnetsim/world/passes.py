"""A world made of raw words, in one pass for each kind: for where plain loops are compiled.

``qnetsim.compiling`` loads this module. The same values come of array steps where nothing is
compiled: ``seeds.Inversion``, ``arrivals`` and ``yields``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.compiling import jit
from qnetsim.network import PPM
from qnetsim.seeds import GUIDE_BITS

_BEHIND = np.uint64(64 - GUIDE_BITS)
_UNUSED = np.uint64(11)


@jit
def invert(
    words: npt.NDArray[np.uint64],
    thresholds: npt.NDArray[np.uint64],
    guide: IntArray,
    least: int,
    found: npt.NDArray[Any],
) -> None:
    """Turn words into whole numbers: how many of the thresholds a word reaches.

    Parameters
    ----------
    words : ndarray of uint64, shape (numbers,)
    thresholds : ndarray of uint64
        In ascending order.
    guide : ndarray of int64, shape (2 ** GUIDE_BITS,)
        How many the least word of these leading bits reaches.
    least : int
        Added to each.
    found : ndarray of integers, shape (numbers,)
        Becomes the numbers.
    """
    most = thresholds.shape[0]
    for i in range(words.shape[0]):
        word = words[i]
        reached = guide[word >> _BEHIND]
        while reached < most and thresholds[reached] <= word:
            reached += 1
        found[i] = reached + least


@jit
def inside(words: npt.NDArray[np.uint64], length: int, found: IntArray) -> None:
    """Turn words into whole numbers below ``length``, by their 53 leading bits."""
    for i in range(words.shape[0]):
        part = np.float64(words[i] >> _UNUSED) * 2.0**-53
        found[i] = min(int(part * length), length - 1)


@jit
def drift(
    words: npt.NDArray[np.uint64], keep: float, scale: float, now: FloatArray, found: IntArray
) -> None:
    """Let drifts go on slot by slot.

    Parameters
    ----------
    words : ndarray of uint64, shape (slots, fibres)
    keep, scale : float
        Of the drift of the slot before, and of the innovations.
    now : ndarray of float64, shape (fibres,)
        Drift of the first slot; becomes that of the slot after the last one.
    found : ndarray of int64, shape (slots, fibres)
        Becomes one and the drifts in ppm, rounded down; nothing below zero.
    """
    for row in range(words.shape[0]):
        for f in range(words.shape[1]):
            found[row, f] = max(PPM + int(np.floor(now[f] * PPM)), 0)
            step = 2 * (np.float64(words[row, f] >> _UNUSED) * 2.0**-53) - 1
            now[f] = now[f] * keep + step * scale
