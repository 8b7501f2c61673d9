"""Horizontal tasks: federated averaging with secure sums.

Every worker has all features of records of its own. In a round the owner sends the parameters, the
workers descend by themselves, and a secure sum tells the owner the weighted sum of their changes,
and of their losses: nothing of any one of them. The set-up tells it how many records there are, of
which classes, and the bound on the curvature, in the same way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.errors import UsageError
from qnetsim.fel.arithmetic import (
    PARAMETER_BITS,
    Penalty,
    accuracy,
    learning_rates,
    require_parameters,
)
from qnetsim.fel.datasets import Dataset
from qnetsim.fel.evaluation import ModelFigures, evaluate
from qnetsim.fel.messages import (
    LONG_BYTES,
    NUMBER_BYTES,
    Flow,
    MessageKind,
    MessageLostError,
    Steps,
    gather,
    send_numbers,
)
from qnetsim.fel.pads import MAC_KEY_BYTES
from qnetsim.fel.protocol import RoundOutcome
from qnetsim.fel.record_shares import LOSS_BITS, RecordShare, Totals, prepared, refuse_shares
from qnetsim.fel.roles import TaskRoles
from qnetsim.fel.secure_sum import (
    COUNT_SUM,
    CURVATURE_SUM,
    UPDATE_SUM,
    Masking,
    secure_sum,
    sum_key_bytes,
)
from qnetsim.plain_text import counted

TOTALS = MessageKind(3, "totals")
RATES = MessageKind(3, "rates")
PARAMETERS = MessageKind(4, "parameters")


@dataclass(frozen=True)
class Averaging:
    """How a horizontal task learns.

    Attributes
    ----------
    local_steps : int
        Steps that a worker takes by itself in a round.
    l2 : Fraction
        Weight of the penalty, by the parameters of the features as they are learnt from.
    standardise, intercept : bool
    """

    local_steps: int = 1
    l2: Fraction = Fraction(0)
    standardise: bool = False
    intercept: bool = False


class AveragingSession:
    """One horizontal task.

    Parameters
    ----------
    dataset : Dataset
        With features in 0 … 1 over ranges that all workers know, as they do units.
    shares : mapping from worker to ndarray of int64
        Rows of the data set that each worker holds.
    roles : TaskRoles
    averaging : Averaging
    masking : Masking, optional
        Counted unless given.

    Attributes
    ----------
    parameters : ndarray of int64, shape (features, classes)
        Of the owner.
    needed : tuple of str
        Workers without whom no round begins.

    Raises
    ------
    UsageError
        There are too few workers, or one has no record to learn from.
    """

    needed: tuple[str, ...] = ()

    def __init__(
        self,
        dataset: Dataset,
        shares: Mapping[str, IntArray],
        roles: TaskRoles,
        averaging: Averaging | None = None,
        masking: Masking | None = None,
    ) -> None:
        if len(roles.workers) < 2:
            raise UsageError("a horizontal task needs two workers: the sum of one is its numbers")
        refuse_shares(dataset, shares)
        self.dataset = dataset
        self.roles = roles
        self.workers = roles.workers
        self.parties = roles.names
        self.rounds = 0
        self._how = averaging or Averaging()
        self._masking = masking or Masking()
        test = dataset.test if len(dataset.test) else np.zeros(dataset.samples, dtype=bool)
        self._test = test
        self._shares = {
            worker: RecordShare(
                dataset.features[rows[~test[rows]]],
                dataset.labels[rows[~test[rows]]],
                standardise=self._how.standardise,
                intercept=self._how.intercept,
            )
            for worker, rows in shares.items()
        }
        features = dataset.features.shape[1] + self._how.intercept
        self.parameters: IntArray = np.zeros((features, dataset.classes), dtype=np.int64)
        self._totals: Totals | None = None
        self._rates: list[Fraction] = []

    @property
    def _penalty(self) -> Penalty:
        free = len(self.parameters) - 1 if self._how.intercept else None
        return Penalty(self._how.l2, free)

    def _scores(self, rows: IntArray) -> IntArray:
        features = self.dataset.features[rows]
        if self._totals is not None:
            features = prepared(features, self._totals, self._how.intercept)
        return np.asarray(features @ self.parameters[: features.shape[1]])

    @property
    def accuracy(self) -> float:
        """Share of the training records that the owner's model classifies rightly."""
        rows = np.flatnonzero(~self._test)
        return accuracy(self.dataset.labels[rows], self._scores(rows))

    @property
    def evaluation(self) -> ModelFigures | None:
        """Figures of the model on the records that are held out; None where none are."""
        if not self._test.any():
            return None
        known, rest = np.flatnonzero(~self._test), np.flatnonzero(self._test)
        labels = self.dataset.labels
        return evaluate(labels[known], self._scores(known), labels[rest], self._scores(rest))

    def setup(self) -> Steps:
        """Totals of the training records, and learning rates from the bound on the curvature.

        Raises
        ------
        UsageError
            A message is lost, or a class has no record: the task cannot begin.
        """
        try:
            counts = {worker: share.counts() for worker, share in self._shares.items()}
            found = yield from secure_sum(self.roles, COUNT_SUM, self._masking, -1, counts)
            totals = Totals.of(found.total, self.dataset.classes)
            if len(found.workers) < len(self.workers):
                raise UsageError("the task cannot begin: a worker could not be reached")
            if (totals.scales == 0).any():
                raise UsageError(
                    f"the task cannot begin: some class has none of "
                    f"{counted(totals.samples, 'training record')}"
                )
            yield from self._tell_all(TOTALS, totals.numbers(), NUMBER_BYTES)
            self._totals = totals
            for share in self._shares.values():
                share.take(totals)
            parts = {worker: share.curvature() for worker, share in self._shares.items()}
            found = yield from secure_sum(self.roles, CURVATURE_SUM, self._masking, 0, parts)
            if len(found.workers) < len(self.workers):
                raise UsageError("the task cannot begin: a worker could not be reached")
            self._rates = learning_rates(found.total, totals.scales, self._how.l2)
            numbers = [n for rate in self._rates for n in (rate.numerator, rate.denominator)]
            yield from self._tell_all(RATES, numbers, LONG_BYTES)
        except MessageLostError as lost:
            raise UsageError(f"the task cannot begin: {lost}") from None

    def _tell_all(self, kind: MessageKind, numbers: Sequence[int], width: int) -> Steps:
        """From the owner to all workers, over their heads."""
        told = yield from self._tell(self.workers, kind, numbers, width)
        if len(told) < len(self.workers):
            raise MessageLostError(f"{kind.purpose} did not reach every worker")

    def _tell(
        self, workers: Sequence[str], kind: MessageKind, numbers: Sequence[int], width: int
    ) -> Flow[list[str]]:
        """From the owner to workers, over their heads; returns whom it reached."""
        groups = {
            head: [worker for worker in group if worker in workers]
            for head, group in self.roles.clusters.items()
        }
        reached = yield from gather(
            [
                self._tell_cluster(head, group, kind, numbers, width)
                for head, group in groups.items()
                if group
            ]
        )
        found = {worker for group in reached if group is not None for worker in group}
        return [worker for worker in workers if worker in found]

    def _tell_cluster(
        self,
        head: str,
        workers: Sequence[str],
        kind: MessageKind,
        numbers: Sequence[int],
        width: int,
    ) -> Flow[list[str]]:
        yield from send_numbers(kind, self.roles.owner, head, numbers, width)
        told = yield from gather(
            [send_numbers(kind, head, worker, numbers, width) for worker in workers]
        )
        return [worker for worker, arrived in zip(workers, told, strict=True) if arrived]

    def round(self, present: Sequence[str], outcome: RoundOutcome) -> Steps:
        """One round of federated averaging.

        Parameters
        ----------
        present : sequence of str
            Workers that are there.
        outcome : RoundOutcome
            Filled in.
        """
        self.rounds += 1
        outcome.workers = ()
        outcome.loss = None
        assert self._totals is not None
        try:
            told = yield from self._tell(
                [worker for worker in self.workers if worker in present],
                PARAMETERS,
                self.parameters.ravel().tolist(),
                NUMBER_BYTES,
            )
            updates = {
                worker: self._shares[worker].update(
                    self.parameters, self._rates, self._penalty, self._how.local_steps
                )
                for worker in told
            }
            found = yield from secure_sum(
                self.roles, UPDATE_SUM, self._masking, self.rounds, updates
            )
        except MessageLostError:
            return
        outcome.workers = found.workers
        outcome.loss = self._take(found.total)

    def _take(self, total: IntArray) -> float:
        """Move the parameters by the sum of the changes; returns the loss ahead of it."""
        classes = self.dataset.classes
        size = self.parameters.size
        weights = total[size : size + classes]
        losses = total[size + classes :]
        penalty = float(self._how.l2) / 2 * (self._free_parameters() ** 2).sum(axis=0)
        loss = math.log(2) + float(np.mean(losses / weights / 2.0**LOSS_BITS + penalty))
        change = total[:size].reshape(self.parameters.shape) // weights
        self.parameters = self.parameters + change
        require_parameters(self.parameters)
        return loss

    def _free_parameters(self) -> IntArray:
        """Parameters that the penalty applies to, as numbers."""
        penalised = self.parameters[: len(self.parameters) - self._how.intercept]
        return np.asarray(penalised / 2.0**PARAMETER_BITS)


def round_key_bytes(workers: int, heads: int, parameters: int, classes: int) -> int:
    """Key bytes of a round in which every worker takes part, without padded masked numbers.

    Parameters
    ----------
    workers, heads : int
    parameters : int
        Of the model, all classes together.
    classes : int
        One-vs-rest problems.
    """
    told = (workers + heads) * (NUMBER_BYTES * parameters + MAC_KEY_BYTES)
    return told + sum_key_bytes(workers, heads, parameters + 2 * classes)
