"""Additive encryption, for real or counted: the same operations on the same integers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from numpy.random import BitGenerator

from qnetsim import seeds
from qnetsim.fel import paillier


class Scheme(Protocol):
    """What the protocol does with ciphertexts; a fresh one for each round.

    ``public`` is the public key, as a number. A mask is added under encryption and taken off the
    plaintext by who added it.
    """

    public: int

    def encrypt(self, value: int) -> int:
        """Encrypt a packed integer."""

    def add(self, ciphertexts: Sequence[int]) -> int:
        """Encryption of the sum."""

    def sum_anew(self, ciphertexts: Sequence[int]) -> int:
        """Fresh encryption of the sum, which shows nothing of what was added."""

    def weigh(self, ciphertexts: Sequence[int], factors: Sequence[int]) -> int:
        """Encryption of Σ factor·value, factors ≥ 0."""

    def blind(self, ciphertext: int) -> tuple[int, int]:
        """Fresh encryption of value + mask, and the mask."""

    def decrypt(self, ciphertext: int) -> int:
        """Masked value, as the key holder sees it."""

    def unmask(self, masked: int, mask: int) -> int:
        """Value from what the key holder saw."""


class Encrypted:
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

    def sum_anew(self, ciphertexts: Sequence[int]) -> int:
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


class Counted:
    """No encryption: values stand for their ciphertexts, which have the same sizes."""

    public = 0

    def encrypt(self, value: int) -> int:
        """The value."""
        return value

    def add(self, ciphertexts: Sequence[int]) -> int:
        """The sum."""
        return sum(ciphertexts)

    def sum_anew(self, ciphertexts: Sequence[int]) -> int:
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
