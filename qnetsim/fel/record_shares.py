"""Records of a horizontal task as its workers hold them, and what each computes from its own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from qnetsim import seeds
from qnetsim.arrays import IntArray
from qnetsim.errors import UsageError
from qnetsim.fel.arithmetic import (
    PARAMETER_BITS,
    PARAMETER_LIMIT,
    SCORE_BITS,
    ClassBalance,
    Penalty,
    moves,
)
from qnetsim.fel.datasets import Dataset
from qnetsim.fel.preparation import FEATURE_BITS, SPAN_DEVIATIONS
from qnetsim.plain_text import counted

#: Fractional bits of a loss that is summed.
LOSS_BITS = 16
#: Most records of a task: weighted parameters of all of them stay within 63 bits.
MOST_RECORDS = 2**17


def draw_shares(dataset: Dataset, workers: Sequence[str], seed: int) -> dict[str, IntArray]:
    """Deal the records of a data set to workers, as evenly as possible and at random.

    Parameters
    ----------
    dataset : Dataset
    workers : sequence of str
    seed : int

    Returns
    -------
    dict from worker to ndarray of int64
        Rows of the data set.
    """
    words = seeds.words(seeds.stream(seed, "fel", "shares", dataset.name), dataset.samples)
    order = np.argsort(words, kind="stable").astype(np.int64)
    return {worker: np.sort(order[i :: len(workers)]) for i, worker in enumerate(workers)}


def refuse_shares(dataset: Dataset, shares: Mapping[str, IntArray]) -> None:
    """Refuse records that cannot be learned from in this way.

    Raises
    ------
    UsageError
        A worker has no record to learn from, or there are too many records.
    """
    if dataset.samples > MOST_RECORDS:
        raise UsageError(
            f"{counted(dataset.samples, 'record')} are too many; allowed: {MOST_RECORDS:,}"
        )
    test = dataset.test if len(dataset.test) else np.zeros(dataset.samples, dtype=bool)
    for worker, rows in shares.items():
        if test[rows].all():
            raise UsageError(f"worker {worker} holds no record to learn from; each needs one")


@dataclass(frozen=True)
class Totals:
    """What all workers know of the training records together.

    Attributes
    ----------
    samples : int
    positives : ndarray of int64, shape (classes,)
    sums, squares : ndarray of int64, shape (features,)
        Σ x and Σ x² of the features in fixed point; empty where they are not standardised.
    """

    samples: int
    positives: IntArray
    sums: IntArray
    squares: IntArray

    @cached_property
    def scales(self) -> IntArray:
        """2·n₊·n₋, shape (classes,)."""
        return 2 * self.positives * (self.samples - self.positives)

    def numbers(self) -> list[int]:
        """As they are sent."""
        return [self.samples, *self.positives.tolist(), *self.sums.tolist(), *self.squares.tolist()]

    @staticmethod
    def of(numbers: IntArray, classes: int) -> Totals:
        """From the sum of the workers' :meth:`RecordShare.counts`."""
        rest = numbers[1 + classes :]
        half = len(rest) // 2
        return Totals(int(numbers[0]), numbers[1 : 1 + classes], rest[:half], rest[half:])


@dataclass(frozen=True)
class ShareBalance(ClassBalance):
    """Weights of one worker's records, balanced by the classes of all records.

    Attributes
    ----------
    totals : Totals
    """

    totals: Totals

    @property
    def samples(self) -> int:
        """Samples of all workers."""
        return self.totals.samples

    @cached_property
    def positives(self) -> IntArray:
        """Samples of all workers with label +1, shape (classes,)."""
        return self.totals.positives


class RecordShare:
    """The records of one worker.

    Parameters
    ----------
    features : ndarray of int64, shape (samples, features)
    labels : ndarray of int64, shape (samples, classes)
    standardise, intercept : bool
    """

    def __init__(
        self, features: IntArray, labels: IntArray, *, standardise: bool, intercept: bool
    ) -> None:
        self._raw = features
        self._labels = labels
        self._standardise = standardise
        self._intercept = intercept

    def counts(self) -> IntArray:
        """What of its records goes into the totals: how many, of which classes, sums, squares."""
        found = [len(self._labels), *(self._labels > 0).sum(axis=0).tolist()]
        if self._standardise:
            found += [*self._raw.sum(axis=0).tolist(), *(self._raw**2).sum(axis=0).tolist()]
        return np.array(found, dtype=np.int64)

    def take(self, totals: Totals) -> None:
        """Prepare features and weights by the totals."""
        self.features = prepared(self._raw, totals, self._intercept)
        self.balance = ShareBalance(self._labels, totals)

    def curvature(self) -> IntArray:
        """Its part of Σ w‖x‖², shape (classes,)."""
        norms = (self.features**2).sum(axis=1)
        return np.asarray(norms @ self.balance.weights)

    def update(
        self, parameters: IntArray, rates: Sequence[Fraction], penalty: Penalty, steps: int
    ) -> IntArray:
        """Descend by itself, and give what goes into the sum.

        Its objective is the balanced mean over its own records, with the penalty; its share of all
        weights is what its change counts for. With one step the changes add up to the step that
        all records together would take.

        Parameters
        ----------
        parameters : ndarray of int64, shape (features, classes)
        rates : sequence of Fraction, shape (classes,)
        penalty : Penalty
        steps : int

        Returns
        -------
        ndarray of int64
            Weighted change (features × classes), weights (classes), weighted loss ahead of the
            steps (classes).

        Raises
        ------
        UsageError
            A parameter leaves the range on which the sums rest.
        """
        balance = self.balance
        totals = balance.totals
        weights = balance.weights.sum(axis=0)
        losses = self._losses(self.features @ parameters)
        point = parameters.copy()
        for _ in range(steps):
            residuals = balance.residuals(self.features @ point)
            # of the mean over its own records, in the units of FeatureBlock.gradient
            scaled = (self.features.T @ residuals).astype(object) * totals.scales.astype(object)
            gradient = np.asarray(scaled // weights.astype(object), dtype=object)
            gradient += penalty.gradient(point, totals.samples).astype(object)
            point = point - moves(gradient, rates, totals.samples)
            if np.abs(point).max() > PARAMETER_LIMIT << PARAMETER_BITS:
                raise UsageError(
                    f"a parameter exceeds ±{PARAMETER_LIMIT} in a worker's own steps, whose "
                    "records may be steeper than all together; take fewer local_steps"
                )
        change = (point - parameters) * weights
        return np.concatenate([change.ravel(), weights, losses])

    def _losses(self, scores: IntArray) -> IntArray:
        """Σ w(−yz/2 + z²/8) with ``LOSS_BITS``, rounded down, shape (classes,)."""
        z = scores.astype(object)
        eights = z * z - (self.balance.labels.astype(object) * z << (SCORE_BITS + 2))
        total = (self.balance.weights.astype(object) * eights).sum(axis=0)
        return np.array([int(x) >> (2 * SCORE_BITS + 3 - LOSS_BITS) for x in total], np.int64)


def prepared(raw: IntArray, totals: Totals, intercept: bool) -> IntArray:
    """Features as the model takes them: standardised by the totals, with a constant one."""
    one = 1 << FEATURE_BITS
    found = raw
    if len(totals.sums):
        n = totals.samples
        middle = totals.sums.astype(object)
        spread = n * totals.squares.astype(object) - middle * middle
        width = [SPAN_DEVIATIONS * math.isqrt(int(x)) for x in spread]
        apart = (raw.astype(object) * n - middle) << FEATURE_BITS
        columns = [
            apart[:, j] // w if w else np.zeros(len(raw), dtype=object) for j, w in enumerate(width)
        ]
        found = np.clip(np.column_stack(columns), -one, one).astype(np.int64)
        one //= SPAN_DEVIATIONS
    if intercept:
        found = np.column_stack([found, np.full(len(found), one, dtype=np.int64)])
    return np.asarray(found, dtype=np.int64)
