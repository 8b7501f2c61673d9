"""What the commodity program is asked, and what it answers.

The routes program of ``columns/`` has one ρ for all requests of a scenario. Requests with
distributions of their own need unlike ρ in one joint state, so here a *commodity* is all requests
of one node pair and one distribution, and the limits (28) and (29) are two rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.network import Network, Route, UnitPrices
from qnetsim.network.routes import NodePair
from qnetsim.optimize.columns.problem import BLOCKING_MARGIN, Size, capped_units
from qnetsim.optimize.solvers.solver import HIGHS, Solver
from qnetsim.optimize.stage import Stage


class RequestKind(NamedTuple):
    """Requests that are alike: of one node pair, and of one distribution by its position."""

    pair: NodePair
    kind: int


@dataclass(frozen=True, kw_only=True)
class CommodityProblem:
    """What the commodity program is asked.

    Attributes
    ----------
    network : Network
        Gives topology and wavelength limits.
    counts : mapping from RequestKind to int
        Requests of each commodity.
    probabilities : ndarray, shape (states,)
    channels : ndarray of int64, shape (states, distributions, fibres)
        Channels ρ of one request of each distribution.
    reserved : UnitPrices
    on_demand : UnitPrices or None
        None where nothing can be bought on demand.
    fixed : Stage or None
        A first stage that is already decided.
    blocking_cost : float or None
        Price of a request that is not served; None where all must be.
    solver : Solver
    """

    network: Network
    counts: Mapping[RequestKind, int]
    probabilities: FloatArray
    channels: IntArray
    reserved: UnitPrices
    on_demand: UnitPrices | None
    fixed: Stage | None = None
    blocking_cost: float | None = None
    solver: Solver = HIGHS

    @cached_property
    def commodities(self) -> list[RequestKind]:
        """Commodities in the order of ``counts``."""
        return list(self.counts)

    @cached_property
    def kind(self) -> IntArray:
        """Distribution of each commodity, shape (commodities,)."""
        return np.array([commodity.kind for commodity in self.counts], dtype=np.int64)

    @cached_property
    def demand(self) -> FloatArray:
        """Requests of each commodity, shape (commodities,)."""
        return np.array([float(n) for n in self.counts.values()])

    @property
    def states(self) -> int:
        """Number of joint states."""
        return int(self.channels.shape[0])

    @property
    def fibres(self) -> int:
        """Number of fibres."""
        return int(self.channels.shape[2])

    @cached_property
    def unit_prices(self) -> tuple[UnitPrices, UnitPrices | None]:
        """Reserved prices, shape (fibres,), and expected on-demand ones, shape (states, fibres).

        Capped as in ``columns``, so that no price is beyond a solver's tolerances; no optimum
        changes. With a fixed first stage they are kept.
        """
        if self.on_demand is None:
            return self.reserved, None
        bought = UnitPrices(*(self.probabilities[:, None] * price for price in self.on_demand))
        return (
            capped_units(self.reserved, bought) if self.fixed is None else (self.reserved, bought)
        )

    @cached_property
    def scale(self) -> float:
        """Dearest unit: costs are divided by it, so that tolerances mean the same everywhere."""
        reserved, bought = self.unit_prices
        prices = [*reserved, *(bought or ())]
        dearest = max(float(price.max()) for price in prices)
        # without any price only blocking counts
        return dearest or self.blocking_cost or 1.0

    @cached_property
    def blocking(self) -> FloatArray:
        """Expected scaled price of one blocked request, shape (states,); infinite if none may be.

        At most what serving all requests costs twice over: no optimum changes.
        """
        if self.blocking_cost is None:
            return np.full(self.states, np.inf)
        price = self.probabilities * self.blocking_cost
        reserved, bought = self.unit_prices
        unit = reserved if bought is None else bought
        if any(part.any() for part in unit):
            most = self.channels.max(axis=1) * unit.channels + unit.wavelengths
            price = np.minimum(price, BLOCKING_MARGIN * self.demand.sum() * most.sum(axis=-1))
        return np.asarray(price / self.scale)

    @cached_property
    def caps(self) -> tuple[float, float]:
        """Channels and KM wavelengths of a fibre, (29) and (28); infinite where unlimited."""
        limits = (self.network.max_channels, self.network.max_wavelengths)
        channels, wavelengths = (np.inf if limit is None else float(limit) for limit in limits)
        return channels, wavelengths


@dataclass(frozen=True)
class CommodityFlows:
    """Whole routing of every state, and the bound over all simple paths.

    Attributes
    ----------
    routes : tuple of dict
        ``routes[state][commodity]`` lists one route for each request; ``BLOCKED`` for one that is
        not served.
    bound : float
        Proved lower bound on the expected cost.
    solver : str
    size : Size
    """

    routes: tuple[dict[RequestKind, list[Route]], ...]
    bound: float
    solver: str
    size: Size
