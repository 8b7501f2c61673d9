"""The five steps of quantum-secured FEL as flows of messages (Section III.A).

``Session.setup`` runs steps 1 and 2 and works out the learning rates; ``Session.round`` runs
steps 3 to 5. A party that cannot be reached is left out of the round.

The label holder alone sees scores and residuals; workers see their own gradients; the key holder
(the label holder's cluster head as in the paper, or the model owner) decrypts masked values only.
The heads add up the encrypted scores of their workers: where a head also holds the private key,
it is trusted not to decrypt what it should only add. With the owner as key holder it need not be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.errors import UsageError
from qnetsim.fel.arithmetic import (
    ClassBalance,
    FeatureBlock,
    Penalty,
    accuracy,
    require_slots,
)
from qnetsim.fel.datasets import Dataset, WorkerRecords
from qnetsim.fel.direction_rounds import DirectionRounds
from qnetsim.fel.encrypted_scores import EncryptedScoresExchange, require_plaintext
from qnetsim.fel.evaluation import HeldOutRecords, ModelFigures
from qnetsim.fel.exchange import EncryptedExchange, TaskEncryption, unpack_rows
from qnetsim.fel.gradient_steps import GradientSteps
from qnetsim.fel.intersection_protocols import RecordIntersection
from qnetsim.fel.learning_method import LearningMethod
from qnetsim.fel.messages import (
    Flow,
    MessageKind,
    MessageLostError,
    Steps,
    gather,
    gather_all,
    send_numbers,
)
from qnetsim.fel.paillier import slots
from qnetsim.fel.privacy import AS_IN_THE_PAPER, TaskPrivacy
from qnetsim.fel.roles import TaskRoles
from qnetsim.plain_text import counted


@dataclass
class RoundOutcome:
    """Result of a round.

    Attributes
    ----------
    workers : tuple of str
        Workers that took part to the end.
    loss : float or None
        Mean over the classes before the step; None where the round was lost.
    """

    workers: tuple[str, ...] = ()
    loss: float | None = None


class Session:
    """One FEL task.

    Parameters
    ----------
    dataset : Dataset
    blocks : sequence of ndarray of int64
        Columns of each worker's features, the workers in the order of the clusters.
    roles : TaskRoles
    encryption : TaskEncryption
    intersection : RecordIntersection, optional
    method : LearningMethod, optional
        Gradient descent with all records, as in the paper, unless given.
    privacy : TaskPrivacy, optional

    Attributes
    ----------
    blocks : dict from worker to FeatureBlock
        Features of the common records, and parameters.
    balance : ClassBalance
        Labels of the common records, as their holder learns from them.
    rounds : int
        Rounds that were begun.

    Raises
    ------
    UsageError
        Workers and blocks do not match, or values do not fit into slots.
    """

    def __init__(
        self,
        dataset: Dataset,
        blocks: Sequence[IntArray],
        roles: TaskRoles,
        encryption: TaskEncryption,
        intersection: RecordIntersection | None = None,
        method: LearningMethod | None = None,
        privacy: TaskPrivacy = AS_IN_THE_PAPER,
    ) -> None:
        self.roles = roles
        self.workers = roles.workers
        self.parties = roles.names
        self.label_holder = roles.label_holder
        #: Workers without whom no round begins.
        self.needed = (self.label_holder,)
        if len(blocks) != len(self.workers):
            raise UsageError(
                f"{counted(len(self.workers), 'worker')} for {counted(len(blocks), 'block')}; "
                "one each is needed"
            )
        widths = [len(columns) for columns in blocks]
        require_slots(dataset.samples, sum(widths), max(widths))
        key_bits = encryption.key_bits
        if dataset.classes > slots(key_bits):
            raise UsageError(
                f"{dataset.classes} classes do not fit into "
                f"{counted(slots(key_bits), 'slot')} of a key of {key_bits} bits"
            )
        self.dataset = dataset
        self._privacy = privacy
        self._hides_scores = privacy.scores == "encrypted"
        self._features = sum(widths)
        self.rounds = 0
        self._encryption = encryption
        self._method = method or LearningMethod()
        if self._method.batches is not None:
            self._method.batches.require(dataset.samples)
        if self._hides_scores:
            require_plaintext(key_bits, dataset.samples, self._features)
            if self._method.batches is not None:
                raise UsageError(
                    "a batch's loss is told by the label holder, who sees no scores where they are "
                    "encrypted; leave batch out, or open the scores"
                )
        self._directions: DirectionRounds | None = None
        self._steps: GradientSteps | None = None
        #: Records that all workers hold, and the places among them of those of this round.
        self._common: Sequence[str] = ()
        self._rows: IntArray = np.arange(0)
        self._columns = dict(zip(self.workers, blocks, strict=True))
        intersection = intersection or RecordIntersection()
        self._protocol = intersection.protocol
        everything = WorkerRecords.of(dataset)
        self._records = intersection.records or dict.fromkeys(self.workers, everything)
        self._head_of = roles.head_of
        self._curvature: dict[str, IntArray] = {}
        self._gradient_at_zero: dict[str, IntArray] = {}
        self._take_rows({worker: np.arange(dataset.samples) for worker in self.workers})

    def _take_rows(self, rows: Mapping[str, IntArray]) -> None:
        """Keep the common samples, in one order for all workers; some are held out of training."""
        dataset = self.dataset
        test = dataset.test if len(dataset.test) else np.zeros(dataset.samples, dtype=bool)
        tested = {worker: test[taken] for worker, taken in rows.items()}
        self.blocks = {
            worker: FeatureBlock(
                dataset.features[rows[worker][~tested[worker]]][:, columns],
                dataset.classes,
                self._penalty(columns),
            )
            for worker, columns in self._columns.items()
        }
        holder = self.label_holder
        held = rows[holder][~tested[holder]]
        learnt = dataset.labels if self._privacy.labels is None else self._privacy.labels
        self._true_labels = dataset.labels[held]
        self.balance = ClassBalance(learnt[held])
        self._held_out = HeldOutRecords(
            {
                worker: dataset.features[rows[worker][tested[worker]]][:, columns]
                for worker, columns in self._columns.items()
            },
            dataset.labels[rows[holder][tested[holder]]],
        )

    def _without_test(self, records: Sequence[str]) -> list[str]:
        """Records that are not held out, in their order."""
        test = self.dataset.test
        rows = self._records[self.label_holder].rows_of(records).tolist()
        return [r for r, row in zip(records, rows, strict=True) if not (len(test) and test[row])]

    def _penalty(self, columns: IntArray) -> Penalty:
        free = np.flatnonzero(columns == self.dataset.intercept)
        return Penalty(self._method.l2, int(free[0]) if len(free) else None)

    @property
    def accuracy(self) -> float:
        """Share of the training records that the model classifies rightly."""
        return accuracy(self._true_labels, self._training_scores)

    @property
    def _training_scores(self) -> IntArray:
        return np.asarray(sum(block.scores() for block in self.blocks.values()))

    @property
    def evaluation(self) -> ModelFigures | None:
        """Figures of the model on the records that are held out; None where none are."""
        return self._held_out.figures(self.blocks, self._true_labels, self._training_scores)

    def setup(self) -> Steps:
        """Steps 1 and 2, then curvature and gradients at zero.

        Raises
        ------
        UsageError
            A message is lost, or too few records are common: the task cannot begin.
        """
        try:
            heads = dict.fromkeys(self._head_of.values())
            yield from gather_all([self._send_parameters(head) for head in heads])
            records = {worker: self._records[worker].records for worker in self.workers}
            common = yield from self._protocol.intersect(self.roles.owner, self.roles.head, records)
            self._take_rows({w: self._records[w].rows_of(common[w]) for w in self.workers})
            self._common = self._without_test(common[self.label_holder])
            if self._method.batches is not None:
                self._method.batches.require(len(self._common))
            if (self.balance.scales == 0).any():
                raise UsageError(
                    "the task cannot begin: "
                    f"{counted(len(self.balance.labels), 'record is', 'records are')} common, and "
                    "some class has none of them"
                )
            yield from self._prepare(EncryptedExchange(self.roles, self._encryption, 0))
        except MessageLostError as lost:
            raise UsageError(f"the task cannot begin: {lost}") from None

    def _send_parameters(self, head: str) -> Flow[bool]:
        """Step 1: initial parameters from the owner to a head, and on to its workers."""
        kind = MessageKind(1, "parameters")
        zeros = {
            worker: [0] * self.blocks[worker].parameters.size
            for worker, its_head in self._head_of.items()
            if its_head == head
        }
        everything = [zero for numbers in zeros.values() for zero in numbers]
        yield from send_numbers(kind, self.roles.owner, head, everything)
        yield from gather_all(
            [send_numbers(kind, head, worker, numbers) for worker, numbers in zeros.items()]
        )
        return True

    def _prepare(self, exchange: EncryptedExchange) -> Steps:
        """What step 3 needs once: class counts, curvature and gradients at zero."""
        balance = self.balance
        counts = balance.positives.tolist()
        kind = MessageKind(3, "class counts")
        yield from gather_all(
            [
                *(exchange.send_public_key(3, worker) for worker in self.workers),
                send_numbers(kind, self.label_holder, self.roles.owner, counts),
                *(send_numbers(kind, self.label_holder, w, counts) for w in self._told_counts),
            ]
        )
        at_zero = balance.residuals(np.zeros_like(balance.labels))
        weights = yield from exchange.encrypt_rows(balance.weights)
        residuals = yield from exchange.encrypt_rows(at_zero)
        yield from gather_all(
            [self._report_curvature(exchange, w, weights, residuals) for w in self.workers]
        )
        if self._method.optimiser != "gradient_descent":
            self._directions = DirectionRounds(
                self.roles,
                self.blocks,
                self._gradient_at_zero,
                conjugate=self._method.optimiser == "conjugate_gradients",
                l2=self._method.l2,
            )
        else:
            self._steps = GradientSteps(
                self.roles,
                self.blocks,
                balance,
                self._curvature,
                self._gradient_at_zero,
                self._method,
            )

    @property
    def _told_counts(self) -> list[str]:
        """Workers that need the class counts: those that divide what is not opened on the way."""
        return [*self.workers[:-1]] if self._hides_scores else []

    def _report_curvature(
        self,
        exchange: EncryptedExchange,
        worker: str,
        weights: tuple[int, ...],
        residuals: tuple[int, ...],
    ) -> Flow[bool]:
        """A worker's part of the curvature, Σ w‖x‖², and its gradient at zero."""
        block = self.blocks[worker]
        holder = self.label_holder
        yield from gather_all(
            [
                exchange.send_ciphertexts(MessageKind(3, "weights"), holder, worker, weights),
                exchange.send_ciphertexts(MessageKind(3, "residuals"), holder, worker, residuals),
            ]
        )
        encrypted = yield from exchange.weigh(weights, block.norms()[:, None])
        encrypted += yield from exchange.weigh(residuals, block.features)
        kind = MessageKind(3, "masked gradient")
        values = yield from exchange.decrypt_masked(kind, worker, encrypted)
        rows = unpack_rows(values, self.dataset.classes)
        self._curvature[worker] = rows[0]
        self._gradient_at_zero[worker] = rows[1:]
        kind = MessageKind(3, "curvature")
        return (yield from send_numbers(kind, worker, self.roles.owner, rows[0].tolist()))

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
        outcome.workers = ()
        outcome.loss = None
        if self.label_holder not in present:
            return
        exchange = self._exchange_of_round()
        self._rows = self._rows_of_round()
        try:
            if self._directions is not None:
                present = yield from self._directions.begin(present)
                if self.label_holder not in present:
                    return
            active: list[str] = []
            own = self._scores(self.label_holder)
            sums = yield from self._collect_scores(exchange, present, active)
            workers = [*active, self.label_holder]
            yield from self._gradient_steps(exchange, workers, (own, sums), outcome)
        except MessageLostError:
            return

    def _exchange_of_round(self) -> EncryptedExchange:
        if not self._hides_scores:
            return EncryptedExchange(self.roles, self._encryption, self.rounds)
        return EncryptedScoresExchange(
            self.roles, self._encryption, self.rounds, self.balance, self._features
        )

    def _rows_of_round(self) -> IntArray:
        """Places of the records that the round learns from."""
        if self._method.batches is None:
            return np.arange(len(self.balance.labels))
        return self._method.batches.rows(self.rounds, self._common)

    def _scores(self, worker: str) -> IntArray:
        """Scores of the round's records: of the parameters, or of a direction."""
        block = self.blocks[worker]
        if self._directions is None:
            return block.scores()[self._rows]
        return block.features[self._rows] @ self._directions.point(worker)

    def _collect_scores(
        self, exchange: EncryptedExchange, present: Sequence[str], active: list[str]
    ) -> Flow[list[int]]:
        """Steps 3 and 4: the label holder gets encrypted sums of the others' scores.

        Adds to ``active`` the workers whose scores are in the sum.
        """
        holder = self.label_holder
        others = [w for w in self.workers if w in present and w != holder]
        submitted = yield from gather(
            [
                self._label_holder_key(exchange),
                *(self._submit_scores(exchange, worker) for worker in others),
            ]
        )
        if submitted[0] is None:
            raise MessageLostError("the label holder got no public key")
        parts: dict[str, dict[str, list[int]]] = {}
        for worker, values in zip(others, submitted[1:], strict=True):
            if values is not None:
                parts.setdefault(self._head_of[worker], {})[worker] = values
        sums = yield from gather(
            [
                self._add_scores(exchange, head, list(group.values()))
                for head, group in parts.items()
            ]
        )
        arrived = []
        for group, total in zip(parts.values(), sums, strict=True):
            if total is not None:
                arrived.append(total)
                active.extend(group)
        return [exchange.scheme.add(column) for column in zip(*arrived, strict=True)]

    def _label_holder_key(self, exchange: EncryptedExchange) -> Flow[list[int]]:
        yield from exchange.send_public_key(4, self.label_holder)
        return []

    def _submit_scores(self, exchange: EncryptedExchange, worker: str) -> Flow[list[int]]:
        """A worker's encrypted scores, sent to its head."""
        yield from exchange.send_public_key(4, worker)
        values = yield from exchange.encrypt_scores(self._scores(worker))
        kind = MessageKind(4, "scores")
        yield from exchange.send_ciphertexts(kind, worker, self._head_of[worker], values)
        return values

    def _add_scores(
        self, exchange: EncryptedExchange, head: str, parts: list[list[int]]
    ) -> Flow[list[int]]:
        """Sum over the workers of a head, sent to the label holder."""
        sums = yield from exchange.add_fresh(head, list(zip(*parts, strict=True)))
        yield from exchange.send_ciphertexts(
            MessageKind(4, "scores"), head, self.label_holder, sums
        )
        return sums

    def _gradient_steps(
        self,
        exchange: EncryptedExchange,
        active: list[str],
        scores: tuple[IntArray, list[int]],
        outcome: RoundOutcome,
    ) -> Steps:
        """Step 5, whatever the method makes of the residuals."""
        own, sums = scores
        formed = yield from exchange.residuals(self.balance, self._rows, own, sums)
        if self._directions is not None:
            taken = yield from self._directions.take(exchange, active, formed.ciphertexts)
        else:
            assert self._steps is not None
            taken = yield from self._steps.take(exchange, active, self._rows, formed)
        outcome.workers, outcome.loss = taken.workers, taken.loss
