"""What the routes program is asked, and what it answers.

Requests that are alike, of one node pair and one distribution, are one *kind*. In a scenario all
requests of a distribution need the same channels ρ; those of another may need others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.network import Network, Route, UnitPrices
from qnetsim.network.model import MoreWavelengths
from qnetsim.network.routes import NodePair
from qnetsim.optimize.columns.wavelength_limits import MoreRoom, StateLimits, state_limits
from qnetsim.optimize.solvers.solver import HIGHS, Solver
from qnetsim.optimize.stage import Stage

#: How much more than all requests of a scenario a blocked one is at most taken to cost.
BLOCKING_MARGIN = 2.0
#: Most that blocking costs beside the dearest unit, in a program.
DEAREST_BLOCKING = 1e8


class RequestKind(NamedTuple):
    """Requests that are alike: of one node pair, and of one distribution by its position."""

    pair: NodePair
    kind: int


@dataclass(frozen=True, kw_only=True)
class RoutesProblem:
    """What the routes program is asked.

    Attributes
    ----------
    network : Network
        Gives topology and wavelength limits.
    counts : mapping from RequestKind to int
        Requests of each kind.
    levels : sequence of int
        Demand level, or joint state, of each scenario, for messages and names.
    probabilities : ndarray, shape (scenarios,)
    channels : ndarray of int64, shape (scenarios, distributions, fibres)
        Channels ρ of one request of each distribution.
    reserved : UnitPrices
    on_demand : UnitPrices or None
        None where nothing can be bought on demand.
    fixed : Stage or None
        A first stage that is already decided.
    blocking_cost : float or None
        Price of a request that is not served; None where all must be.
    ceiling : float
        Cost of a plan that is known; no better one holds a unit that is dearer.
    prices : UnitPrices or None
        Dual prices α and γ to begin with, shape (scenarios, fibres) each; any will do.
    more : MoreWavelengths or None
        What one fibre has beyond the limits of the network.
    solver : Solver
    """

    network: Network
    counts: Mapping[RequestKind, int]
    levels: Sequence[int]
    probabilities: FloatArray
    channels: IntArray
    reserved: UnitPrices
    on_demand: UnitPrices | None
    fixed: Stage | None = None
    blocking_cost: float | None = None
    ceiling: float = np.inf
    prices: UnitPrices | None = None
    more: MoreWavelengths | None = None
    solver: Solver = HIGHS

    @cached_property
    def kinds(self) -> list[RequestKind]:
        """Kinds in the order of ``counts``."""
        return list(self.counts)

    @cached_property
    def pairs(self) -> list[NodePair]:
        """Node pair of each kind."""
        return [kind.pair for kind in self.counts]

    @cached_property
    def distribution(self) -> IntArray:
        """Distribution of each kind by its position, shape (kinds,)."""
        return np.array([kind.kind for kind in self.counts], dtype=np.int64)

    @cached_property
    def demand(self) -> FloatArray:
        """Requests of each kind, shape (kinds,)."""
        return np.array([float(n) for n in self.counts.values()])

    @property
    def scenarios(self) -> int:
        """Number of scenarios."""
        return int(self.channels.shape[0])

    @property
    def distributions(self) -> int:
        """Number of distributions."""
        return int(self.channels.shape[1])

    @property
    def fibres(self) -> int:
        """Number of fibres."""
        return int(self.channels.shape[2])

    @cached_property
    def limits(self) -> StateLimits:
        """Rows (28) and (29) of all scenarios, arrays of shape (scenarios, 2, …)."""
        if self.more is None:
            return state_limits(self.network, self.channels)
        ends = set(self.network.topology.fibres[self.more.fibre])
        users = np.zeros(self.distributions)
        for (pair, kind), count in self.counts.items():
            users[kind] += count * (set(pair) == ends)
        return state_limits(self.network, self.channels, MoreRoom(self.more, users))

    def when(self, scenario: int) -> str:
        """Name of a scenario in messages."""
        if self.distributions == 1:
            return f"level k = {self.levels[scenario]}"
        if self.scenarios == 1:
            return "the demand that is planned for"
        if scenario == self.scenarios - 1:
            return "the highest demand"
        return f"joint state {self.levels[scenario]}"

    def loads_on(self, routes: Sequence[Route]) -> FloatArray:
        """Requests of each distribution if all of a kind take its route.

        Parameters
        ----------
        routes : sequence of Route
            By kind of request.

        Returns
        -------
        ndarray, shape (distributions, fibres)
        """
        load = np.zeros((self.distributions, self.fibres))
        for route, distribution, count in zip(routes, self.distribution, self.demand, strict=True):
            load[distribution, list(route.fibres)] += count
        return load

    def between_ends(self, fibre: int) -> int:
        """Requests between the two ends of a fibre."""
        ends = set(self.network.topology.fibres[fibre])
        return sum(count for (pair, _), count in self.counts.items() if set(pair) == ends)

    @cached_property
    def capped(self) -> CappedPrices:
        """Expected prices of one unit without what cannot matter; see :class:`CappedPrices`."""
        return capped_prices(self)

    @cached_property
    def scale(self) -> float:
        """Dearest capped unit: costs are divided by it, so that tolerances mean the same."""
        capped = self.capped
        prices = [*capped.reserved, *(capped.on_demand or ())]
        return max(float(price.max()) for price in prices) or 1.0

    @cached_property
    def scaled_reserved(self) -> UnitPrices:
        """Capped reserved prices over the scale."""
        return UnitPrices(*(price / self.scale for price in self.capped.reserved))

    @cached_property
    def scaled_on_demand(self) -> UnitPrices | None:
        """Capped expected on-demand prices over the scale, shape (scenarios, fibres) each."""
        on_demand = self.capped.on_demand
        if on_demand is None:
            return None
        return UnitPrices(*(price / self.scale for price in on_demand))

    def blocking(self, scenario: int) -> float:
        """Capped scaled price of one blocked request; infinite where all must be served."""
        return float(self.capped.blocking[scenario]) / self.scale


class CappedPrices(NamedTuple):
    """Prices in which a program decides what it decides under the true ones.

    To reserve a unit once serves every scenario, so no scenario pays more than c^b for a unit:
    p_k·c^o becomes min(p_k·c^o, c^b). A reserved unit saves at most what these add up to, so c^b
    becomes the lesser of both. No plan that is worth finding holds a unit dearer than a plan that
    is known. To block a request pays at most what serves all requests of the scenario. No
    optimum changes, and no price falls under a solver's tolerances beside another that is never
    paid.

    Attributes
    ----------
    reserved : UnitPrices
        Shape (fibres,) each.
    on_demand : UnitPrices or None
        Expected prices p_k·c^o, capped, shape (scenarios, fibres) each.
    blocking : ndarray, shape (scenarios,)
        Of one request; infinite where all must be served.
    """

    reserved: UnitPrices
    on_demand: UnitPrices | None
    blocking: FloatArray


def capped_prices(problem: RoutesProblem) -> CappedPrices:
    """Cap the prices of a problem; with a fixed first stage the on-demand prices are kept."""
    reserved = problem.reserved
    on_demand = problem.on_demand
    weights = problem.probabilities[:, None]
    bought = None
    if on_demand is not None:
        bought = UnitPrices(*(weights * price for price in on_demand))
        if problem.fixed is None:
            reserved, bought = capped_units(reserved, bought, problem.ceiling)
    elif problem.fixed is None:
        reserved = UnitPrices(*(np.minimum(price, problem.ceiling) for price in reserved))
    unit = reserved if bought is None else bought
    blocking = np.full(problem.scenarios, np.inf)
    if problem.blocking_cost is not None:
        dearest = problem.channels.max(axis=1)
        once = dearest * unit.channels + unit.wavelengths
        uses = np.minimum(problem.limits.most_requests, problem.demand.sum())
        serving = BLOCKING_MARGIN * (once * uses).sum(axis=1)
        blocking = np.minimum(problem.probabilities * problem.blocking_cost, serving)
    return CappedPrices(reserved, bought, blocking)


def capped_units(
    reserved: UnitPrices, bought: UnitPrices, ceiling: float = np.inf
) -> tuple[UnitPrices, UnitPrices]:
    """Cap the prices of units; :class:`CappedPrices` says why that changes no optimum.

    Parameters
    ----------
    reserved : UnitPrices
        Shape (fibres,) each.
    bought : UnitPrices
        Expected on-demand prices p_k·c^o, shape (scenarios, fibres) each.
    ceiling : float
        Cost of a plan that is known.
    """
    most = (np.minimum(price, ceiling) for price in reserved)
    bought = UnitPrices(*(np.minimum(b, m) for b, m in zip(bought, most, strict=True)))
    pairs = zip(reserved, bought, strict=True)
    return UnitPrices(*(np.minimum(c, b.sum(axis=0)) for c, b in pairs)), bought


def scale_of(prices: Sequence[FloatArray], blocking_cost: float | None) -> float:
    """Dearest unit, or so much more that a price of blocking stays in a solver's range."""
    dearest = max(float(p.max()) for p in prices)
    return max(dearest, (blocking_cost or 0.0) / DEAREST_BLOCKING) or 1.0


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


class WavelengthPrices(NamedTuple):
    """What one more wavelength would save on each fibre, in cost per slot.

    Prices of the limits (28) and (29) in the linear relaxation: requests may be split over routes,
    and continuity is left aside.

    Attributes
    ----------
    qkd, km : tuple of float
        Of |σ| and |κ| on each fibre; zero where the limit is not set.
    """

    qkd: tuple[float, ...]
    km: tuple[float, ...]


@dataclass(frozen=True)
class RouteFlows:
    """Integer routing of every scenario, and the bound over all simple paths.

    Attributes
    ----------
    routes : tuple of dict
        ``routes[s][kind]`` lists one route for each request of the kind; ``BLOCKED`` for one
        that is not served.
    bound : float
        Proved lower bound on the expected cost.
    cost : float
        Least expected cost of these routes at the true prices, wavelengths left aside.
    solver : str
    size : Size
    prices : WavelengthPrices or None
        Of the limits; None where there are none.
    solvers_word : bool
        The solver calls the routes optimal, which its tolerances do not prove.
    """

    routes: tuple[dict[RequestKind, list[Route]], ...]
    bound: float
    cost: float
    solver: str
    size: Size
    prices: WavelengthPrices | None = None
    solvers_word: bool = False
