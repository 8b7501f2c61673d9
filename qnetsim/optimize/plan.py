"""A plan: what to reserve, which routes to take, what it is expected to cost, and the proof."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from qnetsim.arrays import FloatArray, frozen
from qnetsim.errors import SolverError
from qnetsim.forecast import Forecast
from qnetsim.network import Network, RouteTable
from qnetsim.network.chain import Component
from qnetsim.optimize.columns.problem import Size, WavelengthPrices
from qnetsim.optimize.gaps import relative_gap
from qnetsim.optimize.stage import Stage
from qnetsim.vocabulary import PlanStatus

if TYPE_CHECKING:
    from qnetsim.optimize.wavelengths.assignment import Assignment


@dataclass(frozen=True)
class GapInterval:
    """Where the expected cost above the optimum lies, by Mak, Morton and Wood.

    Attributes
    ----------
    high : float
        Upper end of the one-sided interval [0, high] per slot for the first stage, with requests
        that may be split over routes in the second stage.
    whole_high : float
        The same for whole requests as the plan routes them, still against the optimum with split
        ones.
    confidence : float
    realisations, samples : int
        Realisations of a sample, and samples.
    """

    high: float
    whole_high: float
    confidence: float
    realisations: int
    samples: int


@dataclass(frozen=True)
class RiskFigures:
    """What a risk-averse plan costs, per slot.

    Attributes
    ----------
    level : float
        α of CVaR_α.
    weight : float
        w, of CVaR_α in the risk objective.
    expected_cost : float
    cvar : float
        Mean cost of the dearest 1 − α of the slots.
    """

    level: float
    weight: float
    expected_cost: float
    cvar: float

    @property
    def risk_objective(self) -> float:
        """(1 − w)·E + w·CVaR_α."""
        return (1.0 - self.weight) * self.expected_cost + self.weight * self.cvar


#: Relative gap within which a plan is called optimal.
OPTIMALITY_GAP = 1e-7
#: Relative amount by which a bound may lie above the objective, for rounding.
CONTRADICTION = 1e-6

#: Fields of a plan that are arrays.
STAGE_FIELDS = (
    "qkd_channels",
    "km_wavelengths",
    "on_demand_channels",
    "on_demand_wavelengths",
)


@dataclass(frozen=True, kw_only=True)
class SolveReport:
    """What found a plan, and what is proved about it.

    Attributes
    ----------
    bound : float or None
        Proved lower bound on the expected cost per slot.
    solver : str
        What found the plan, and what proved it.
    note : str
        What the reader of the status should know.
    size : Size
        Of the largest program behind the plan.
    """

    bound: float | None
    solver: str
    note: str = ""
    size: Size = field(default_factory=Size)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """First stage, routes, expected second stage, and how good it is.

    Attributes
    ----------
    qkd_channels, km_wavelengths : ndarray of float64, shape (fibres,)
        Reserved per fibre. Whole numbers for a fixed first stage; expectations for a policy
        that decides anew in each slot.
    on_demand_channels, on_demand_wavelengths : ndarray of float64, shape (fibres,)
        Expected use per slot.
    routes : RouteTable
        One column for each of ``Forecast.state_count``: levels, or joint states of comonotone
        requests with distributions of their own. Requests that the plan blocks have the route
        ``BLOCKED``.
    bound : float or None
        Proved lower bound on the expected cost per slot.
    status : PlanStatus
    solver : str
        What found it, and what proved it.
    note : str
        What the reader of the status should know; empty where there is nothing to add.
    blocked : float
        Expected requests per slot that are not served.
    size : Size
        Of the largest program behind the plan.
    assignment : Assignment or None
        Explicit wavelengths; None where there are no limits, or where they are not planned for.
    uncoloured : tuple of int
        Levels at which no wavelengths that keep continuity were found.
    prices : WavelengthPrices or None
        Of the wavelength limits; None where there are none, or they were not worked out.
    risk : RiskFigures or None
        Of a risk-averse plan, whose objective, bound and gap are those of the risk objective.
    interval : GapInterval or None
        Of the optimality gap, where the bound is an estimate.
    solve_s : float
        Wall-clock time that planning took.
    """

    qkd_channels: FloatArray
    km_wavelengths: FloatArray
    on_demand_channels: FloatArray
    on_demand_wavelengths: FloatArray
    routes: RouteTable
    bound: float | None
    status: PlanStatus
    solver: str
    note: str = ""
    blocked: float = 0.0
    size: Size = field(default_factory=Size)
    assignment: Assignment | None = None
    uncoloured: tuple[int, ...] = ()
    interval: GapInterval | None = None
    prices: WavelengthPrices | None = None
    risk: RiskFigures | None = None
    solve_s: float = 0.0

    def __post_init__(self) -> None:
        """Make the arrays read-only: one plan is used by all replications."""
        for name in STAGE_FIELDS:
            object.__setattr__(self, name, frozen(getattr(self, name), np.float64))

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore after a transfer to another process, which makes the arrays writable."""
        self.__dict__.update(state)
        self.__post_init__()
        self.routes.__post_init__()

    @property
    def first_stage(self) -> Stage:
        """What is reserved."""
        return Stage(self.qkd_channels, self.km_wavelengths)

    @property
    def second_stage(self) -> Stage:
        """What is expected to be bought on demand."""
        return Stage(self.on_demand_channels, self.on_demand_wavelengths)

    def first_stage_cost(self, network: Network) -> float:
        """Cost per slot of what is reserved, C^b of Eq (8)."""
        return self.first_stage.cost(network.costs.reserved)

    def second_stage_cost(self, network: Network) -> float:
        """Expected cost per slot of what is bought on demand, the sum in Eq (21)."""
        return self.second_stage.cost(network.costs.on_demand)

    def blocking_cost(self, network: Network) -> float:
        """Expected cost per slot of requests that are not served."""
        return self.blocked * (network.costs.blocking or 0.0)

    def objective(self, network: Network) -> float:
        """What is minimised: the expected cost per slot, or the risk objective."""
        return self.expected_cost(network) if self.risk is None else self.risk.risk_objective

    def expected_cost(self, network: Network) -> float:
        """Expected cost per slot, Eq (21), and of what is blocked."""
        served = self.first_stage_cost(network) + self.second_stage_cost(network)
        return served + self.blocking_cost(network)

    def gap(self, network: Network) -> float | None:
        """Relative distance of objective and bound; None without a bound."""
        return None if self.bound is None else relative_gap(self.objective(network), self.bound)

    def components(
        self, network: Network
    ) -> tuple[dict[Component, FloatArray], dict[Component, FloatArray]]:
        """Components of Eqs (1)-(6) per fibre: reserved, and expected on demand."""
        return (
            network.bill.totals(self.qkd_channels, self.km_wavelengths),
            network.bill.totals(self.on_demand_channels, self.on_demand_wavelengths),
        )

    def shares(self, network: Network, forecast: Forecast) -> tuple[FloatArray, FloatArray]:
        """Each request's share of a fibre's channels and KM wavelengths.

        A share is the request's expected use over the fibre's expected use. Columns of fibres
        that no request uses are zero, all others sum to one.

        Returns
        -------
        channels, wavelengths : ndarray, shape (requests, fibres)
        """
        rho = network.level_channels(forecast.level_count).astype(np.float64)
        uses = self.routes.uses(network.fibres).astype(np.float64)
        channels = np.zeros((self.routes.requests, network.fibres))
        wavelengths = np.zeros_like(channels)
        for state in range(forecast.state_count):
            p = forecast.state_probabilities[forecast.kind, state, None]
            crossing = p * uses[self.routes.choice[:, state]]
            channels += crossing * rho[forecast.state_levels[forecast.kind, state]]
            wavelengths += crossing
        return _normalised(channels), _normalised(wavelengths)


def _normalised(use: FloatArray) -> FloatArray:
    total = use.sum(axis=0)
    return use / np.where(total > 0, total, 1.0)


def status_of(objective: float, bound: float) -> PlanStatus:
    """Optimal where the gap is closed, feasible otherwise.

    Raises
    ------
    SolverError
        The bound lies above the objective: one of them is wrong.
    """
    if bound - objective > CONTRADICTION * max(abs(objective), abs(bound), 1.0):
        raise SolverError(
            f"a plan costs {objective:,.6g}, but {bound:,.6g} was proved to be the least; please "
            "report this scenario"
        )
    closed = relative_gap(objective, bound) <= OPTIMALITY_GAP
    return PlanStatus.OPTIMAL if closed else PlanStatus.FEASIBLE
