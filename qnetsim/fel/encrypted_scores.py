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
from qnetsim.fel.arithmetic import PARAMETER_LIMIT, RESIDUAL_BITS, SCORE_BITS, ClassBalance
from qnetsim.fel.computing import computed
from qnetsim.fel.exchange import EncryptedExchange, FormedResiduals, TaskEncryption
from qnetsim.fel.messages import Flow, MessageKind
from qnetsim.fel.preparation import FEATURE_BITS
from qnetsim.fel.roles import TaskRoles


def slot_bits(samples: int, features: int) -> int:
    """Bits of a sum of features times residuals, its sign included."""
    # |x| ≤ 1, w ≤ samples, |z − 2y| ≤ features·limit + 2, summed over the samples
    bound = samples * samples * (features * PARAMETER_LIMIT + 2) << (SCORE_BITS + FEATURE_BITS)
    return bound.bit_length() + 1


def require_plaintext(key_bits: int, samples: int, features: int) -> None:
    """Check that a part of a gradient fits into a plaintext.

    Raises
    ------
    UsageError
    """
    if slot_bits(samples, features) >= key_bits:
        raise UsageError(
            f"a gradient of {slot_bits(samples, features)} bits does not fit into a key of "
            f"{key_bits} bits; raise key_bits"
        )


class EncryptedScoresExchange(EncryptedExchange):
    """A round whose scores are never opened.

    Parameters
    ----------
    roles : TaskRoles
    encryption : TaskEncryption
    number : int
    balance : ClassBalance
        The label holder's; workers know the counts of the classes.
    features : int
        Of all workers.
    """

    def __init__(
        self,
        roles: TaskRoles,
        encryption: TaskEncryption,
        number: int,
        balance: ClassBalance,
        features: int,
    ) -> None:
        super().__init__(roles, encryption, number)
        self._samples = len(balance.labels)
        self._divisors = [(4 * int(scale)) << SCORE_BITS for scale in balance.scales]
        self._width = slot_bits(self._samples, features)
        self._parts = (encryption.key_bits - 1) // self._width

    def encrypt_scores(self, scores: IntArray) -> Flow[list[int]]:
        """A worker's scores, one ciphertext for each sample and class."""
        return (yield from computed(self.scheme.encrypt_all(scores.ravel().tolist())))

    def residuals(
        self, balance: ClassBalance, rows: IntArray, own: IntArray, sums: list[int]
    ) -> Flow[FormedResiduals]:
        """Encrypted residuals w·(z − 2y), with ``SCORE_BITS``, one for each sample and class."""
        steps = own - (balance.labels[rows] << (SCORE_BITS + 1))
        weights = balance.weights[rows].ravel().tolist()
        # Python integers: the product has more than 64 bits
        mine = [w * step for w, step in zip(weights, steps.ravel().tolist(), strict=True)]
        # a fresh encryption of its own part hides the weight in the power of the other one
        fresh = yield from computed(self.scheme.encrypt_all(mine))
        if sums:
            scheme = self.scheme
            pairs = zip(sums, weights, fresh, strict=True)
            fresh = [scheme.add([scheme.weigh([s], [w]), one]) for s, w, one in pairs]
        return FormedResiduals(tuple(fresh), None)

    def open_sums(
        self,
        kind: MessageKind,
        party: str,
        ciphertexts: Sequence[int],
        columns: IntArray,
        classes: int,
    ) -> Flow[IntArray]:
        """A party's gradient, as many features and classes to a plaintext as it holds.

        The sums are divided here and the residuals are not, so both ways round down once.
        """
        sums: list[int] = []
        by_class = []
        for c in range(classes):
            by_class.append((yield from self.weigh(ciphertexts[c::classes], columns)))
        for feature in zip(*by_class, strict=True):
            sums += feature
        places = [1 << (self._width * place) for place in range(self._parts)]
        parts = [sums[at : at + self._parts] for at in range(0, len(sums), self._parts)]
        packed = [self.scheme.weigh(part, places[: len(part)]) for part in parts]
        values = yield from self.decrypt_masked(kind, party, packed)
        found = self._unpacked(values, len(sums))
        return np.array(found, dtype=np.int64).reshape(columns.shape[1], classes)

    def _unpacked(self, packed: Sequence[int], count: int) -> list[int]:
        """Sums in the units of ``FeatureBlock.gradient``."""
        half = 1 << (self._width - 1)
        found: list[int] = []
        for number in packed:
            for _ in range(min(self._parts, count - len(found))):
                value = ((number + half) & ((1 << self._width) - 1)) - half
                number = (number - value) >> self._width
                divisor = self._divisors[len(found) % len(self._divisors)]
                found.append(value * (self._samples << RESIDUAL_BITS) // divisor)
        return found
