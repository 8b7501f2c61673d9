"""Paillier encryption of packed integers, on the primitives of phe.

A plaintext holds several signed integers in slots of ``SLOT_BITS``; sums and products by one
integer act on all slots at once. Masks are uniform over the whole ring, so a masked plaintext says
nothing. Keys and randomness come from named streams: simulation, not security.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.random import BitGenerator

from qnetsim import seeds
from qnetsim.errors import UsageError
from qnetsim.fel.arithmetic import SLOT_BITS

#: phe has no type hints.
Public = Any
Private = Any


def generate_keys(bits: BitGenerator, size: int) -> tuple[Public, Private]:
    """Make a ``PaillierPublicKey`` and its private key, with a modulus of exactly ``size`` bits.

    Raises
    ------
    UsageError
        The size is odd or below 256.
    """
    from phe import paillier

    if size < 256 or size % 2:
        raise UsageError(f"a Paillier key has an even number of bits >= 256, got {size}")
    while True:
        p, q = (_prime(bits, size // 2) for _ in range(2))
        if p != q and (p * q).bit_length() == size:
            public = paillier.PaillierPublicKey(p * q)
            return public, paillier.PaillierPrivateKey(public, p, q)


def _prime(bits: BitGenerator, size: int) -> int:
    # the two highest bits are set, so that the product of two primes has full length
    import gmpy2

    return int(gmpy2.next_prime(seeds.bits(bits, size) | (3 << (size - 2))))


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
    """

    def __init__(self, public: Public, bits: BitGenerator) -> None:
        self.public = public
        self._bits = bits
        self.n = int(public.n)
        self.square = int(public.nsquare)

    def encrypt(self, plaintext: int) -> int:
        """Encrypt an integer modulo n."""
        return int(self.public.raw_encrypt(plaintext % self.n, r_value=self.uniform()))

    def uniform(self) -> int:
        """Draw from 1 … n − 1, never the same for two uses."""
        # 128 further bits leave no bias that matters
        return 1 + seeds.bits(self._bits, self.n.bit_length() + 128) % (self.n - 1)

    def add(self, ciphertexts: Sequence[int]) -> int:
        """Encryption of the sum."""
        import gmpy2

        total = gmpy2.mpz(1)
        for ciphertext in ciphertexts:
            total = total * ciphertext % self.square
        return int(total)

    def weigh(self, ciphertexts: Sequence[int], factors: Sequence[int]) -> int:
        """Encryption of Σ factor·plaintext; nothing is re-randomised."""
        import gmpy2

        # gmpy2 takes the inverse of a ciphertext whose factor is negative

        total = gmpy2.mpz(1)
        for ciphertext, factor in zip(ciphertexts, factors, strict=True):
            if factor:
                total = total * gmpy2.powmod(ciphertext, factor, self.square) % self.square
        return int(total)

    def blind(self, ciphertext: int, mask: int) -> int:
        """Add a mask, encrypted anew: the result is a fresh ciphertext of plaintext + mask."""
        return self.add([ciphertext, self.encrypt(mask)])


def decrypt(private: Private, ciphertext: int) -> int:
    """Plaintext in 0 … n − 1."""
    return int(private.raw_decrypt(ciphertext))


def signed(plaintext: int, n: int) -> int:
    """Read a residue modulo n as an integer around zero."""
    plaintext %= n
    return plaintext - n if plaintext > n // 2 else plaintext
