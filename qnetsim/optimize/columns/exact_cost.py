"""What whole flows cost, in exact arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.optimize.columns.problem import RoutesProblem


def exact_cost(problem: RoutesProblem, loads: IntArray, blocked: IntArray) -> Fraction:
    """Least expected cost of whole loads at the prices of a problem, none of them capped.

    Parameters
    ----------
    problem : RoutesProblem
    loads : ndarray of int64, shape (scenarios, distributions, fibres)
        Requests of each distribution on each fibre.
    blocked : ndarray of int64, shape (scenarios,)
        Requests that are not served.
    """
    weights = [Fraction(p) for p in problem.probabilities.tolist()]
    total = Fraction(0)
    for i, units in enumerate(((problem.channels * loads).sum(axis=1), loads.sum(axis=1))):
        reserved = [Fraction(c) for c in problem.reserved[i].tolist()]
        held = None if problem.fixed is None else problem.fixed[i].tolist()
        bought = None if problem.on_demand is None else problem.on_demand[i].tolist()
        for e, load in enumerate(units.T.tolist()):
            if held is not None:
                have = Fraction(held[e])
                if reserved[e]:
                    total += reserved[e] * have
                if bought is not None and max(load) > have:
                    excess = (
                        w * (n - have) for w, n in zip(weights, load, strict=True) if n > have
                    )
                    total += Fraction(bought[e]) * sum(excess)
            elif bought is None:
                total += reserved[e] * max(load)
            else:
                total += newsvendor_cost(load, weights, reserved[e], Fraction(bought[e]))
    if problem.blocking_cost is not None:
        refused = zip(weights, blocked.tolist(), strict=True)
        total += Fraction(problem.blocking_cost) * sum((w * n for w, n in refused), Fraction(0))
    return total


def newsvendor_cost(
    load: Sequence[int], weights: Sequence[Fraction], reserved: Fraction, on_demand: Fraction
) -> Fraction:
    """Least expected cost of a load on one fibre.

    One unit after another is paid at the cheaper price: reserved, or bought where it is needed.

    Parameters
    ----------
    load : sequence of int
        Units in each scenario.
    weights : sequence of Fraction
        Probability of each scenario.
    reserved, on_demand : Fraction
        Price of a unit.
    """
    order = sorted(range(len(load)), key=load.__getitem__, reverse=True)
    tail = Fraction(0)
    total = Fraction(0)
    for here, s in enumerate(order):
        tail += weights[s]
        below = load[order[here + 1]] if here + 1 < len(order) else 0
        if load[s] > below:
            total += (load[s] - below) * min(reserved, tail * on_demand)
    return total


def rounded_down(value: Fraction) -> float:
    """The greatest float that is no more than a fraction."""
    near = float(value)
    return near if Fraction(near) <= value else float(np.nextafter(near, -np.inf))
