"""Steps of the best length: line search along the gradient, and conjugate gradients.

The loss is quadratic: g(v) − g(0) = H·v for any v. So a round in which the workers evaluate their
gradients at a direction d, in place of the parameters, gives each its part of H·d, and sums over
the workers give the step to the least loss along d, and the direction that is conjugate to it::

    α = −(g·d) / (d·Hd),   θ ← θ + α·d,   g ← g + α·Hd,   d ← −σ·g + β·d

σ is a power of two that keeps d well within fixed point. All is in integers, so the parameters do
not depend on who computes them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, NamedTuple, get_args

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.errors import UsageError
from qnetsim.fel.arithmetic import (
    GRADIENT_BITS,
    PARAMETER_BITS,
    PARAMETER_LIMIT,
    FeatureBlock,
    gradient_bound,
    require_parameters,
)
from qnetsim.fel.messages import LONG_BYTES
from qnetsim.plain_text import counted

OptimiserName = Literal["gradient_descent", "line_search", "conjugate_gradients"]
OPTIMISER_NAMES: tuple[OptimiserName, ...] = get_args(OptimiserName)
#: Fractional bits of α and β.
STEP_BITS = 40
#: σ is at most 2 to this: smaller gradients are rounding.
MOST_SCALE = 24
#: Directions are about 2 to this long: within the range of parameters, and far above rounding.
LENGTH_BITS = 4


class Products(NamedTuple):
    """A worker's sums of products for one class; those of the workers add up.

    Attributes
    ----------
    slope : int
        g·d.
    curvature : int
        d·Hd.
    square : int
        Hd·Hd, which only conjugate directions need.
    """

    slope: int
    curvature: int
    square: int = 0


class Step(NamedTuple):
    """What the owner tells the workers of one class.

    Attributes
    ----------
    length, kept : int
        α and β with ``STEP_BITS``.
    scale : int
        σ = 2**scale of the next direction.
    """

    length: int
    kept: int
    scale: int


class WorkerDirection:
    """A worker's gradient and direction.

    Parameters
    ----------
    block : FeatureBlock
    gradient : ndarray of int64, shape (features, classes)
        At the block's parameters, with ``GRADIENT_BITS``, times the samples.
    scale : int
        Of the first direction, −σ·g.
    """

    def __init__(self, block: FeatureBlock, gradient: IntArray, scale: int) -> None:
        self._block = block
        self.gradient: IntArray = gradient.copy()
        self.direction: IntArray = np.zeros_like(gradient)
        self._turn([Step(0, 0, scale)] * gradient.shape[1])

    def products(self, image: IntArray) -> list[Products]:
        """Sums of products for each class.

        Parameters
        ----------
        image : ndarray of int64, shape (features, classes)
            The worker's part of H·d.
        """
        return [
            Products(_dot(g, d), _dot(d, h), _dot(h, h))
            for g, d, h in zip(
                self.gradient.T.tolist(), self.direction.T.tolist(), image.T.tolist(), strict=True
            )
        ]

    def move(self, image: IntArray, steps: Sequence[Step]) -> None:
        """Step along the direction, and take the next one.

        Raises
        ------
        UsageError
            A parameter leaves the range that fits into the slots.
        """
        for c, step in enumerate(steps):
            self._block.parameters[:, c] += _times(self.direction[:, c], step.length)
            self.gradient[:, c] += _times(image[:, c], step.length)
        require_parameters(self._block.parameters)
        self._turn(steps)

    def _turn(self, steps: Sequence[Step]) -> None:
        samples = len(self._block.features)
        for c, step in enumerate(steps):
            downhill = _downhill(self.gradient[:, c], samples, step.scale)
            self.direction[:, c] = downhill + _times(self.direction[:, c], step.kept)
        require_parameters(self.direction)


def _dot(one: Sequence[int], other: Sequence[int]) -> int:
    return sum(a * b for a, b in zip(one, other, strict=True))


def _times(values: IntArray, factor: int) -> IntArray:
    """Times a factor with ``STEP_BITS``, rounded to nearest."""
    half = 1 << (STEP_BITS - 1)
    return np.array([value * factor + half >> STEP_BITS for value in values.tolist()], np.int64)


def _downhill(gradient: IntArray, samples: int, scale: int) -> IntArray:
    """−2**scale·g with ``PARAMETER_BITS`` for the mean gradient g, rounded down."""
    unit = Fraction(2) ** (scale + PARAMETER_BITS - GRADIENT_BITS) / samples
    return np.array(
        [-value * unit.numerator // unit.denominator for value in gradient.tolist()], np.int64
    )


def safe_scale(features: int, l2: Fraction = Fraction(0)) -> int:
    """Exponent of a σ with which −σ·g fits into fixed point as long as the loss does not rise.

    No loss above its least one is more than log 2 then, and ‖g‖² ≤ 2·λ·log 2 where λ ≤ features/4
    is the largest curvature, with features of at most 1 and without a penalty, which adds its
    weight.
    """
    longest = math.sqrt((features + 4 * float(l2)) * math.log(2) / 2)
    return max(math.floor(math.log2(PARAMETER_LIMIT / longest)), 0)


def require_products(samples: int, features: int, l2: Fraction = Fraction(0)) -> None:
    """Check that sums of products fit into the numbers that are sent.

    Raises
    ------
    UsageError
        There are too many samples or features.
    """
    penalty = samples * (math.ceil(l2) * PARAMETER_LIMIT << GRADIENT_BITS)
    bound = 2 * gradient_bound(samples, features) + penalty
    if features * bound**2 >= 1 << (8 * LONG_BYTES - 1):
        raise UsageError(
            f"{counted(samples, 'sample')} of {features} features are too many for steps of the "
            "best length; learn by gradient descent"
        )


@dataclass
class StepChoice:
    """The owner's choice of steps in one class.

    Parameters
    ----------
    samples, features : int
    conjugate : bool
        Directions are conjugate; else each is that of the gradient.
    l2 : Fraction
        Weight of the penalty.
    """

    samples: int
    features: int
    conjugate: bool
    l2: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        self._scale = 0
        self._length_squared = Fraction(0)
        self.restart()

    def restart(self) -> None:
        """Begin with the gradient's direction again."""
        self._scale = safe_scale(self.features, self.l2)
        # ‖d‖² of the present direction, known when its products are
        self._length_squared = Fraction(0)

    def step(self, products: Products) -> Step:
        """Length of the step, and the next direction.

        d = −σ·g + β·d′ with g perpendicular to the last direction d′, and d conjugate to it. So
        ‖g‖² = −(g·d)/σ and g·Hd = −(d·Hd)/σ: neither needs a sum of its own.
        """
        unit = self.samples << GRADIENT_BITS
        slope = Fraction(products.slope, unit << PARAMETER_BITS)
        curvature = Fraction(products.curvature, unit << PARAMETER_BITS)
        if curvature <= 0 or slope >= 0:
            # nothing can be gained along it: the loss is at its least, but for rounding
            self.restart()
            return Step(0, 0, self._scale)
        length = -slope / curvature
        if not self.conjugate:
            return Step(_fixed(length), 0, self._scale)
        square = Fraction(products.square, unit * unit)
        sigma = Fraction(1 << self._scale)
        was = -slope / sigma
        # less than a thousandth of what it was is lost in rounding
        now = max(length * length * square - was, was / 1024)
        if not self._length_squared:
            self._length_squared = sigma * sigma * was
        turned = (length * square - curvature / sigma) / curvature
        self._scale = _scale_for(now + turned * turned * self._length_squared)
        sigma = Fraction(1 << self._scale)
        self._length_squared = sigma * sigma * (now + turned * turned * self._length_squared)
        return Step(_fixed(length), _fixed(sigma * turned), self._scale)


def _fixed(value: Fraction) -> int:
    return round(value * (1 << STEP_BITS))


def _scale_for(square: Fraction) -> int:
    """Exponent of the σ that makes a vector of this squared length 2**LENGTH_BITS long, about."""
    bits = square.denominator.bit_length() - square.numerator.bit_length()
    return min(max(bits // 2 + LENGTH_BITS, 0), MOST_SCALE)
