"""Logistic regression with the Taylor loss, in integers: equal with and without encryption.

Loss of a sample with label y = ±1 and score z: log 2 − yz/2 + z²/8 (Hardy et al.). Means are
balanced by class: positives and negatives weigh one half each. Scores, residuals and gradients
are exact integers, so the parameters do not depend on who computes them, or in which order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.errors import UsageError
from qnetsim.fel.preparation import FEATURE_BITS
from qnetsim.plain_text import counted

#: Fractional bits of parameters, and of residuals.
PARAMETER_BITS = 20
RESIDUAL_BITS = 16
SCORE_BITS = FEATURE_BITS + PARAMETER_BITS
GRADIENT_BITS = FEATURE_BITS + RESIDUAL_BITS
#: Largest parameter, in absolute value.
PARAMETER_LIMIT = 2**6
#: Bits of a packed slot: holds scores and gradients with their signs.
SLOT_BITS = 64
#: Fractional bits of a loss that the label holder tells.
LOSS_BITS = 64


@dataclass(frozen=True)
class ClassBalance:
    """Labels, class counts and the weights that balance the classes; the label holder's.

    Attributes
    ----------
    labels : ndarray of int64, shape (samples, classes)
    positives : ndarray of int64, shape (classes,)
    """

    labels: IntArray

    @property
    def samples(self) -> int:
        """Samples that are balanced."""
        return len(self.labels)

    @cached_property
    def positives(self) -> IntArray:
        """Samples with label +1, shape (classes,)."""
        return np.asarray((self.labels > 0).sum(axis=0), dtype=np.int64)

    @cached_property
    def weights(self) -> IntArray:
        """Samples of the other sign, shape (samples, classes): 2·n₊·n₋ times the weight."""
        positives = self.positives
        return np.where(self.labels > 0, self.samples - positives, positives).astype(np.int64)

    @cached_property
    def scales(self) -> IntArray:
        """2·n₊·n₋, shape (classes,)."""
        return 2 * self.positives * (self.samples - self.positives)

    def residuals(self, scores: IntArray, rows: IntArray | slice = slice(None)) -> IntArray:
        """Weighted derivatives of the loss, S·w·(z/4 − y/2), with ``RESIDUAL_BITS``.

        Parameters
        ----------
        scores : ndarray of int64, shape (rows, classes)
            With ``SCORE_BITS``.
        rows : ndarray of int64, optional
            Samples that they are of; all unless given.

        Returns
        -------
        ndarray of int64, shape (rows, classes)
            Rounded down.
        """
        steps = scores - (self.labels[rows] << (SCORE_BITS + 1))
        # S·w/4 · steps / 2**SCORE_BITS, with RESIDUAL_BITS kept; exact in Python integers
        numerator = steps.astype(object) * self.weights[rows] * (self.samples << RESIDUAL_BITS)
        denominator = (4 * self.scales.astype(object)) << SCORE_BITS
        return np.asarray(numerator // denominator, dtype=np.int64)

    def losses(self, scores: IntArray, rows: IntArray) -> list[int]:
        """Balanced mean loss of some samples less log 2, one a class, with ``LOSS_BITS``.

        Parameters
        ----------
        scores : ndarray of int64, shape (rows, classes)
        rows : ndarray of int64
        """
        z = scores.astype(object)
        labels, weights = (values[rows].astype(object) for values in (self.labels, self.weights))
        # −yz/2 + z²/8 with 2·SCORE_BITS, times 8
        eights = (weights * (z * z - (labels * z << (SCORE_BITS + 2)))).sum(axis=0)
        return [
            (int(top) << LOSS_BITS) // (int(bottom) << (2 * SCORE_BITS + 3))
            for top, bottom in zip(eights, weights.sum(axis=0), strict=True)
        ]


def loss_shares(parameters: IntArray, gradient: IntArray, at_zero: IntArray) -> list[int]:
    """A block's part of the loss, an exact integer for each class: Σ θ·(g(θ) + g(0)).

    Parameters
    ----------
    parameters, gradient, at_zero : ndarray of int64, shape (features, classes)
    """
    both = gradient.astype(object) + at_zero
    return [int(total) for total in (parameters.astype(object) * both).sum(axis=0)]


def mean_loss(shares: Sequence[Sequence[int]], samples: int) -> float:
    """Mean over the classes of L(θ) = log 2 + ½ Σ θ·(g(θ) + g(0)), from the blocks' shares.

    Because the loss is quadratic and the batch is full, no squared scores are needed.
    """
    classes = len(shares[0])
    total = sum(sum(share) for share in shares)
    unit = samples * classes << (PARAMETER_BITS + FEATURE_BITS + RESIDUAL_BITS + 1)
    return math.log(2) + float(Fraction(total, unit))


def batch_loss(losses: Sequence[int]) -> float:
    """Mean loss over the classes from ``ClassBalance.losses``."""
    return math.log(2) + float(Fraction(sum(losses), len(losses) << LOSS_BITS))


def taylor_loss(labels: IntArray, scores: IntArray) -> FloatArray:
    """Class-balanced mean of log 2 − yz/2 + z²/8, shape (classes,)."""
    balance = ClassBalance(labels)
    z = scores / 2.0**SCORE_BITS
    weights = balance.weights / balance.scales
    return np.asarray((weights * (math.log(2) - labels * z / 2 + z * z / 8)).sum(axis=0))


def accuracy(labels: IntArray, scores: IntArray) -> float:
    """Share of the samples whose class gets the highest score; the right sign with two classes.

    Parameters
    ----------
    labels, scores : ndarray of int64, shape (samples, classes)
    """
    if labels.shape[1] == 1:
        right = (scores > 0) == (labels > 0)
    else:
        right = np.argmax(scores, axis=1) == np.argmax(labels, axis=1)
    return float(right.mean())


def learning_rates(
    curvature: IntArray, scales: IntArray, l2: Fraction = Fraction(0)
) -> list[Fraction]:
    """Rates 1/L from the bound L = ¼ Σ w‖x‖² + λ on the curvature of the loss, one a class.

    Parameters
    ----------
    curvature : ndarray of int64, shape (classes,)
        Σ w‖x‖² by ``ClassBalance.weights`` and ``FeatureBlock.norms``: a sum over the
        blocks, so no data is pooled. Workers compute it under encryption, because the weights
        reveal the labels.
    scales : ndarray of int64, shape (classes,)
        ``ClassBalance.scales``.
    l2 : Fraction
        Weight λ of the penalty.
    """
    unit = 4 << (2 * FEATURE_BITS)
    bounds = [
        Fraction(int(bound), int(scale) * unit) + l2
        for bound, scale in zip(curvature, scales, strict=True)
    ]
    return [1 / bound if bound else Fraction(1) for bound in bounds]


@dataclass(frozen=True)
class Penalty:
    """Penalty ½ λ ‖θ‖² on the parameters, but for those of a constant feature.

    Attributes
    ----------
    l2 : Fraction
        λ, by the parameters in fixed point.
    free : int or None
        Row of the constant feature; None where the block has none.
    """

    l2: Fraction = Fraction(0)
    free: int | None = None

    def gradient(self, parameters: IntArray, samples: int) -> IntArray:
        """λθ in the units of ``FeatureBlock.gradient``, rounded down, shape as the parameters."""
        if not self.l2:
            return np.zeros_like(parameters)
        shift = FEATURE_BITS + RESIDUAL_BITS - PARAMETER_BITS
        factor = (self.l2.numerator * samples) << shift
        found = np.asarray(parameters.astype(object) * factor // self.l2.denominator)
        if self.free is not None:
            found[self.free] = 0
        return found.astype(np.int64)


class FeatureBlock:
    """A worker's part of the model.

    Parameters
    ----------
    features : ndarray of int64, shape (samples, features of the block)
    classes : int
    penalty : Penalty, optional
        What is added to the loss; nothing unless given.
    """

    def __init__(self, features: IntArray, classes: int, penalty: Penalty | None = None) -> None:
        self.features = features
        self.parameters: IntArray = np.zeros((features.shape[1], classes), dtype=np.int64)
        self._penalty = penalty or Penalty()
        #: Scores that were made last, and the parameters that they are of.
        self._scored: tuple[bytes, IntArray] | None = None

    def penalised(
        self, gradient: IntArray, point: IntArray, samples: int | None = None
    ) -> IntArray:
        """Gradient with that of the penalty at a point, which the worker knows by itself.

        Parameters
        ----------
        gradient : ndarray of int64, shape (features, classes)
            As :meth:`gradient` gives it.
        point : ndarray of int64, shape (features, classes)
            Parameters, or a direction.
        samples : int, optional
            Those that the gradient is a sum over; all unless given.
        """
        return gradient + self._penalty.gradient(point, samples or len(self.features))

    def scores(self) -> IntArray:
        """Partial scores u = θx with ``SCORE_BITS``, shape (samples, classes).

        A round and the figures after the one before it ask for the same: they are made once.
        """
        now = self.parameters.tobytes()
        if self._scored is None or self._scored[0] != now:
            self._scored = now, self.features @ self.parameters
        return self._scored[1]

    def norms(self) -> IntArray:
        """‖x‖² of each sample's part with 2·FEATURE_BITS, shape (samples,)."""
        return np.asarray((self.features * self.features).sum(axis=1))

    def gradient(self, residuals: IntArray) -> IntArray:
        """Σ x·r with FEATURE_BITS + RESIDUAL_BITS, times S; shape (features, classes)."""
        return self.features.T @ residuals

    def step(
        self, gradient: IntArray, rates: Sequence[Fraction], samples: int | None = None
    ) -> None:
        """Move against the gradient of the mean loss.

        Parameters
        ----------
        gradient : ndarray of int64, shape (features, classes)
        rates : sequence of Fraction, shape (classes,)
            Learning rates.
        samples : int, optional
            Those that the gradient is a sum over; all unless given.

        Raises
        ------
        UsageError
            A parameter leaves the range that fits into the slots.
        """
        self.parameters -= moves(gradient, rates, samples or len(self.features))
        require_parameters(self.parameters)


def moves(gradient: IntArray, rates: Sequence[Fraction], samples: int) -> IntArray:
    """Steps along a gradient in the units of parameters, rounded down; shape as the gradient."""
    shift = GRADIENT_BITS - PARAMETER_BITS
    found = np.empty(gradient.shape, dtype=np.int64)
    for c, rate in enumerate(rates):
        divisor = (rate.denominator * samples) << shift
        found[:, c] = [int(g) * rate.numerator // divisor for g in gradient[:, c].tolist()]
    return found


def require_parameters(parameters: IntArray) -> None:
    """Check that parameters, or a direction, lie in the range that fits into the slots.

    Raises
    ------
    UsageError
        One leaves it.
    """
    if np.abs(parameters).max(initial=0) > PARAMETER_LIMIT << PARAMETER_BITS:
        raise UsageError(f"a parameter exceeds ±{PARAMETER_LIMIT}; learn for fewer rounds")


def gradient_bound(samples: int, features: int) -> int:
    """Most that Σ x·r can be in absolute value.

    The weights of a class add up to one, so Σ S·w·|z/4 − y/2| is at most S times its largest term,
    where |z| is at most ``PARAMETER_LIMIT`` times the features; each residual is rounded down.
    """
    largest = features * PARAMETER_LIMIT // 4 + 1
    return samples * (largest << RESIDUAL_BITS) << FEATURE_BITS


def require_slots(samples: int, features: int, block: int | None = None) -> None:
    """Check that all that is added up under encryption fits into a slot.

    Parameters
    ----------
    samples, features : int
    block : int, optional
        Features of the largest block; all unless given.

    Raises
    ------
    UsageError
        There are too many samples or features.
    """
    score = features * PARAMETER_LIMIT << SCORE_BITS
    # Σ 2·n₊·n₋·w is 2·n₊·n₋, at most S²/2
    curvature = samples * samples * (block or features) << (2 * FEATURE_BITS - 1)
    if max(score, curvature, gradient_bound(samples, features)) >= 1 << (SLOT_BITS - 1):
        raise UsageError(
            f"{counted(samples, 'sample')} of {features} features do not fit into slots "
            f"of {SLOT_BITS} bits"
        )
