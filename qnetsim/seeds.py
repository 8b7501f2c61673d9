"""Named random streams: the only source of randomness in qnetsim.

A stream is a Philox counter generator whose 128-bit key is a hash of the seed and of the
stream's name. Streams of different names are independent, so the draws of one entity cannot
change those of another. Values are made from the raw 64-bit words by transforms of our own:
numpy keeps the raw words of Philox stable between versions, but not its distributions.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

RawWords = npt.NDArray[np.uint64]
#: Words from which on a table of leading bits pays.
MANY = 2**14
#: Leading bits of a word by which a compiled search begins.
GUIDE_BITS = 12


def stream(seed: int, *name: str | int) -> np.random.Philox:
    """Open the stream of this name.

    Parameters
    ----------
    seed : int
        The scenario's ``run.seed``.
    *name : str or int
        The path of the stream, for example ``"demand", replication, chunk``.

    Returns
    -------
    numpy.random.Philox
        A fresh bit generator at the stream's start.
    """
    return np.random.Philox(key=stream_key(seed, *name))


def stream_key(seed: int, *name: str | int) -> RawWords:
    """Key of the stream of this name, for code that makes the words of Philox itself: two words."""
    text = json.dumps([seed, *name], separators=(",", ":")).encode()
    return np.frombuffer(hashlib.blake2b(text, digest_size=16).digest(), dtype="<u8")


def fresh_seed() -> int:
    """A seed from the entropy of the system, 64 bits, for who asks for randomness without one."""
    return int.from_bytes(os.urandom(8), "little")


def words(bits: np.random.BitGenerator, count: int) -> RawWords:
    """Draw raw words: ``count`` values of dtype uint64."""
    return np.asarray(bits.random_raw(count), dtype=np.uint64)


def uniform(bits: np.random.BitGenerator, count: int) -> npt.NDArray[np.float64]:
    """Draw ``count`` numbers from [0, 1), multiples of 2**-53."""
    return _fractions(words(bits, count))


def _fractions(words: RawWords) -> npt.NDArray[np.float64]:
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53


class Inversion:
    """Turns words into whole numbers by inversion: how many of the thresholds a word reaches.

    Parameters
    ----------
    thresholds : ndarray of uint64
        In ascending order.
    kind : dtype
        Of the numbers.
    """

    def __init__(self, thresholds: RawWords, kind: npt.DTypeLike) -> None:
        # compiled code is made anew for arrays that cannot be changed
        self.thresholds: RawWords = np.array(thresholds, dtype=np.uint64)
        self.kind = kind

    def sample(self, words: RawWords) -> npt.NDArray[Any]:
        """Turn words into numbers; keeps the shape."""
        if words.size < MANY:
            return self._search(words)
        leading = np.ascontiguousarray(words, dtype="<u8").view("<u2")[..., 3::4]
        found = self._by_leading_bits.take(leading)
        open_ = np.flatnonzero(found < 0)
        if open_.size:
            found.flat[open_] = self._search(words.flat[open_])
        return found

    def _search(self, words: RawWords) -> npt.NDArray[Any]:
        return np.searchsorted(self.thresholds, words, side="right").astype(self.kind)

    @cached_property
    def guide(self) -> npt.NDArray[np.int64]:
        """Number of the least word with these leading bits, shape (2 ** GUIDE_BITS,)."""
        first = np.arange(2**GUIDE_BITS, dtype=np.uint64) << np.uint64(64 - GUIDE_BITS)
        return np.searchsorted(self.thresholds, first, side="right").astype(np.int64)

    @cached_property
    def _by_leading_bits(self) -> npt.NDArray[Any]:
        """Number of the words with these 16 leading bits; −1 where further bits decide."""
        first = np.arange(2**16, dtype=np.uint64) << np.uint64(48)
        lowest = self._search(first)
        highest = self._search(first | np.uint64(2**48 - 1))
        lowest[lowest != highest] = -1
        # policies know the distributions that draw by it
        lowest.setflags(write=False)
        return lowest


def exponentials(streams: Sequence[np.random.BitGenerator], count: int) -> npt.NDArray[np.float64]:
    """Draw exponential numbers of mean one from some streams, shape (streams, count).

    By inversion; the same on every machine.
    """
    drawn = np.array([words(bits, count) for bits in streams])
    return -_logarithm(1.0 - _fractions(drawn))


def geometric(bits: np.random.BitGenerator, *means: float) -> list[int]:
    """Draw a geometric number 0, 1, … of each of these means, by inversion; one word a number."""
    given = np.array(means, dtype=np.float64)
    there = np.where(given > 0, given, 1.0)
    # P(N >= n) = (mean / (1 + mean))^n
    drawn = 1.0 - uniform(bits, given.size)
    logs = _logarithm(np.concatenate([drawn, 1.0 + 1.0 / there]))
    found = np.floor(-logs[: given.size] / logs[given.size :])
    return [int(n) if mean else 0 for n, mean in zip(found.tolist(), means, strict=True)]


def normal(bits: np.random.BitGenerator, count: int) -> npt.NDArray[np.float64]:
    """Draw ``count`` standard normal numbers, by inversion; the same on every machine."""
    # the middle of a number's interval, so that 0 does not occur; 1 would by rounding
    return normal_quantile(np.minimum(uniform(bits, count) + 2.0**-54, 1.0 - 2.0**-53))


#: Coefficients of numerator and denominator, highest power first, of Wichura's algorithm AS 241
#: (Applied Statistics 37, 1988): in the middle, in the tails, and far out.
_MIDDLE = (
    (
        2.5090809287301226727e3,
        3.3430575583588128105e4,
        6.7265770927008700853e4,
        4.5921953931549871457e4,
        1.3731693765509461125e4,
        1.9715909503065514427e3,
        1.3314166789178437745e2,
        3.3871328727963666080e0,
    ),
    (
        5.2264952788528545610e3,
        2.8729085735721942674e4,
        3.9307895800092710610e4,
        2.1213794301586595867e4,
        5.3941960214247511077e3,
        6.8718700749205790830e2,
        4.2313330701600911252e1,
        1.0,
    ),
)
_TAIL = (
    (
        7.74545014278341407640e-4,
        2.27238449892691845833e-2,
        2.41780725177450611770e-1,
        1.27045825245236838258e0,
        3.64784832476320460504e0,
        5.76949722146069140550e0,
        4.63033784615654529590e0,
        1.42343711074968357734e0,
    ),
    (
        1.05075007164441684324e-9,
        5.47593808499534494600e-4,
        1.51986665636164571966e-2,
        1.48103976427480074590e-1,
        6.89767334985100004550e-1,
        1.67638483018380384940e0,
        2.05319162663775882187e0,
        1.0,
    ),
)
_FAR = (
    (
        2.01033439929228813265e-7,
        2.71155556874348757815e-5,
        1.24266094738807843860e-3,
        2.65321895265761230930e-2,
        2.96560571828504891230e-1,
        1.78482653991729133580e0,
        5.46378491116411436990e0,
        6.65790464350110377720e0,
    ),
    (
        2.04426310338993978564e-15,
        1.42151175831644588870e-7,
        1.84631831751005468180e-5,
        7.86869131145613259100e-4,
        1.48753612908506148525e-2,
        1.36929880922735805310e-1,
        5.99832206555887937690e-1,
        1.0,
    ),
)


def normal_quantile(probability: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Quantiles of the standard normal distribution, to about 1e-15; 0 and 1 are infinite.

    Made of basic operations and square roots, so the values are the same on every machine.
    """
    p = np.asarray(probability, dtype=np.float64)
    q = p - 0.5
    central = np.abs(q) <= 0.425
    r = 0.180625 - q * q
    middle = q * _ratio(_MIDDLE, np.where(central, r, 0.0))
    inside = (p > 0) & (p < 1)
    tail = np.sqrt(-_logarithm(np.where(inside, np.minimum(p, 1.0 - p), 0.5)))
    near = _ratio(_TAIL, np.minimum(tail, 5.0) - 1.6)
    far = _ratio(_FAR, np.maximum(tail, 5.0) - 5.0)
    outer = np.where(inside, np.where(tail <= 5.0, near, far), np.inf)
    return np.asarray(np.where(central, middle, np.where(q < 0, -outer, outer)))


def _ratio(
    coefficients: tuple[tuple[float, ...], tuple[float, ...]], x: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Quotient of two polynomials, by Horner's rule."""
    found = []
    for powers in coefficients:
        value = np.full_like(x, powers[0])
        for power in powers[1:]:
            value = value * x + power
        found.append(value)
    return np.asarray(found[0] / found[1])


def _logarithm(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Natural logarithm of positive numbers, as a series of basic operations."""
    mantissa, exponent = np.frexp(values)
    small = mantissa < 0.7071067811865476
    mantissa = np.where(small, 2 * mantissa, mantissa)
    exponent = exponent - small
    s = (mantissa - 1) / (mantissa + 1)
    square = s * s
    term = s
    total = s.copy()
    for k in range(3, 29, 2):
        term = term * square
        total = total + term / k
    return np.asarray(2 * total + exponent * 0.6931471805599453)


def integers(bits: np.random.BitGenerator, bound: int, count: int) -> npt.NDArray[np.int64]:
    """Draw ``count`` integers uniformly from ``0 .. bound - 1``.

    One word an integer, so the values do not depend on how a draw is split into calls. The
    53 high bits are scaled; the bias is below ``bound * 2**-53``.
    """
    if not 0 < bound < 2**31:
        raise ValueError(f"bound must lie in 1 .. 2**31 - 1, got {bound}")
    return np.minimum((uniform(bits, count) * bound).astype(np.int64), bound - 1)


def bits(stream_bits: np.random.BitGenerator, count: int) -> int:
    """Draw an integer of ``count`` uniform bits, in whole words."""
    raw = words(stream_bits, -(-count // 64)).astype("<u8").tobytes()
    return int.from_bytes(raw, "little") & ((1 << count) - 1)
