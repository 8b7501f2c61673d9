"""The five steps of quantum-secured FEL as a generator of messages (Section III.A).

``Session.setup`` and ``Session.round`` yield each message and take whether it was delivered. Who
cannot be reached is left out of the round. Nothing here waits, encrypts a channel or knows time.

The label holder alone sees scores and residuals; workers see their own gradients; the key holder
(the cluster head as in the paper, or the model owner) decrypts masked values only. The head
relays all ciphertexts of a round: where it also holds the private key, it is trusted not to open
unmasked ones. With ``key_holder="owner"`` it need not be.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.errors import UsageError
from qnetsim.fel.arithmetic import (
    Balance,
    Block,
    learning_rates,
    loss_of,
    loss_shares,
    require_slots,
)
from qnetsim.fel.datasets import Dataset
from qnetsim.fel.pads import key_bytes
from qnetsim.fel.paillier import ciphertext_bytes, pack, plaintext_bytes, slots, unpack
from qnetsim.fel.schemes import Scheme

#: Bytes of a number that is sent as such, with a sign: parameters and counts; the others.
NUMBER_BYTES = 8
LONG_BYTES = 16


@dataclass(frozen=True)
class Message:
    """One message of the protocol.

    Attributes
    ----------
    step : int
        Step 1 … 5 of the paper.
    purpose, source, target : str
    numbers : tuple of int
        What it says; without encryption, what stands for the ciphertexts.
    width : int
        Bytes of each number.
    padded : bool
        Under one-time pad; every message is authenticated.
    """

    step: int
    purpose: str
    source: str
    target: str
    numbers: tuple[int, ...]
    width: int
    padded: bool

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self.numbers) * self.width

    @property
    def key_bytes(self) -> int:
        """Key bytes for pad and tag."""
        return key_bytes(self.size, padded=self.padded)

    def payload(self) -> bytes:
        """The bytes on the wire."""
        signed = self.width <= LONG_BYTES
        return b"".join(n.to_bytes(self.width, "big", signed=signed) for n in self.numbers)


Steps = Generator[Message, bool, None]
Opened = Generator[Message, bool, list[int]]


class _LostError(Exception):
    """A message did not arrive."""


@dataclass
class Outcome:
    """What came of a round.

    Attributes
    ----------
    workers : tuple of str
        Who took part to the end.
    loss : float or None
        Mean over the classes before the step; None where the round was lost.
    """

    workers: tuple[str, ...] = ()
    loss: float | None = None


class Session:
    """One FEL task: an owner, a cluster head and workers, the last of whom holds the labels.

    Parameters
    ----------
    dataset : Dataset
    blocks : sequence of ndarray of int64
        Columns of each worker's features.
    owner, head : str
    workers : sequence of str
    key_bits : int
        Bits of the Paillier modulus.
    scheme : callable
        Gives the encryption of a round by its number; round 0 is the set-up.
    key_holder : {"head", "owner"}
    pad_ciphertexts : bool
        Pad HE ciphertexts too.

    Raises
    ------
    UsageError
        Workers and blocks do not match, a name stands for two, or values do not fit into slots.
    """

    def __init__(
        self,
        dataset: Dataset,
        blocks: Sequence[IntArray],
        owner: str,
        head: str,
        workers: Sequence[str],
        key_bits: int,
        scheme: Callable[[int], Scheme],
        key_holder: Literal["head", "owner"] = "head",
        pad_ciphertexts: bool = False,
    ) -> None:
        names = (owner, head, *workers)
        if len(blocks) != len(workers) or not workers:
            raise UsageError(f"{len(workers)} workers for {len(blocks)} blocks; one each is needed")
        if len(set(names)) != len(names):
            raise UsageError("owner, head and workers need different names: one channel each")
        require_slots(dataset.samples, sum(len(b) for b in blocks))
        if dataset.classes > slots(key_bits):
            raise UsageError(
                f"{dataset.classes} classes do not fit into {slots(key_bits)} slots of a key of "
                f"{key_bits} bits"
            )
        self.dataset, self.owner, self.head = dataset, owner, head
        self.workers = tuple(workers)
        self.holder = owner if key_holder == "owner" else head
        self.label_holder = self.workers[-1]
        self.blocks = {
            name: Block(dataset.features[:, columns], dataset.classes)
            for name, columns in zip(workers, blocks, strict=True)
        }
        self.balance = Balance(dataset.labels)
        self.rounds = 0
        self._key_bits, self._make = key_bits, scheme
        self._padded = pad_ciphertexts
        self._scales: IntArray = np.zeros(dataset.classes, dtype=np.int64)
        self._curvature: dict[str, IntArray] = {}
        self._at_zero: dict[str, IntArray] = {}

    def setup(self) -> Steps:
        """Steps 1 and 2 as far as the model goes: parameters, curvature, gradients at zero.

        Raises
        ------
        UsageError
            A message is lost: the task cannot begin.
        """
        try:
            yield from self._setup(self._make(0))
        except _LostError as lost:
            raise UsageError(f"the task cannot begin: {lost}") from None

    def _setup(self, scheme: Scheme) -> Steps:
        owner, holder, balance = self.owner, self.label_holder, self.balance
        for worker in self.workers:
            zeros = [0] * self.blocks[worker].parameters.size
            yield from self._send(1, "parameters", owner, self.head, zeros, NUMBER_BYTES)
            yield from self._send(1, "parameters", self.head, worker, zeros, NUMBER_BYTES)
            yield from self._public_key(1, scheme, worker)
        self._scales = balance.scales
        counts = balance.positives.tolist()
        yield from self._send(1, "class counts", holder, owner, counts, NUMBER_BYTES)
        at_zero = balance.residuals(np.zeros_like(self.dataset.labels))
        weights = [scheme.encrypt(pack(row)) for row in balance.weights.tolist()]
        residuals = [scheme.encrypt(pack(row)) for row in at_zero.tolist()]
        for worker in self.workers:
            block = self.blocks[worker]
            yield from self._ciphers(1, "weights", holder, worker, weights)
            yield from self._ciphers(1, "residuals", holder, worker, residuals)
            asked = [scheme.weigh(weights, block.norms().tolist())]
            asked += self._weighed(scheme, block, residuals)
            opened = yield from self._opened(1, "gradient", scheme, worker, asked)
            rows = self._rows(opened)
            self._curvature[worker], self._at_zero[worker] = rows[0], rows[1:]
            curvature = rows[0].tolist()
            yield from self._send(1, "curvature", worker, owner, curvature, NUMBER_BYTES)

    def round(self, present: Sequence[str], outcome: Outcome) -> Steps:
        """Steps 3 to 5 of one round.

        Parameters
        ----------
        present : sequence of str
            Workers that are there; without the label holder the round is lost.
        outcome : Outcome
            Filled in.
        """
        self.rounds += 1
        outcome.workers, outcome.loss = (), None
        if self.label_holder not in present:
            return
        scheme = self._make(self.rounds)
        try:
            active: list[str] = []
            scores = self.blocks[self.label_holder].scores()
            others = yield from self._scores(scheme, present, active)
            residuals = self.balance.residuals(scores + others)
            yield from self._descend(scheme, [*active, self.label_holder], residuals, outcome)
        except _LostError:
            return

    def _scores(
        self, scheme: Scheme, present: Sequence[str], active: list[str]
    ) -> Generator[Message, bool, IntArray]:
        """Steps 3 and 4: the label holder gets the sum of the others' scores, and nothing else."""
        holder, parts = self.label_holder, []
        yield from self._public_key(4, scheme, holder)
        for worker in self.workers[:-1]:
            if worker not in present:
                continue
            try:
                yield from self._public_key(4, scheme, worker)
                flat = self.blocks[worker].scores().ravel().tolist()
                values = [scheme.encrypt(pack(flat[at])) for at in self._slices(len(flat))]
                yield from self._ciphers(4, "scores", worker, self.head, values)
            except _LostError:
                continue
            parts.append(values)
            active.append(worker)
        shape = self.dataset.labels.shape
        if not parts:
            return np.zeros(shape, dtype=np.int64)
        sums = [scheme.add(column) for column in zip(*parts, strict=True)]
        yield from self._ciphers(4, "scores", self.head, holder, sums)
        opened = yield from self._opened(4, "scores", scheme, holder, sums)
        slices = self._slices(self.dataset.labels.size)
        flat = [n for v, at in zip(opened, slices, strict=True) for n in unpack(v, _length(at))]
        return np.array(flat, dtype=np.int64).reshape(shape)

    def _descend(
        self, scheme: Scheme, active: list[str], residuals: IntArray, outcome: Outcome
    ) -> Steps:
        """Step 5: every worker steps along its own gradient and reports its share of the loss."""
        curvature = np.sum([self._curvature[worker] for worker in active], axis=0)
        rates = learning_rates(curvature, self._scales)
        numbers = [n for rate in rates for n in (rate.numerator, rate.denominator)]
        sealed = [scheme.encrypt(pack(row)) for row in residuals.tolist()]
        shares = []
        for worker in active:
            try:
                yield from self._send(5, "rates", self.owner, worker, numbers, LONG_BYTES)
                yield from self._ciphers(5, "residuals", self.label_holder, worker, sealed)
                share = yield from self._step(scheme, worker, sealed, rates)
            except _LostError:
                continue
            shares.append(share)
            outcome.workers += (worker,)
        if len(shares) == len(active):
            outcome.loss = loss_of(shares, self.dataset.samples)

    def _step(
        self, scheme: Scheme, worker: str, residuals: list[int], rates: list[Fraction]
    ) -> Opened:
        block = self.blocks[worker]
        asked = self._weighed(scheme, block, residuals)
        opened = yield from self._opened(5, "gradient", scheme, worker, asked)
        gradient = self._rows(opened)
        share = loss_shares(block.parameters, gradient, self._at_zero[worker])
        yield from self._send(5, "loss", worker, self.owner, share, LONG_BYTES)
        block.step(gradient, rates)
        return share

    def _weighed(self, scheme: Scheme, block: Block, residuals: list[int]) -> list[int]:
        """Encrypted gradient, one ciphertext for each feature, its slots the classes."""
        return [scheme.weigh(residuals, column) for column in block.features.T.tolist()]

    def _opened(
        self, step: int, purpose: str, scheme: Scheme, party: str, ciphertexts: Sequence[int]
    ) -> Opened:
        """Have the key holder decrypt what a party masked; returns the values."""
        blinded, masks = zip(*map(scheme.blind, ciphertexts), strict=True)
        yield from self._ciphers(step, f"masked {purpose}", party, self.holder, blinded)
        masked = [scheme.decrypt(value) for value in blinded]
        width = plaintext_bytes(self._key_bits)
        yield from self._send(step, f"masked {purpose}", self.holder, party, masked, width)
        return [scheme.unmask(value, mask) for value, mask in zip(masked, masks, strict=True)]

    def _rows(self, packed: Sequence[int]) -> IntArray:
        classes = self.dataset.classes
        return np.array([unpack(value, classes) for value in packed], dtype=np.int64)

    def _slices(self, count: int) -> list[slice]:
        """Numbers that share a ciphertext where only sums are taken."""
        most = slots(self._key_bits)
        return [slice(at, min(at + most, count)) for at in range(0, count, most)]

    def _public_key(self, step: int, scheme: Scheme, party: str) -> Steps:
        width = plaintext_bytes(self._key_bits)
        yield from self._send(step, "public key", self.holder, party, [scheme.public], width)

    def _ciphers(
        self, step: int, purpose: str, source: str, target: str, values: Sequence[int]
    ) -> Steps:
        width = ciphertext_bytes(self._key_bits)
        yield from self._send(step, purpose, source, target, values, width, self._padded)

    def _send(
        self,
        step: int,
        purpose: str,
        source: str,
        target: str,
        numbers: Sequence[int],
        width: int,
        padded: bool = True,
    ) -> Steps:
        if source == target:
            return
        message = Message(step, purpose, source, target, tuple(numbers), width, padded)
        if not (yield message):
            raise _LostError(f"{purpose} from {source} to {target} was not delivered")


def _length(at: slice) -> int:
    return int(at.stop - at.start)
