"""How good a model is: areas under curves, and its figures on records that are held out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from qnetsim.arrays import BoolArray, IntArray
from qnetsim.fel.arithmetic import ClassBalance, FeatureBlock, accuracy, batch_loss


@dataclass(frozen=True)
class ModelFigures:
    """Figures of a model after a step.

    They are the simulator's own measurement: no party learns them, and they cost no keys.

    Attributes
    ----------
    auc : float
        Area under the receiver's curve on the training records, mean over the one-vs-rest problems;
        not a number where a class or its complement has no record.
    test_loss, test_accuracy, test_auc : float
        The same figures on the records that are held out. The loss balances the classes by their
        held-out records, and has no penalty in it.
    """

    auc: float
    test_loss: float
    test_accuracy: float
    test_auc: float


@dataclass(frozen=True)
class HeldOutRecords:
    """Records of a vertical task that it does not learn from.

    Attributes
    ----------
    features : mapping from worker to ndarray of int64, shape (samples, features of the block)
    labels : ndarray of int64, shape (samples, classes)
    """

    features: Mapping[str, IntArray]
    labels: IntArray

    def figures(
        self, blocks: Mapping[str, FeatureBlock], labels: IntArray, scores: IntArray
    ) -> ModelFigures | None:
        """Figures of a model, with labels and scores of training records; None without records."""
        if not len(self.labels):
            return None
        own = sum(self.features[w] @ block.parameters for w, block in blocks.items())
        return evaluate(labels, scores, self.labels, np.asarray(own))


def evaluate(
    labels: IntArray, scores: IntArray, test_labels: IntArray, test_scores: IntArray
) -> ModelFigures:
    """Figures from labels and scores, shape (samples, classes) each."""
    both = ((test_labels > 0).any(axis=0) & (test_labels < 0).any(axis=0)).all()
    return ModelFigures(
        auc=area(labels, scores),
        test_loss=_loss(test_labels, test_scores) if both else np.nan,
        test_accuracy=accuracy(test_labels, test_scores),
        test_auc=area(test_labels, test_scores),
    )


def _loss(labels: IntArray, scores: IntArray) -> float:
    """Mean loss over the problems; exact, so that the order of the records does not matter."""
    return batch_loss(ClassBalance(labels).losses(scores, np.arange(len(labels))))


def area(labels: IntArray, scores: IntArray) -> float:
    """Mean over the problems of the area under the receiver's curve.

    It is the share of pairs of a positive and a negative record in which the positive one has the
    higher score; equal scores count one half. Exact integers until the last division.

    Parameters
    ----------
    labels, scores : ndarray of int64, shape (samples, classes)
    """
    found = [_area(labels[:, c] > 0, scores[:, c]) for c in range(labels.shape[1])]
    return float(np.mean(found))


def _area(positive: BoolArray, scores: IntArray) -> float:
    count = int(positive.sum())
    others = len(positive) - count
    if not count or not others:
        return np.nan
    negatives = np.sort(scores[~positive])
    below = np.searchsorted(negatives, scores[positive], side="left").sum()
    upto = np.searchsorted(negatives, scores[positive], side="right").sum()
    return float(int(below) + int(upto)) / (2 * count * others)
