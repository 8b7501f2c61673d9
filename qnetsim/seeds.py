"""Named random streams: the only source of randomness in qnetsim.

A stream is a Philox counter generator whose 128-bit key is a hash of the seed and of the
stream's name. Streams of different names are independent, so the draws of one entity cannot
change those of another. Values are made from the raw 64-bit words by transforms of our own:
numpy keeps the raw words of Philox stable between versions, but not its distributions.
"""

from __future__ import annotations

import hashlib
import json

import numpy as np
import numpy.typing as npt

RawWords = npt.NDArray[np.uint64]


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
    text = json.dumps([seed, *name], separators=(",", ":")).encode()
    key = np.frombuffer(hashlib.blake2b(text, digest_size=16).digest(), dtype="<u8")
    return np.random.Philox(key=key)


def words(bits: np.random.BitGenerator, count: int) -> RawWords:
    """Draw raw words: ``count`` values of dtype uint64."""
    return np.asarray(bits.random_raw(count), dtype=np.uint64)


def uniform(bits: np.random.BitGenerator, count: int) -> npt.NDArray[np.float64]:
    """Draw ``count`` numbers from [0, 1), multiples of 2**-53."""
    return (words(bits, count) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def exponential(bits: np.random.BitGenerator, count: int) -> npt.NDArray[np.float64]:
    """Draw ``count`` exponential numbers of mean one, by inversion.

    The logarithm is a series of basic operations, so the values are the same on every machine.
    """
    mantissa, exponent = np.frexp(1.0 - uniform(bits, count))
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
    return np.asarray(-(2 * total + exponent * 0.6931471805599453))


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
