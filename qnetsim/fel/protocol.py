"""The five steps of quantum-secured FEL as flows of messages (Section III.A).

``Session.setup`` runs steps 1 and 2 and works out the learning rates; ``Session.round`` runs
steps 3 to 5. Who cannot be reached is left out of the round.

The label holder alone sees scores and residuals; workers see their own gradients; the key holder
(the label holder's cluster head as in the paper, or the model owner) decrypts masked values only.
The heads add up the encrypted scores of their workers: where a head also holds the private key,
it is trusted not to open what it should only add. With ``key_holder="owner"`` it need not be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.errors import UsageError
from qnetsim.fel.arithmetic import (
    Balance,
    FeatureBlock,
    accuracy,
    learning_rates,
    loss_of,
    loss_shares,
    require_slots,
)
from qnetsim.fel.datasets import Dataset, Holding
from qnetsim.fel.encryption_schemes import Scheme
from qnetsim.fel.intersection_protocols import BlindSignatures, Matcher
from qnetsim.fel.messages import (
    LONG_BYTES,
    NUMBER_BYTES,
    Flow,
    LostError,
    Message,
    Steps,
    all_of,
    send,
    together,
)
from qnetsim.fel.paillier import ciphertext_bytes, pack, plaintext_bytes, slots, unpack


@dataclass
class RoundOutcome:
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
    """One FEL task: a model owner, cluster heads, and workers.

    The last worker holds the labels too.

    Parameters
    ----------
    dataset : Dataset
    blocks : sequence of ndarray of int64
        Columns of each worker's features, the workers in the order of the clusters.
    owner : str
    clusters : mapping from str to sequence of str
        Workers of each cluster head.
    key_bits : int
        Bits of the Paillier modulus.
    scheme : callable
        Gives the encryption of a round by its number; round 0 is the set-up.
    key_holder : {"head", "owner"}
    pad_ciphertexts : bool
        Pad HE ciphertexts too.
    matcher : Matcher, optional
        Finds the records that all hold; by blind signatures, counted, unless given.
    holdings : mapping from worker to Holding, optional
        Records of each worker; all samples of the data set unless given.

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
        clusters: Mapping[str, Sequence[str]],
        key_bits: int,
        scheme: Callable[[int], Scheme],
        *,
        key_holder: Literal["head", "owner"] = "head",
        pad_ciphertexts: bool = False,
        matcher: Matcher | None = None,
        holdings: Mapping[str, Holding] | None = None,
    ) -> None:
        self.owner = owner
        self.head_of = {worker: head for head, group in clusters.items() for worker in group}
        self.workers = tuple(worker for group in clusters.values() for worker in group)
        self.parties = (owner, *clusters, *self.workers)
        if len(blocks) != len(self.workers) or not self.workers:
            raise UsageError(
                f"{len(self.workers)} workers for {len(blocks)} blocks; one each is needed"
            )
        if len(set(self.parties)) != len(self.parties):
            raise UsageError("owner, heads and workers need different names: one channel each")
        require_slots(dataset.samples, sum(len(b) for b in blocks))
        if dataset.classes > slots(key_bits):
            raise UsageError(
                f"{dataset.classes} classes do not fit into {slots(key_bits)} slots of a key of "
                f"{key_bits} bits"
            )
        self.dataset = dataset
        self.label_holder = self.workers[-1]
        self.head = self.head_of[self.label_holder]
        self.holder = owner if key_holder == "owner" else self.head
        self.rounds = 0
        self._columns = dict(zip(self.workers, blocks, strict=True))
        every = Holding.of(dataset)
        self._holdings = holdings or dict.fromkeys(self.workers, every)
        self._matcher = matcher or BlindSignatures(None)
        self._key_bits, self._make = key_bits, scheme
        self._padded = pad_ciphertexts
        self._scales: IntArray = np.zeros(dataset.classes, dtype=np.int64)
        self._curvature: dict[str, IntArray] = {}
        self._at_zero: dict[str, IntArray] = {}
        self._take_rows({worker: np.arange(dataset.samples) for worker in self.workers})

    def _take_rows(self, rows: Mapping[str, IntArray]) -> None:
        """Keep the samples that all hold, in one order."""
        dataset = self.dataset
        self.blocks = {
            worker: FeatureBlock(dataset.features[rows[worker]][:, columns], dataset.classes)
            for worker, columns in self._columns.items()
        }
        self.balance = Balance(dataset.labels[rows[self.label_holder]])

    @property
    def accuracy(self) -> float:
        """Share of the common samples that the model classifies rightly."""
        scores = sum(block.scores() for block in self.blocks.values())
        return accuracy(self.balance.labels, np.asarray(scores))

    def setup(self) -> Steps:
        """Steps 1 and 2, then curvature and gradients at zero.

        Raises
        ------
        UsageError
            A message is lost, or too few records are common: the task cannot begin.
        """
        try:
            yield from all_of(
                [self._initial(head) for head in dict.fromkeys(self.head_of.values())]
            )
            records = {worker: self._holdings[worker].records for worker in self.workers}
            matched = yield from self._matcher.match(self.owner, self.head, records)
            self._take_rows({w: self._holdings[w].rows_of(matched[w]) for w in self.workers})
            if (self.balance.scales == 0).any():
                raise UsageError(
                    f"the task cannot begin: {len(self.balance.labels)} records are common, and "
                    "some class has none of them"
                )
            yield from self._prepare(self._make(0))
        except LostError as lost:
            raise UsageError(f"the task cannot begin: {lost}") from None

    def _initial(self, head: str) -> Flow[bool]:
        """Step 1: parameters from the owner to the head, and on to its workers."""
        zeros = {
            worker: [0] * self.blocks[worker].parameters.size
            for worker, mine in self.head_of.items()
            if mine == head
        }
        everything = [zero for numbers in zeros.values() for zero in numbers]
        yield from self._send(1, "parameters", self.owner, head, everything, NUMBER_BYTES)
        yield from all_of(
            [
                self._send(1, "parameters", head, worker, numbers, NUMBER_BYTES)
                for worker, numbers in zeros.items()
            ]
        )
        return True

    def _prepare(self, scheme: Scheme) -> Steps:
        holder, balance = self.label_holder, self.balance
        self._scales = balance.scales
        counts = balance.positives.tolist()
        yield from all_of(
            [
                *(self._public_key(3, scheme, worker) for worker in self.workers),
                self._send(3, "class counts", holder, self.owner, counts, NUMBER_BYTES),
            ]
        )
        at_zero = balance.residuals(np.zeros_like(balance.labels))
        weights = tuple(scheme.encrypt(pack(row)) for row in balance.weights.tolist())
        residuals = tuple(scheme.encrypt(pack(row)) for row in at_zero.tolist())
        yield from all_of([self._bound(scheme, w, weights, residuals) for w in self.workers])

    def _bound(
        self, scheme: Scheme, worker: str, weights: tuple[int, ...], residuals: tuple[int, ...]
    ) -> Flow[bool]:
        """A worker's part of the curvature, Σ w‖x‖², and its gradient at zero."""
        block, holder = self.blocks[worker], self.label_holder
        yield from all_of(
            [
                self._ciphers(3, "weights", holder, worker, weights),
                self._ciphers(3, "residuals", holder, worker, residuals),
            ]
        )
        asked = [scheme.weigh(weights, block.norms().tolist())]
        asked += self._weighed(scheme, block, residuals)
        opened = yield from self._opened(3, "gradient", scheme, worker, asked)
        rows = self._rows(opened)
        self._curvature[worker], self._at_zero[worker] = rows[0], rows[1:]
        curvature = rows[0].tolist()
        return (yield from self._send(3, "curvature", worker, self.owner, curvature, NUMBER_BYTES))

    def round(self, present: Sequence[str], outcome: RoundOutcome) -> Steps:
        """Steps 3 to 5 of one round.

        Parameters
        ----------
        present : sequence of str
            Workers that are there; without the label holder the round is lost.
        outcome : RoundOutcome
            Filled in.
        """
        self.rounds += 1
        outcome.workers, outcome.loss = (), None
        if self.label_holder not in present:
            return
        scheme = self._make(self.rounds)
        try:
            active: list[str] = []
            own = self.blocks[self.label_holder].scores()
            others = yield from self._scores(scheme, present, active)
            residuals = self.balance.residuals(own + others)
            yield from self._descend(scheme, [*active, self.label_holder], residuals, outcome)
        except LostError:
            return

    def _scores(self, scheme: Scheme, present: Sequence[str], active: list[str]) -> Flow[IntArray]:
        """Steps 3 and 4: the label holder gets the sum of the others' scores, and nothing else."""
        holder = self.label_holder
        others = [w for w in self.workers if w in present and w != holder]
        submitted = yield from together(
            [
                self._holder_key(scheme),
                *(self._submit(scheme, worker) for worker in others),
            ]
        )
        if submitted[0] is None:
            raise LostError("the label holder got no public key")
        parts: dict[str, dict[str, list[int]]] = {}
        for worker, values in zip(others, submitted[1:], strict=True):
            if values is not None:
                parts.setdefault(self.head_of[worker], {})[worker] = values
        sums = yield from together(
            [self._summed(scheme, head, list(group.values())) for head, group in parts.items()]
        )
        arrived = []
        for group, total in zip(parts.values(), sums, strict=True):
            if total is not None:
                arrived.append(total)
                active.extend(group)
        shape = self.balance.labels.shape
        if not arrived:
            return np.zeros(shape, dtype=np.int64)
        whole = [scheme.add(column) for column in zip(*arrived, strict=True)]
        opened = yield from self._opened(4, "scores", scheme, holder, whole)
        slices = self._slices(self.balance.labels.size)
        flat = [n for v, at in zip(opened, slices, strict=True) for n in unpack(v, _length(at))]
        return np.array(flat, dtype=np.int64).reshape(shape)

    def _holder_key(self, scheme: Scheme) -> Flow[list[int]]:
        yield from self._public_key(4, scheme, self.label_holder)
        return []

    def _submit(self, scheme: Scheme, worker: str) -> Flow[list[int]]:
        """A worker's encrypted scores, sent to its head."""
        yield from self._public_key(4, scheme, worker)
        flat = self.blocks[worker].scores().ravel().tolist()
        values = [scheme.encrypt(pack(flat[at])) for at in self._slices(len(flat))]
        yield from self._ciphers(4, "scores", worker, self.head_of[worker], values)
        return values

    def _summed(self, scheme: Scheme, head: str, parts: list[list[int]]) -> Flow[list[int]]:
        """Sum over the workers of a head, sent to the label holder."""
        sums = [scheme.sum_anew(column) for column in zip(*parts, strict=True)]
        yield from self._ciphers(4, "scores", head, self.label_holder, sums)
        return sums

    def _descend(
        self, scheme: Scheme, active: list[str], residuals: IntArray, outcome: RoundOutcome
    ) -> Steps:
        """Step 5: every worker steps along its own gradient and reports its share of the loss."""
        curvature = np.sum([self._curvature[worker] for worker in active], axis=0)
        rates = learning_rates(curvature, self._scales)
        sealed = tuple(scheme.encrypt(pack(row)) for row in residuals.tolist())
        flows = [self._step(scheme, worker, sealed, rates) for worker in active]
        found = yield from together(flows)
        shares = [share for share in found if share is not None]
        stepped = [w for w, share in zip(active, found, strict=True) if share is not None]
        outcome.workers = tuple(stepped)
        if len(shares) == len(active):
            outcome.loss = loss_of(shares, len(self.balance.labels))

    def _step(
        self, scheme: Scheme, worker: str, residuals: tuple[int, ...], rates: list[Fraction]
    ) -> Flow[list[int]]:
        block = self.blocks[worker]
        numbers = [n for rate in rates for n in (rate.numerator, rate.denominator)]
        yield from all_of(
            [
                self._send(5, "rates", self.owner, worker, numbers, LONG_BYTES),
                self._ciphers(5, "residuals", self.label_holder, worker, residuals),
            ]
        )
        asked = self._weighed(scheme, block, residuals)
        opened = yield from self._opened(5, "gradient", scheme, worker, asked)
        gradient = self._rows(opened)
        share = loss_shares(block.parameters, gradient, self._at_zero[worker])
        yield from self._send(5, "loss", worker, self.owner, share, LONG_BYTES)
        block.step(gradient, rates)
        return share

    def _weighed(self, scheme: Scheme, block: FeatureBlock, residuals: Sequence[int]) -> list[int]:
        """Encrypted gradient, one ciphertext for each feature, its slots the classes."""
        return [scheme.weigh(residuals, column) for column in block.features.T.tolist()]

    def _opened(
        self, step: int, purpose: str, scheme: Scheme, party: str, ciphertexts: Sequence[int]
    ) -> Flow[list[int]]:
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

    def _public_key(self, step: int, scheme: Scheme, party: str) -> Flow[bool]:
        width = plaintext_bytes(self._key_bits)
        return self._send(step, "public key", self.holder, party, [scheme.public], width)

    def _ciphers(
        self, step: int, purpose: str, source: str, target: str, values: Sequence[int]
    ) -> Flow[bool]:
        width = ciphertext_bytes(self._key_bits)
        return self._send(step, purpose, source, target, values, width, self._padded)

    def _send(
        self,
        step: int,
        purpose: str,
        source: str,
        target: str,
        numbers: Sequence[int],
        width: int,
        padded: bool = True,
    ) -> Flow[bool]:
        return send(Message(step, purpose, source, target, tuple(numbers), width, padded))


def _length(at: slice) -> int:
    return int(at.stop - at.start)
