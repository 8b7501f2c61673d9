"""Residuals from encrypted scores: the label holder never sees a score.

A residual is linear in the score, and its weight is known to the label holder alone. So it raises
the encrypted sum of the others' scores to the weight, and adds its own part: every residual of a
sample and a class is a ciphertext of its own, since weights differ from one to the next. Workers
put their gradients, of all features and classes, into as few plaintexts as hold them, so that
fewer keys are needed than where scores are opened.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.errors import UsageError
from qnetsim.fel.arithmetic import (
    PARAMETER_LIMIT,
    RESIDUAL_BITS,
    SCORE_BITS,
    ClassBalance,
    FeatureBlock,
)
from qnetsim.fel.datasets import FEATURE_BITS
from qnetsim.fel.encryption_schemes import EncryptionScheme


class EncryptedScores:
    """The arithmetic of one task on encrypted scores.

    Parameters
    ----------
    key_bits : int
        Bits of the Paillier modulus.
    samples, features : int
        Of the whole task; they bound every number.

    Raises
    ------
    UsageError
        A gradient does not fit into a plaintext.
    """

    def __init__(self, key_bits: int, samples: int, features: int) -> None:
        # |x| ≤ 1, w ≤ samples, |z − 2y| ≤ features·limit + 2, summed over the samples
        bound = samples * samples * (features * PARAMETER_LIMIT + 2) << (SCORE_BITS + FEATURE_BITS)
        self._slot_bits = bound.bit_length() + 1
        self._slots = (key_bits - 1) // self._slot_bits
        if not self._slots:
            raise UsageError(
                f"a gradient of {self._slot_bits} bits does not fit into a key of {key_bits} bits; "
                "raise key_bits"
            )

    def encrypt(self, scheme: EncryptionScheme, scores: IntArray) -> list[int]:
        """A worker's scores, one ciphertext for each sample and class."""
        return [scheme.encrypt(score) for score in scores.ravel().tolist()]

    def residuals(
        self,
        scheme: EncryptionScheme,
        balance: ClassBalance,
        own: IntArray,
        others: Sequence[int],
    ) -> list[int]:
        """Encrypted residuals w·(z − 2y), with ``SCORE_BITS``, by the label holder.

        Parameters
        ----------
        scheme : EncryptionScheme
        balance : ClassBalance
        own : ndarray of int64, shape (samples, classes)
            The label holder's own scores.
        others : sequence of int
            Encrypted sums of the others' scores; empty where there are none.
        """
        steps = own - (balance.labels << (SCORE_BITS + 1))
        weights = balance.weights.ravel().tolist()
        # Python integers: the product has more than 64 bits
        mine = [w * step for w, step in zip(weights, steps.ravel().tolist(), strict=True)]
        # a fresh encryption of its own part hides the weight in the power of the other one
        fresh = [scheme.encrypt(value) for value in mine]
        if not others:
            return fresh
        return [
            scheme.add([scheme.weigh([score], [weight]), one])
            for score, weight, one in zip(others, weights, fresh, strict=True)
        ]

    def gradient(
        self, scheme: EncryptionScheme, block: FeatureBlock, residuals: Sequence[int]
    ) -> list[int]:
        """Encrypted gradient of a block, as many features and classes to a plaintext as it holds."""
        classes = block.parameters.shape[1]
        sums = [
            scheme.weigh(residuals[c::classes], column)
            for column in block.features.T.tolist()
            for c in range(classes)
        ]
        places = [1 << (self._slot_bits * place) for place in range(self._slots)]
        parts = (sums[at : at + self._slots] for at in range(0, len(sums), self._slots))
        return [scheme.weigh(part, places[: len(part)]) for part in parts]

    def unpack(self, packed: Sequence[int], balance: ClassBalance, block: FeatureBlock) -> IntArray:
        """Gradient as ``FeatureBlock.gradient`` gives it, shape (features, classes).

        The sums are divided where the residuals are, in the paper's way, so both round down.
        """
        half = 1 << (self._slot_bits - 1)
        shape = block.parameters.shape
        values: list[int] = []
        for number in packed:
            for _ in range(min(self._slots, shape[0] * shape[1] - len(values))):
                value = ((number + half) & ((1 << self._slot_bits) - 1)) - half
                values.append(value)
                number = (number - value) >> self._slot_bits
        samples = len(balance.labels)
        divisors = [(4 * int(scale)) << SCORE_BITS for scale in balance.scales]
        found = [
            value * (samples << RESIDUAL_BITS) // divisors[i % len(divisors)]
            for i, value in enumerate(values)
        ]
        return np.array(found, dtype=np.int64).reshape(shape)
