"""A world made of raw words, in one pass for each kind: for where plain loops are compiled.

``qnetsim.compiling`` loads this module. The same values come of array steps where nothing is
compiled: ``seeds.words``, ``seeds.Inversion``, ``arrivals`` and ``yields``.

The words are those of numpy's Philox 4×64 with ten rounds (Salmon et al., SC 2011), which take half
as long again where a generator is asked for them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.compiling import jit, product_halves
from qnetsim.network import PPM
from qnetsim.seeds import GUIDE_BITS, RawWords

#: Words of a block of the counter.
BLOCK = 4
ROUNDS = 10
_MULTIPLIERS = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
_WEYL = 0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B
_HALF = 2**64 - 1
_BEHIND = np.uint64(64 - GUIDE_BITS)
_UNUSED = np.uint64(11)


def round_keys(key: RawWords) -> RawWords:
    """Keys of the rounds of a stream, shape (ROUNDS, 2).

    Parameters
    ----------
    key : ndarray of uint64, shape (2,)
        As ``seeds.stream_key`` gives it.
    """
    rounds = [
        [(first + r * step) & _HALF for first, step in zip(key.tolist(), _WEYL, strict=True)]
        for r in range(ROUNDS)
    ]
    return np.array(rounds, dtype=np.uint64)


@product_halves
def _halves(a: np.uint64, b: np.uint64) -> tuple[np.uint64, np.uint64]:
    product = int(a) * int(b)
    return np.uint64(product >> 64), np.uint64(product & _HALF)


@jit
def draw(keys: RawWords, first: int, words: RawWords) -> None:
    """Draw the words of a stream from word ``first`` on, a multiple of ``BLOCK``.

    Parameters
    ----------
    keys : ndarray of uint64, shape (ROUNDS, 2)
    first : int
    words : ndarray of uint64, shape (numbers,)
        Becomes the words.
    """
    for at in range(0, words.size, BLOCK):
        # the counter is one ahead of the words
        a = np.uint64((first + at) // BLOCK + 1)
        b = c = d = np.uint64(0)
        for r in range(ROUNDS):
            high, low = _halves(_MULTIPLIERS[0], a)
            upper, lower = _halves(_MULTIPLIERS[1], c)
            a, b, c, d = upper ^ b ^ keys[r, 0], lower, high ^ d ^ keys[r, 1], low
        left = words.size - at
        words[at] = a
        if left > 1:
            words[at + 1] = b
        if left > 2:
            words[at + 2] = c
        if left > 3:
            words[at + 3] = d


@jit
def draw_inverted(
    keys: RawWords,
    words: RawWords,
    thresholds: RawWords,
    guide: IntArray,
    least: int,
    found: npt.NDArray[Any],
) -> None:
    """Draw whole numbers by inversion; ``words`` is memory for a piece of them, whole blocks."""
    for first in range(0, found.size, words.size):
        part = found[first : first + words.size]
        draw(keys, first, words[: part.size])
        invert(words[: part.size], thresholds, guide, least, part)


@jit
def draw_inside(keys: RawWords, words: RawWords, length: int, found: IntArray) -> None:
    """Draw whole numbers below ``length``; ``words`` as for ``draw_inverted``."""
    for first in range(0, found.size, words.size):
        part = found[first : first + words.size]
        draw(keys, first, words[: part.size])
        inside(words[: part.size], length, part)


@jit
def draw_drift(
    keys: RawWords, words: RawWords, keep: float, scale: float, now: FloatArray, found: IntArray
) -> None:
    """Draw drifts slot by slot; ``words`` is memory for the whole blocks of ``BLOCK`` slots."""
    fibres = found.shape[1]
    rows = words.size // (BLOCK * fibres) * BLOCK
    for first in range(0, found.shape[0], rows):
        part = found[first : first + rows]
        some = words[: part.size]
        draw(keys, first * fibres, some)
        drift(some.reshape(part.shape), keep, scale, now, part)


@jit
def invert(
    words: RawWords,
    thresholds: RawWords,
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
def inside(words: RawWords, length: int, found: IntArray) -> None:
    """Turn words into whole numbers below ``length``, by their 53 leading bits."""
    for i in range(words.shape[0]):
        part = np.float64(words[i] >> _UNUSED) * 2.0**-53
        found[i] = min(int(part * length), length - 1)


@jit
def drift(words: RawWords, keep: float, scale: float, now: FloatArray, found: IntArray) -> None:
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
