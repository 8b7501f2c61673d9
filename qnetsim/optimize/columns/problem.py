"""What the routes program is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.network import Network, Route, UnitPrices
from qnetsim.network.routes import NodePair
from qnetsim.optimize.solvers.solver import HIGHS, Solver
from qnetsim.optimize.stage import Stage

#: Most that blocking costs beside the dearest unit, in a program.
DEAREST_BLOCKING = 1e8


@dataclass(frozen=True, kw_only=True)
class RoutesProblem:
    """What the routes program is asked.

    Attributes
    ----------
    network : Network
        Gives topology and wavelength limits.
    counts : mapping from pair to int
        Requests of each node pair.
    levels : sequence of int
        Demand level of each scenario, for messages and names.
    probabilities : ndarray, shape (scenarios,)
    channels : ndarray of int64, shape (scenarios, fibres)
        Channels ρ of one request.
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
    counts: Mapping[NodePair, int]
    levels: Sequence[int]
    probabilities: FloatArray
    channels: IntArray
    reserved: UnitPrices
    on_demand: UnitPrices | None
    fixed: Stage | None = None
    blocking_cost: float | None = None
    solver: Solver = HIGHS

    @cached_property
    def pairs(self) -> list[NodePair]:
        """Node pairs in the order of ``counts``."""
        return list(self.counts)

    @cached_property
    def demand(self) -> FloatArray:
        """Requests of each pair, shape (pairs,)."""
        return np.array([float(n) for n in self.counts.values()])

    @property
    def scenarios(self) -> int:
        """Number of scenarios."""
        return int(self.channels.shape[0])

    @property
    def fibres(self) -> int:
        """Number of fibres."""
        return int(self.channels.shape[1])

    @cached_property
    def caps(self) -> FloatArray:
        """Requests that fit on a fibre, (28) and (29) in one, shape (scenarios, fibres)."""
        return np.array([capacities(self.network, rho) for rho in self.channels.tolist()])

    @cached_property
    def scale(self) -> float:
        """Dearest unit: costs are divided by it, so that tolerances mean the same everywhere."""
        prices = [*self.reserved, *(self.on_demand or ())]
        return scale_of(prices, self.blocking_cost)

    @cached_property
    def scaled_reserved(self) -> UnitPrices:
        """Reserved prices over the scale."""
        return UnitPrices(*(price / self.scale for price in self.reserved))

    @cached_property
    def scaled_on_demand(self) -> UnitPrices | None:
        """Expected on-demand prices over the scale, shape (scenarios, fibres) each."""
        if self.on_demand is None:
            return None
        weights = self.probabilities[:, None]
        return UnitPrices(*(weights * price / self.scale for price in self.on_demand))

    def blocking(self, scenario: int) -> float:
        """Expected scaled price of one blocked request; infinite where all must be served."""
        if self.blocking_cost is None:
            return np.inf
        return float(self.probabilities[scenario]) * self.blocking_cost / self.scale


def scale_of(prices: Sequence[FloatArray], blocking_cost: float | None) -> float:
    """Dearest unit, or so much more that a price of blocking stays in a solver's range."""
    dearest = max(float(p.max()) for p in prices)
    return max(dearest, (blocking_cost or 0.0) / DEAREST_BLOCKING) or 1.0


def capacities(network: Network, channels: Sequence[int]) -> FloatArray:
    """Requests that fit on each fibre, (28) and (29) in one; shape (fibres,).

    All requests of one realisation need the same channels ρ on a fibre, so both limits say how
    many requests fit on it; rounding down closes most of the gap to the integer program.

    Parameters
    ----------
    network : Network
    channels : sequence of int
        Channels ρ that one request needs on each fibre.
    """
    caps = np.full(network.fibres, np.inf)
    if network.max_wavelengths is not None:
        caps[:] = network.max_wavelengths
    if network.max_channels is not None:
        rho = np.asarray(channels)
        fit = network.max_channels // np.maximum(rho, 1)
        caps = np.where(rho > 0, np.minimum(caps, fit), caps)
    return caps


@dataclass(frozen=True)
class Size:
    """How large the largest program behind a plan was.

    Attributes
    ----------
    variables, rows : int
    nodes : int
        Branch-and-bound nodes, all programs together.
    rounds : int
        Rounds of column generation.
    """

    variables: int = 0
    rows: int = 0
    nodes: int = 0
    rounds: int = 0

    def __add__(self, other: Size) -> Size:
        """Largest program, and the work of both."""
        larger = max((self, other), key=lambda size: size.variables)
        return Size(
            larger.variables, larger.rows, self.nodes + other.nodes, self.rounds + other.rounds
        )


@dataclass(frozen=True)
class RouteFlows:
    """Integer routing of every scenario, and the bound over all simple paths.

    Attributes
    ----------
    routes : tuple of dict
        ``routes[s][pair]`` lists one route for each request of the pair; ``BLOCKED`` for one
        that is not served.
    bound : float
        Proved lower bound on the expected cost.
    solver : str
    size : Size
    """

    routes: tuple[dict[NodePair, list[Route]], ...]
    bound: float
    solver: str
    size: Size
