"""The newsvendor closed form: how much to reserve against an uncertain load."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.forecast import LevelDistribution


def newsvendor(
    values: FloatArray, probabilities: FloatArray, reserved: float, on_demand: float
) -> int:
    """Reserve the integer amount q that minimises ``reserved·q + on_demand·E(load − q)^+``.

    The least q with P(load > q) ≤ reserved / on_demand: the quantile at 1 − c^b/c^o.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Possible loads, integers in ascending order.
    probabilities : ndarray, shape (n,)
    reserved, on_demand : float
        Unit costs c^b and c^o.
    """
    tail = 1.0 - np.cumsum(probabilities)
    tail[-1] = 0.0  # whatever rounding left
    if on_demand <= reserved:
        return 0
    above = np.flatnonzero(on_demand * tail > reserved)
    # below the first possible load the tail is 1
    return int(values[above[-1] + 1]) if above.size else int(values[0])


def reserve(
    loads: FloatArray, probabilities: FloatArray, reserved: FloatArray, on_demand: FloatArray
) -> FloatArray:
    """Newsvendor reservation of every fibre for its load in each scenario, shape (fibres,).

    Parameters
    ----------
    loads : ndarray, shape (scenarios, fibres)
    probabilities : ndarray, shape (scenarios,)
    reserved, on_demand : ndarray, shape (fibres,)
        Unit costs c^b and c^o.
    """
    order = np.argsort(loads, axis=0, kind="stable")
    found = [
        newsvendor(load[first], probabilities[first], float(c_b), float(c_o))
        for load, first, c_b, c_o in zip(loads.T, order.T, reserved, on_demand, strict=True)
    ]
    return np.array(found, dtype=np.float64)


def level_values(
    levels: LevelDistribution, channels: list[int], ratio: Fraction
) -> tuple[Fraction, int]:
    """Cheapest reservation for one comonotone request on one fibre, in units of c^b.

    ``g = min_q { q + (c^o/c^b)·E(ρ(k) − q)^+ }``, with its least minimiser q.

    Parameters
    ----------
    levels : LevelDistribution
    channels : list of int
        Channels ρ(k) of each level k on this fibre.
    ratio : Fraction
        c^o/c^b of the fibre.
    """
    whole = levels.whole_probabilities
    weight_of: Counter[int] = Counter()
    for amount, weight in zip(channels, whole.weights, strict=True):
        weight_of[amount] += weight
    # everything in units of one over this, so that a step costs one sum of whole numbers
    unit = whole.total * ratio.denominator
    tail = 0  # weight of the amounts above q
    excess = 0  # weighted sum of (amount − q)^+
    above = 0
    found: list[tuple[int, int]] = []
    for q in sorted({0, *channels}, reverse=True):
        excess += tail * (above - q)
        found.append((q * unit + ratio.numerator * excess, q))
        tail += weight_of[q]
        above = q
    value, least = min(found)
    return Fraction(value, unit), least
