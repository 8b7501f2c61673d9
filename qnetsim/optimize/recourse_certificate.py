"""Proof, without a program, that routing anew does not pay once the demand is known.

What is reserved is free, so the second stage is a convex flow: a fibre costs nothing up to its
reservation and the on-demand price beyond. At the loads of a given routing the price of a fibre is
therefore the on-demand price above the reservation, zero below it, and anything between where the
two are equal. If the routes are shortest under some lengths that these prices allow, no other
routing is cheaper. The routes of a plan for the mean demand are shortest under lengths L; with
``t·L``, cut to what the prices allow, they often remain so at another level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.network import UnitPrices
from qnetsim.optimize.columns.pricing import PathFinder
from qnetsim.optimize.gaps import PROOF_GAP
from qnetsim.optimize.stage import Stage


@dataclass(frozen=True)
class KnownDemand:
    """One level of the demand, once the first stage is decided.

    Attributes
    ----------
    channels : ndarray of int64, shape (fibres,)
        Channels ρ of one request at this level.
    on_demand : UnitPrices
    held : Stage
        What is reserved, for which nothing is paid any more.
    """

    channels: IntArray
    on_demand: UnitPrices
    held: Stage


class Tried(NamedTuple):
    """The best prices that were tried.

    Attributes
    ----------
    prices : UnitPrices
        Of one unit on each fibre, shape (fibres,) each.
    bound : float
        Lower bound on the cost on demand of every routing, which they prove.
    proof : bool
        Whether the given routing costs no more.
    """

    prices: UnitPrices
    bound: float
    proof: bool


class RecourseCertificate:
    """Lower bounds on the cost of a second stage from multiples of given lengths.

    Parameters
    ----------
    paths : PathFinder
    demand : ndarray, shape (pairs,)
        Requests of each pair of ``paths``.
    lengths : ndarray, shape (fibres,)
        Lengths under which the routes are shortest.
    blocking : float
        Price of a request that is not served; infinite where all must be.
    """

    def __init__(
        self, paths: PathFinder, demand: FloatArray, lengths: FloatArray, blocking: float
    ) -> None:
        self._paths = paths
        self._demand = demand
        self._lengths = lengths
        self._blocking = blocking

    def tried(self, known: KnownDemand, requests: IntArray) -> Tried:
        """Try to prove a routing; it may be dearer than another where that fails.

        Parameters
        ----------
        known : KnownDemand
        requests : ndarray of int64, shape (fibres,)
            Requests that the routing puts on each fibre.

        """
        prices = known.on_demand
        spare = UnitPrices(
            known.held.channels - known.channels * requests, known.held.wavelengths - requests
        )
        parts = list(zip(spare, prices, strict=True))
        cost = sum(float(np.maximum(-room, 0.0) @ price) for room, price in parts)
        low = UnitPrices(*(np.where(room < 0, price, 0.0) for room, price in parts))
        high = UnitPrices(*(np.where(room <= 0, price, 0.0) for room, price in parts))
        best: Tried | None = None
        for factor in self._factors(known.channels, low, high):
            tried = self._prices(known.channels, factor, low, high)
            bound = self._valued(known, tried)
            if best is None or bound > best.bound:
                best = Tried(tried, bound, cost - bound <= PROOF_GAP * cost)
            if best.proof:
                break
        assert best is not None
        return best

    def _factors(self, channels: IntArray, low: UnitPrices, high: UnitPrices) -> list[float]:
        """Multiples t worth a try: any with ``low ≤ t·L ≤ high`` on all fibres, if there is one."""
        there = self._lengths > 0
        length = self._lengths[there]
        least = ((channels * low.channels + low.wavelengths)[there] / length).max(initial=0.0)
        most = ((channels * high.channels + high.wavelengths)[there] / length).min(initial=np.inf)
        if not np.isfinite(most):
            return [least]
        return [float((least + most) / 2), float(least), float(most)]

    def _prices(
        self, channels: IntArray, factor: float, low: UnitPrices, high: UnitPrices
    ) -> UnitPrices:
        """Split ``factor·L`` on each fibre into prices of its channels and wavelengths."""
        rest = factor * self._lengths - low.wavelengths
        each = np.divide(rest, channels, out=np.zeros_like(rest), where=channels > 0)
        alpha = np.clip(each, low.channels, high.channels)
        gamma = np.clip(
            factor * self._lengths - channels * alpha, low.wavelengths, high.wavelengths
        )
        return UnitPrices(alpha, gamma)

    def _valued(self, known: KnownDemand, prices: UnitPrices) -> float:
        """Bound that these prices prove, by duality, less what rounding may have added."""
        lengths = known.channels * prices.channels + prices.wavelengths
        distances = np.minimum(self._paths.distances(lengths), self._blocking)
        paid = float(distances @ self._demand)
        free = known.held.cost(prices)
        terms = 4 * (distances.size + 3 * lengths.size)
        return paid - free - terms * float(np.finfo(float).eps) * (paid + free)
