"""Paillier encryption of packed integers, on the primitives of phe.

A plaintext holds several signed integers in slots of ``SLOT_BITS``; sums and products by one
integer act on all slots at once. Masks are uniform over the whole ring, so a masked plaintext says
nothing. Keys and randomness come from named streams: simulation, not security. phe makes the keys
and decrypts, by the Chinese remainder theorem as one would; what it cannot shorten is in
``powers.py`` and ``randomness.py``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.random import BitGenerator

from qnetsim import seeds
from qnetsim.errors import UsageError
from qnetsim.fel.arithmetic import SLOT_BITS
from qnetsim.fel.powers import product_of_powers
from qnetsim.fel.randomness import FullRandomness, Randomness, uniform

#: Numbers among which a prime is looked for at a time.
SPAN = 2**11
#: phe has no type hints.
Public = Any
Private = Any


def generate_keys(bits: BitGenerator, size: int) -> tuple[Public, Private]:
    """Make a ``PaillierPublicKey`` and its private key, with a modulus of exactly ``size`` bits.

    The primes are those of ``ShortRandomness``: p ≡ q ≡ 3 (mod 4), gcd(p − 1, q − 1) = 2.

    Raises
    ------
    UsageError
        The size is odd or below 256.
    """
    from phe import paillier

    if size < 256 or size % 2:
        raise UsageError(f"a Paillier key has an even number of bits >= 256, got {size}")
    p = q = _prime(bits, size // 2)
    while p == q or math.gcd(p - 1, q - 1) != 2 or (p * q).bit_length() != size:
        q = _prime(bits, size // 2)
    public = paillier.PaillierPublicKey(p * q)
    return public, paillier.PaillierPrivateKey(public, p, q)


def _prime(bits: BitGenerator, size: int) -> int:
    """A prime that is 3 modulo 4, as short randomness needs it."""
    import gmpy2

    # the two highest bits are set, so that the product of two primes has full length
    start = seeds.bits(bits, size) | (3 << (size - 2)) | 3
    while True:
        # one test takes as long as hundreds of divisions, so small divisors go first
        composite = np.zeros(SPAN, dtype=bool)
        for divisor in _small_primes():
            # start + 4i = 0 modulo the divisor
            composite[-start * pow(4, -1, divisor) % divisor :: divisor] = True
        for place in np.flatnonzero(~composite).tolist():
            if gmpy2.is_prime(start + 4 * place):
                return int(start + 4 * place)
        start += 4 * SPAN


@cache
def _small_primes() -> list[int]:
    """Odd primes below 2**13."""
    prime = np.ones(2**13, dtype=bool)
    prime[:3] = False
    prime[4::2] = False
    for number in range(3, 91, 2):
        if prime[number]:
            prime[number * number :: number] = False
    return np.flatnonzero(prime).tolist()


def slots(key_bits: int) -> int:
    """Slots of a plaintext; one bit is left for the sign of the whole."""
    return (key_bits - 1) // SLOT_BITS


def ciphertext_bytes(key_bits: int) -> int:
    """Length of a ciphertext on the wire."""
    return key_bits // 4


def plaintext_bytes(key_bits: int) -> int:
    """Length of a plaintext on the wire."""
    return key_bits // 8


def pack(values: Sequence[int]) -> int:
    """Put signed integers into one, the first lowest."""
    total = 0
    for value in reversed(values):
        total = (total << SLOT_BITS) + value
    return total


def unpack(packed: int, count: int) -> list[int]:
    """Take signed integers out again."""
    half = 1 << (SLOT_BITS - 1)
    found = []
    for _ in range(count):
        value = ((packed + half) & ((1 << SLOT_BITS) - 1)) - half
        found.append(value)
        packed = (packed - value) >> SLOT_BITS
    return found


class Cipher:
    """Encrypts for one key with fresh randomness from a stream.

    Parameters
    ----------
    public : Public
    bits : BitGenerator
    randomness : Randomness, optional
        Paillier's own unless given.
    """

    def __init__(
        self, public: Public, bits: BitGenerator, randomness: Randomness | None = None
    ) -> None:
        self.n = int(public.n)
        self.square = int(public.nsquare)
        self.randomness = randomness or FullRandomness(self.n)
        self._bits = bits

    def encrypt(self, plaintext: int) -> int:
        """Encrypt an integer modulo n."""
        return encrypt_all(self.randomness, self.n, [(plaintext, self.draw())])[0]

    def draw(self) -> int:
        """What is random of one ciphertext, never the same for two uses."""
        return self.randomness.draw(self._bits)

    def uniform(self) -> int:
        """Draw from 1 … n − 1, never the same for two uses."""
        return uniform(self._bits, self.n)

    def add(self, ciphertexts: Sequence[int]) -> int:
        """Encryption of the sum."""
        import gmpy2

        total = gmpy2.mpz(1)
        for ciphertext in ciphertexts:
            total = total * ciphertext % self.square
        return int(total)

    def weigh(self, ciphertexts: Sequence[int], factors: Sequence[int]) -> int:
        """Encryption of Σ factor·plaintext for factors ≥ 0; nothing is re-randomised."""
        return weigh_all(self.square, ciphertexts, [factors])[0]

    def blind(self, ciphertext: int, mask: int) -> int:
        """Add a mask, encrypted anew: the result is a fresh ciphertext of plaintext + mask."""
        return self.add([ciphertext, self.encrypt(mask)])


def encrypt_all(randomness: Randomness, n: int, plaintexts: Sequence[tuple[int, int]]) -> list[int]:
    """Encrypt integers modulo n, each with what was drawn for it."""
    square = n * n
    # (1 + n)^m = 1 + m·n modulo n²
    return [
        int((plaintext % n * n + 1) * randomness.factor(drawn) % square)
        for plaintext, drawn in plaintexts
    ]


def weigh_all(
    square: int, ciphertexts: Sequence[int], columns: Sequence[Sequence[int]]
) -> list[int]:
    """Encryptions of Σ factor·plaintext, one for each column of factors ≥ 0."""
    import gmpy2

    bases = list(map(gmpy2.mpz, ciphertexts))
    modulus = gmpy2.mpz(square)
    return [int(product_of_powers(bases, column, modulus)) for column in columns]


def decrypt_all(factors: tuple[int, int], ciphertexts: Sequence[int]) -> list[int]:
    """Plaintexts in 0 … n − 1, by who knows p and q."""
    private = private_key(*factors)
    return [decrypt(private, ciphertext) for ciphertext in ciphertexts]


@lru_cache(maxsize=2)
def private_key(p: int, q: int) -> Private:
    """The private key of these primes."""
    from phe import paillier

    return paillier.PaillierPrivateKey(paillier.PaillierPublicKey(p * q), p, q)


def decrypt(private: Private, ciphertext: int) -> int:
    """Plaintext in 0 … n − 1."""
    return int(private.raw_decrypt(ciphertext))


def signed(plaintext: int, n: int) -> int:
    """Read a residue modulo n as an integer around zero."""
    plaintext %= n
    return plaintext - n if plaintext > n // 2 else plaintext
