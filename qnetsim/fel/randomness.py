"""What makes a Paillier ciphertext fresh: a random n-th power modulo n².

``FullRandomness`` is Paillier's own, ``ShortRandomness`` that of Damgård, Jurik and Nielsen.
Either is drawn in one place and worked out in another, which may be a process of its own.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, Protocol, get_args

from numpy.random import BitGenerator

from qnetsim import seeds
from qnetsim.fel.powers import FixedBase, KnownFactors

RandomnessName = Literal["short", "full"]
RANDOMNESS_NAMES: tuple[RandomnessName, ...] = get_args(RandomnessName)
#: gmpy2 has no type hints.
Big = Any


class Randomness(Protocol):
    """Draws what makes a ciphertext fresh, and works it out; both ends of a pool know it."""

    def draw(self, bits: BitGenerator) -> int:
        """What is random of one ciphertext."""
        ...

    def factor(self, drawn: int) -> Big:
        """The n-th power modulo n² that a ciphertext is multiplied by."""
        ...


def uniform(bits: BitGenerator, n: int) -> int:
    """Draw from 1 … n − 1; 128 further bits leave no bias that matters."""
    return 1 + seeds.bits(bits, n.bit_length() + 128) % (n - 1)


@dataclass(frozen=True)
class FullRandomness:
    """Paillier's own: rⁿ mod n² with r uniform in 1 … n − 1.

    Attributes
    ----------
    n : int
    factors : (int, int) or None
        p and q, where whoever encrypts holds the private key: works modulo p² and q².
    """

    n: int
    factors: tuple[int, int] | None = None

    def draw(self, bits: BitGenerator) -> int:
        """Draw r."""
        return uniform(bits, self.n)

    def factor(self, drawn: int) -> Big:
        """rⁿ mod n²."""
        import gmpy2

        if self.factors is not None:
            return known_factors(*self.factors).modulus_power(drawn)
        return gmpy2.powmod(drawn, self.n, self.n * self.n)


@dataclass(frozen=True)
class ShortRandomness:
    """Powers of one base with exponents half as long as the modulus (Damgård, Jurik, Nielsen 2010).

    A ciphertext of m is::

        c = (1 + m·n) · h_n^x mod n²,   h_n = hⁿ mod n²,   h = −y² mod n,   0 ≤ x < 2^⌈|n|/2⌉

    with p ≡ q ≡ 3 (mod 4) and gcd(p − 1, q − 1) = 2. No small odd number divides p − 1 or q − 1, so
    but for one key in about 10⁵ −y² generates all residues of Jacobi symbol 1, and misses one large
    factor of their order else. What is assumed beyond Paillier's own assumption (n-th residues
    modulo n² cannot be told from others) is that h^x mod n with x of half length cannot be told
    from h^x with x of full length. Goldreich and Rosen (2003) derive that from the hardness of
    factoring n, which Paillier's assumption needs as well.

    y is a hash of n, so that nobody has to send h. The powers come from a table of n alone. Whoever
    knows p and q uses it too: tables modulo p² and q² save a quarter of a power, and take longer to
    make than they save in a round.

    Attributes
    ----------
    n : int
    """

    n: int

    @property
    def exponent_bits(self) -> int:
        """Half the length of n, rounded up."""
        return -(-self.n.bit_length() // 2)

    def draw(self, bits: BitGenerator) -> int:
        """Draw x."""
        return seeds.bits(bits, self.exponent_bits)

    def factor(self, drawn: int) -> Big:
        """h_n^x mod n²."""
        return power_table(self.n, self.exponent_bits).power(drawn)


def randomness_of(
    name: RandomnessName, n: int, factors: tuple[int, int] | None = None
) -> Randomness:
    """Randomness by its name in a scenario; with p and q that of the private key's holder."""
    return ShortRandomness(n) if name == "short" else FullRandomness(n, factors)


def base_of(n: int) -> int:
    """H = −y² mod n, with y a hash of n."""
    count = (n.bit_length() + 128 + 7) // 8
    width = (n.bit_length() + 7) // 8
    digest = hashlib.shake_256(b"qnetsim base " + n.to_bytes(width, "big")).digest(count)
    y = int.from_bytes(digest, "big") % n
    return -y * y % n


# A round has a key of its own, and tables are large: only those of the last keys are kept.
@lru_cache(maxsize=2)
def power_table(n: int, bits: int) -> FixedBase:
    """Powers of h_n = hⁿ modulo n²."""
    import gmpy2

    return FixedBase(int(gmpy2.powmod(base_of(n), n, n * n)), n * n, bits)


@lru_cache(maxsize=2)
def known_factors(p: int, q: int) -> KnownFactors:
    """Arithmetic modulo p² and q²."""
    return KnownFactors(p, q)
