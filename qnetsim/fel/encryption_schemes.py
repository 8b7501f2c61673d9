"""Additive encryption, or plaintexts in its place: the same operations on the same integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from numpy.random import BitGenerator

from qnetsim import seeds
from qnetsim.fel import paillier
from qnetsim.fel.computing import HERE, Computing, Later
from qnetsim.fel.randomness import Randomness, RandomnessName, randomness_of


class EncryptionScheme(Protocol):
    """Operations of the protocol on ciphertexts; each round has a scheme with fresh keys.

    ``public`` is the public key, as a number. A party adds a mask under encryption and subtracts
    it from the plaintext. Operations on lists are begun by a call, and give their result by
    another one: what several parties begin may be computed at the same time.
    """

    public: int

    def encrypt_all(self, values: Sequence[int]) -> Later[list[int]]:
        """Encrypt packed integers."""
        ...

    def add(self, ciphertexts: Sequence[int]) -> int:
        """Encryption of the sum."""
        ...

    def add_fresh_all(
        self, columns: Sequence[Sequence[int]], *, by_key_holder: bool = False
    ) -> Later[list[int]]:
        """Fresh encryption of each column's sum, which does not reveal the summands."""
        ...

    def weigh_all(
        self, ciphertexts: Sequence[int], columns: Sequence[Sequence[int]]
    ) -> Later[list[int]]:
        """Encryptions of Σ factor·value, one for each column of factors ≥ 0."""
        ...

    def blind_all(self, ciphertexts: Sequence[int]) -> tuple[Later[list[int]], list[int]]:
        """Fresh encryptions of value + mask, and the masks."""
        ...

    def decrypt_all(self, ciphertexts: Sequence[int]) -> Later[list[int]]:
        """Masked values, as the key holder sees them."""
        ...

    def unmask(self, masked: int, mask: int) -> int:
        """Value from what the key holder decrypted."""
        ...

    def weigh(self, ciphertexts: Sequence[int], factors: Sequence[int]) -> int:
        """Encryption of one Σ factor·value, factors ≥ 0."""
        return self.weigh_all(ciphertexts, [factors])()[0]


@dataclass(frozen=True)
class EncryptionMeans:
    """How ciphertexts are made; what they hold does not depend on it.

    Attributes
    ----------
    randomness : {"short", "full"}
    computing : Computing
    """

    randomness: RandomnessName = "short"
    computing: Computing = HERE


class PaillierScheme(EncryptionScheme):
    """Paillier encryption with a key of its own.

    Parameters
    ----------
    key_bits : int
    seed : int
    *name : str or int
        Names the streams of key and randomness.
    means : EncryptionMeans, optional
    """

    def __init__(
        self, key_bits: int, seed: int, *name: str | int, means: EncryptionMeans | None = None
    ) -> None:
        means = means or EncryptionMeans()
        bits: BitGenerator = seeds.stream(seed, "fel", "paillier", *name)
        public, private = paillier.generate_keys(bits, key_bits)
        self.public = int(public.n)
        self._factors = int(private.p), int(private.q)
        self._cipher = paillier.Cipher(public, bits, randomness_of(means.randomness, self.public))
        self._of_holder = randomness_of(means.randomness, self.public, self._factors)
        self._computing = means.computing

    def encrypt_all(self, values: Sequence[int]) -> Later[list[int]]:
        """Encrypt packed integers."""
        return self._encrypt(values, self._cipher.randomness)

    def add(self, ciphertexts: Sequence[int]) -> int:
        """Encryption of the sum."""
        return self._cipher.add(ciphertexts)

    def _encrypt(self, values: Sequence[int], randomness: Randomness) -> Later[list[int]]:
        drawn = [(value, self._cipher.draw()) for value in values]
        return self._computing.begin(paillier.encrypt_all, randomness, self.public, drawn)

    def add_fresh_all(
        self, columns: Sequence[Sequence[int]], *, by_key_holder: bool = False
    ) -> Later[list[int]]:
        """Fresh encryption of each column's sum."""
        randomness = self._of_holder if by_key_holder else self._cipher.randomness
        zeros = self._encrypt([0] * len(columns), randomness)
        return lambda: [
            self.add([*column, zero]) for column, zero in zip(columns, zeros(), strict=True)
        ]

    def weigh_all(
        self, ciphertexts: Sequence[int], columns: Sequence[Sequence[int]]
    ) -> Later[list[int]]:
        """Encryptions of Σ factor·value, one for each column."""
        return self._computing.begin(
            paillier.weigh_all, self._cipher.square, tuple(ciphertexts), columns
        )

    def blind_all(self, ciphertexts: Sequence[int]) -> tuple[Later[list[int]], list[int]]:
        """Fresh encryptions of value + mask, the masks uniform over the ring."""
        masks = [self._cipher.uniform() for _ in ciphertexts]
        sealed = self.encrypt_all(masks)
        return (
            lambda: [self.add(pair) for pair in zip(ciphertexts, sealed(), strict=True)],
            masks,
        )

    def decrypt_all(self, ciphertexts: Sequence[int]) -> Later[list[int]]:
        """Masked values: uniform residues."""
        return self._computing.begin(paillier.decrypt_all, self._factors, tuple(ciphertexts))

    def unmask(self, masked: int, mask: int) -> int:
        """Value around zero."""
        return paillier.signed(masked - mask, self.public)


class CountedScheme(EncryptionScheme):
    """No encryption, for ``mode = "counted"``: plaintexts in place of ciphertexts of equal size."""

    public = 0

    def encrypt_all(self, values: Sequence[int]) -> Later[list[int]]:
        """The values."""
        return lambda: list(values)

    def add(self, ciphertexts: Sequence[int]) -> int:
        """The sum."""
        return sum(ciphertexts)

    def add_fresh_all(
        self, columns: Sequence[Sequence[int]], *, by_key_holder: bool = False
    ) -> Later[list[int]]:
        """The sums."""
        return lambda: list(map(sum, columns))

    def weigh_all(
        self, ciphertexts: Sequence[int], columns: Sequence[Sequence[int]]
    ) -> Later[list[int]]:
        """Σ factor·value."""
        return lambda: [
            sum(v * f for v, f in zip(ciphertexts, column, strict=True)) for column in columns
        ]

    def blind_all(self, ciphertexts: Sequence[int]) -> tuple[Later[list[int]], list[int]]:
        """The values, with masks of zero."""
        return (lambda: list(ciphertexts)), [0] * len(ciphertexts)

    def decrypt_all(self, ciphertexts: Sequence[int]) -> Later[list[int]]:
        """The values."""
        return lambda: list(ciphertexts)

    def unmask(self, masked: int, mask: int) -> int:
        """The value."""
        return masked - mask
