"""RSA keys of cluster heads, the same from one seed whatever libraries are installed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from numpy.random import BitGenerator

from qnetsim import seeds

#: Public exponent.
EXPONENT = 65537
#: Bits of the smallest modulus: the two primes differ in their first 100 bits.
LEAST_BITS = 512
#: Rounds of Miller and Rabin below a number of bits, for an error below 1e-30 (FIPS 186-4, C.3).
ROUNDS = {
    220: 30,
    280: 20,
    390: 15,
    512: 10,
    620: 7,
    740: 6,
    890: 5,
    1200: 4,
    1700: 3,
    3700: 2,
}
#: Primes by which candidates are divided first.
DIVISORS = 100


@dataclass(frozen=True)
class SigningKey:
    """An RSA key, used for nothing but blind signatures.

    Attributes
    ----------
    n, e, d : int
        Modulus, public and private exponent.
    p, q : int
        Prime factors, the smaller first.
    """

    n: int
    e: int
    d: int = field(repr=False)
    p: int = field(repr=False)
    q: int = field(repr=False)


def signing_key(bits: BitGenerator, size: int) -> SigningKey:
    """Make the RSA key of a cluster head, by FIPS 186-4, B.3.3.

    Parameters
    ----------
    bits : BitGenerator
    size : int
        Bits of the modulus, even, at least 512.

    Raises
    ------
    ValueError
        There is no key of this size.
    """
    if size % 2 or size < LEAST_BITS:
        raise ValueError(f"a key of {size} bits: give an even number >= {LEAST_BITS}")
    half = size // 2
    low = math.isqrt(1 << (size - 1))

    def fits(candidate: int) -> bool:
        return candidate > low and math.gcd(candidate - 1, EXPONENT) == 1

    while True:
        p = _prime(bits, half, fits)
        q = _prime(bits, half, lambda one: fits(one) and abs(one - p) > 1 << (half - 100))  # noqa: B023 - called at once
        n = p * q
        d = pow(EXPONENT, -1, math.lcm(p - 1, q - 1))
        if n.bit_length() == size and d >= 1 << half:
            return SigningKey(n, EXPONENT, d, min(p, q), max(p, q))


def _prime(bits: BitGenerator, size: int, fits: Callable[[int], bool]) -> int:
    """Draw odd numbers of a size until one fits and is prime."""
    while True:
        candidate = _drawn(bits, size) | 1 << (size - 1) | 1
        if fits(candidate) and _is_prime(bits, candidate):
            return candidate


def _drawn(bits: BitGenerator, size: int) -> int:
    """A number below 2^size; its highest byte is drawn apart."""
    others = 8 * ((size - 1) // 8)
    high = seeds.bits(bits, 8) & ((1 << (size - others)) - 1)
    return high << others | (seeds.bits(bits, others) if others else 0)


def _is_prime(bits: BitGenerator, candidate: int) -> bool:
    """Small divisors, rounds of Miller and Rabin with drawn bases, then Lucas's test."""
    import gmpy2

    if any(candidate % prime == 0 for prime in _small_primes()):
        return False
    size = candidate.bit_length()
    rounds = next((count for below, count in ROUNDS.items() if size < below), 1)
    if not all(gmpy2.is_strong_prp(candidate, _base(bits, candidate)) for _ in range(rounds)):
        return False
    return bool(gmpy2.is_selfridge_prp(candidate))


def _base(bits: BitGenerator, candidate: int) -> int:
    """A base from 2 to candidate − 2."""
    most = candidate - 4
    while True:
        drawn = _drawn(bits, most.bit_length())
        if drawn <= most:
            return drawn + 2


@cache
def _small_primes() -> tuple[int, ...]:
    import gmpy2

    found = [2]
    while len(found) < DIVISORS:
        found.append(int(gmpy2.next_prime(found[-1])))
    return tuple(found)
