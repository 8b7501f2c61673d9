"""Additive encryption, or plaintexts in its place: the same operations on the same integers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from numpy.random import BitGenerator

from qnetsim import seeds
from qnetsim.fel import paillier


class EncryptionScheme(Protocol):
    """Operations of the protocol on ciphertexts; each round has a scheme with fresh keys.

    ``public`` is the public key, as a number. A party adds a mask under encryption and subtracts
    it from the plaintext.
    """

    public: int

    def encrypt(self, value: int) -> int:
        """Encrypt a packed integer."""

    def add(self, ciphertexts: Sequence[int]) -> int:
        """Encryption of the sum."""

    def add_fresh(self, ciphertexts: Sequence[int]) -> int:
        """Fresh encryption of the sum, which does not reveal the summands."""

    def weigh(self, ciphertexts: Sequence[int], factors: Sequence[int]) -> int:
        """Encryption of Σ factor·value."""

    def blind(self, ciphertext: int) -> tuple[int, int]:
        """Fresh encryption of value + mask, and the mask."""

    def decrypt(self, ciphertext: int) -> int:
        """Masked value, as the key holder sees it."""

    def unmask(self, masked: int, mask: int) -> int:
        """Value from what the key holder decrypted."""


class PaillierScheme:
    """Paillier encryption with a key of its own.

    Parameters
    ----------
    key_bits : int
    seed : int
    *name : str or int
        Names the streams of key and randomness.
    """

    def __init__(self, key_bits: int, seed: int, *name: str | int) -> None:
        bits: BitGenerator = seeds.stream(seed, "fel", "paillier", *name)
        public, self._private = paillier.generate_keys(bits, key_bits)
        self._cipher = paillier.Cipher(public, bits)
        self.public = int(public.n)
        self.encrypt = self._cipher.encrypt
        self.add = self._cipher.add
        self.weigh = self._cipher.weigh

    def add_fresh(self, ciphertexts: Sequence[int]) -> int:
        """Fresh encryption of the sum."""
        return self.add([*ciphertexts, self.encrypt(0)])

    def blind(self, ciphertext: int) -> tuple[int, int]:
        """Fresh encryption of value + mask, the mask uniform over the ring."""
        mask = self._cipher.uniform()
        return self._cipher.blind(ciphertext, mask), mask

    def decrypt(self, ciphertext: int) -> int:
        """Masked value: a uniform residue."""
        return paillier.decrypt(self._private, ciphertext)

    def unmask(self, masked: int, mask: int) -> int:
        """Value around zero."""
        return paillier.signed(masked - mask, self._cipher.n)


class CountedScheme:
    """No encryption, for ``mode = "counted"``: plaintexts in place of ciphertexts of equal size."""

    public = 0

    def encrypt(self, value: int) -> int:
        """The value."""
        return value

    def add(self, ciphertexts: Sequence[int]) -> int:
        """The sum."""
        return sum(ciphertexts)

    def add_fresh(self, ciphertexts: Sequence[int]) -> int:
        """The sum."""
        return self.add(ciphertexts)

    def weigh(self, ciphertexts: Sequence[int], factors: Sequence[int]) -> int:
        """Σ factor·value."""
        return sum(v * f for v, f in zip(ciphertexts, factors, strict=True))

    def blind(self, ciphertext: int) -> tuple[int, int]:
        """The value, with a mask of zero."""
        return ciphertext, 0

    def decrypt(self, ciphertext: int) -> int:
        """The value."""
        return ciphertext

    def unmask(self, masked: int, mask: int) -> int:
        """The value."""
        return masked - mask
