"""Encrypted numbers between the parties of a task, under the keys of one round."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.fel.arithmetic import ClassBalance
from qnetsim.fel.computing import computed
from qnetsim.fel.encryption_schemes import EncryptionScheme
from qnetsim.fel.messages import Flow, Message, MessageKind, send, send_numbers
from qnetsim.fel.paillier import ciphertext_bytes, pack, plaintext_bytes, slots, unpack
from qnetsim.fel.roles import TaskRoles


@dataclass(frozen=True)
class TaskEncryption:
    """How the numbers of a task are encrypted.

    Attributes
    ----------
    key_bits : int
        Bits of the Paillier modulus.
    scheme_of_round : callable
        Gives the encryption of a round by its number; round 0 is the set-up.
    pad_ciphertexts : bool
        Send ciphertexts under one-time pad too.
    """

    key_bits: int
    scheme_of_round: Callable[[int], EncryptionScheme]
    pad_ciphertexts: bool = False


class FormedResiduals(NamedTuple):
    """Encrypted residuals of a round, and the scores that the label holder saw for them, if any."""

    ciphertexts: tuple[int, ...]
    scores: IntArray | None


class EncryptedExchange:
    """The messages of one round that carry keys, ciphertexts and masked values.

    Parameters
    ----------
    roles : TaskRoles
    encryption : TaskEncryption
    number : int
        The round; 0 is the set-up.

    Attributes
    ----------
    scheme : EncryptionScheme
    """

    def __init__(self, roles: TaskRoles, encryption: TaskEncryption, number: int) -> None:
        self.scheme: EncryptionScheme = encryption.scheme_of_round(number)
        self._key_holder = roles.key_holder
        self._label_holder = roles.label_holder
        self._padded = encryption.pad_ciphertexts
        self._slots = slots(encryption.key_bits)
        self._ciphertext_bytes = ciphertext_bytes(encryption.key_bits)
        self._plaintext_bytes = plaintext_bytes(encryption.key_bits)

    def encrypt_rows(self, rows: IntArray) -> Flow[tuple[int, ...]]:
        """One ciphertext for each row, its slots the columns."""
        packed = [pack(row) for row in rows.tolist()]
        return tuple((yield from computed(self.scheme.encrypt_all(packed))))

    def encrypt_all(self, values: IntArray) -> Flow[list[int]]:
        """As few ciphertexts as hold all values, for sums only."""
        flat = values.ravel().tolist()
        packed = [pack(flat[part]) for part in self._slices(len(flat))]
        return (yield from computed(self.scheme.encrypt_all(packed)))

    def encrypt_scores(self, scores: IntArray) -> Flow[list[int]]:
        """A worker's scores, as few ciphertexts as hold them."""
        return (yield from self.encrypt_all(scores))

    def residuals(
        self, balance: ClassBalance, rows: IntArray, own: IntArray, sums: list[int]
    ) -> Flow[FormedResiduals]:
        """Have the sums of the others' scores decrypted for the label holder; encrypt residuals.

        Parameters
        ----------
        balance : ClassBalance
        rows : ndarray of int64
            Samples that the scores are of.
        own : ndarray of int64, shape (rows, classes)
            The label holder's own scores.
        sums : list of int
            Encrypted sums of the others' scores; empty where there are none.
        """
        scores = own
        if sums:
            kind = MessageKind(4, "masked scores")
            values = yield from self.decrypt_masked(kind, self._label_holder, sums)
            scores = own + self.unpack_all(values, own.shape)
        encrypted = yield from self.encrypt_rows(balance.residuals(scores, rows))
        return FormedResiduals(encrypted, scores)

    def add_fresh(self, party: str, columns: Sequence[Sequence[int]]) -> Flow[list[int]]:
        """Sums of a party, encrypted anew."""
        by_key_holder = party == self._key_holder
        return (
            yield from computed(self.scheme.add_fresh_all(columns, by_key_holder=by_key_holder))
        )

    def unpack_all(self, packed: Sequence[int], shape: tuple[int, ...]) -> IntArray:
        """Values of an array of this shape from the plaintexts of ``encrypt_all``."""
        flat = [
            value
            for plaintext, part in zip(packed, self._slices(int(np.prod(shape))), strict=True)
            for value in unpack(plaintext, part.stop - part.start)
        ]
        return np.array(flat, dtype=np.int64).reshape(shape)

    def _slices(self, count: int) -> list[slice]:
        """Numbers that share a ciphertext."""
        return [slice(at, min(at + self._slots, count)) for at in range(0, count, self._slots)]

    def weigh(self, ciphertexts: Sequence[int], columns: IntArray) -> Flow[list[int]]:
        """Encrypted sums that are weighed by each column, shape (ciphertexts, columns)."""
        return (yield from computed(self.scheme.weigh_all(ciphertexts, columns.T.tolist())))

    def send_public_key(self, step: int, party: str) -> Flow[bool]:
        """From the key holder to a party."""
        return send_numbers(
            MessageKind(step, "public key"),
            self._key_holder,
            party,
            [self.scheme.public],
            self._plaintext_bytes,
        )

    def send_ciphertexts(
        self, kind: MessageKind, source: str, target: str, values: Sequence[int]
    ) -> Flow[bool]:
        """Send ciphertexts; they are padded only if the task says so."""
        numbers = tuple(values)
        return send(
            Message(
                kind, source, target, numbers, width=self._ciphertext_bytes, padded=self._padded
            )
        )

    def decrypt_masked(
        self, kind: MessageKind, party: str, ciphertexts: Sequence[int]
    ) -> Flow[list[int]]:
        """Have the key holder decrypt what a party masked; returns the unmasked values."""
        scheme = self.scheme
        begun, masks = scheme.blind_all(ciphertexts)
        blinded = yield from computed(begun)
        yield from self.send_ciphertexts(kind, party, self._key_holder, blinded)
        masked = yield from computed(scheme.decrypt_all(blinded))
        yield from send_numbers(kind, self._key_holder, party, masked, self._plaintext_bytes)
        return [scheme.unmask(value, mask) for value, mask in zip(masked, masks, strict=True)]

    def open_sums(
        self,
        kind: MessageKind,
        party: str,
        ciphertexts: Sequence[int],
        columns: IntArray,
        classes: int,
    ) -> Flow[IntArray]:
        """Weigh ciphertexts by each column and have the sums decrypted for a party alone.

        Parameters
        ----------
        kind : MessageKind
        party : str
        ciphertexts : sequence of int
            Of ``encrypt_rows``.
        columns : ndarray of int64, shape (ciphertexts, columns)
        classes : int

        Returns
        -------
        ndarray of int64, shape (columns, classes)
        """
        encrypted = yield from self.weigh(ciphertexts, columns)
        values = yield from self.decrypt_masked(kind, party, encrypted)
        return unpack_rows(values, classes)


def unpack_rows(packed: Sequence[int], classes: int) -> IntArray:
    """Values of all classes from each plaintext, shape (plaintexts, classes)."""
    return np.array([unpack(value, classes) for value in packed], dtype=np.int64)
