"""A plan: what to reserve, which routes to take, what it is expected to cost, and the proof."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np

from qnetsim.arrays import FloatArray, frozen
from qnetsim.exogenous import Forecast
from qnetsim.network import Network, RouteTable
from qnetsim.network.chain import Component
from qnetsim.optimize.marginals import Marginals, expected_excess, expected_value
from qnetsim.optimize.wavelengths import assign


class PlanStatus(StrEnum):
    """What is known about a plan's objective."""

    #: Proved: objective and bound agree within the tolerance.
    OPTIMAL = "optimal"
    #: A valid plan with a bound that may be apart from it.
    FEASIBLE = "feasible"
    #: A rule, not an optimisation: the objective is its expected cost, and there is no bound.
    EXPECTATION = "expectation"
    #: The routes may need more wavelengths than there are: requests may be blocked, and the
    #: objective is what the demand would cost without the limits.
    OVER_LIMIT = "over_limit"


#: Relative gap within which a plan is called optimal.
OPTIMALITY_GAP = 1e-7


STAGES = (
    "qkd_channels",
    "km_wavelengths",
    "on_demand_channels",
    "on_demand_wavelengths",
)


@dataclass(frozen=True)
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
    bound : float or None
        Proved lower bound on the expected cost per slot.
    status : PlanStatus
    solver : str
        What found it, and what proved it.
    note : str
        What the reader of the status should know; empty where there is nothing to add.
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
    solve_s: float = 0.0

    def __post_init__(self) -> None:
        """Keep the arrays from being changed: one plan serves all replications."""
        for name in STAGES:
            object.__setattr__(self, name, frozen(getattr(self, name), np.float64))

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore after a transfer to another process, which would thaw the arrays."""
        self.__dict__.update(state)
        self.__post_init__()
        self.routes.__post_init__()

    def first_stage_cost(self, network: Network) -> float:
        """Cost per slot of what is reserved, C^b of Eq (8)."""
        c = network.costs
        return float(self.qkd_channels @ c.qkd_reserved + self.km_wavelengths @ c.km_reserved)

    def second_stage_cost(self, network: Network) -> float:
        """Expected cost per slot of what is bought on demand, the sum in Eq (21)."""
        c = network.costs
        return float(
            self.on_demand_channels @ c.qkd_on_demand + self.on_demand_wavelengths @ c.km_on_demand
        )

    def objective(self, network: Network) -> float:
        """Expected cost per slot, Eq (21)."""
        return self.first_stage_cost(network) + self.second_stage_cost(network)

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
        p = forecast.levels.probabilities
        rho = network.level_channels(forecast.levels.levels).astype(np.float64)
        uses = self.routes.uses(network.fibres).astype(np.float64)
        channels = np.zeros((self.routes.requests, network.fibres))
        wavelengths = np.zeros_like(channels)
        for level, probability in enumerate(p):
            crossing = uses[self.routes.choice[:, level]]
            channels += probability * crossing * rho[level]
            wavelengths += probability * crossing
        return _normalised(channels), _normalised(wavelengths)


def _normalised(use: FloatArray) -> FloatArray:
    total = use.sum(axis=0)
    return use / np.where(total > 0, total, 1.0)


def relative_gap(objective: float, bound: float) -> float:
    """(objective − bound) over the objective; zero where both are."""
    return max(objective - bound, 0.0) / max(abs(objective), 1e-12)


def status_of(objective: float, bound: float) -> PlanStatus:
    """Optimal where the gap is closed, feasible otherwise."""
    closed = relative_gap(objective, bound) <= OPTIMALITY_GAP
    return PlanStatus.OPTIMAL if closed else PlanStatus.FEASIBLE


#: What colouring the routes says of wavelength continuity, (26) and (27).
CONTINUITY = {
    True: "wavelength continuity (26), (27) holds: the routes are coloured within the limits",
    False: "numbers of wavelengths are kept, but no colouring keeps continuity (26), (27)",
    None: "numbers of wavelengths are kept; continuity (26), (27) is not decided",
}


def checked_limits(plan: Plan, network: Network, forecast: Forecast, marginals: Marginals) -> Plan:
    """Say what a plan does about the wavelength limits.

    Routes that may ask for more wavelengths than there are make it ``over_limit``. Otherwise the
    routes of comonotone demand are coloured; a plan that is not proved to keep continuity is not
    called optimal.
    """
    if not network.limited:
        return plan
    caps = (network.max_channels, network.max_wavelengths)
    over = any(
        cap is not None and any(law[0][law[1] > 0].max() > cap for law in laws)
        for cap, laws in zip(caps, (marginals.channels, marginals.wavelengths), strict=True)
    )
    fits = assign(network, forecast, plan.routes).fits if forecast.comonotone and not over else None
    status, note = plan.status, CONTINUITY[fits]
    if status is PlanStatus.OPTIMAL and not fits:
        status = PlanStatus.FEASIBLE
    if over:
        status = PlanStatus.OVER_LIMIT
        note = "wavelength limits not planned for: requests may be blocked, at a lower cost"
    notes = [text for text in (plan.note, note) if text]
    return replace(plan, status=status, note="; ".join(notes))


def fixed_routes_plan(
    network: Network,
    forecast: Forecast,
    marginals: Marginals,
    routes: RouteTable,
    first_stage: tuple[FloatArray, FloatArray],
    *,
    bound: float | None,
    solver: str,
    note: str = "",
) -> Plan:
    """Plan for a fixed first stage and fixed routes; the second stage is an exact expectation.

    The status follows from the bound; without one it is an expectation.
    """
    q, x = first_stage
    fibres = range(network.fibres)
    extra_q = [expected_excess(marginals.channels[e], q[e]) for e in fibres]
    extra_x = [expected_excess(marginals.wavelengths[e], x[e]) for e in fibres]
    plan = Plan(
        np.asarray(q, dtype=np.float64),
        np.asarray(x, dtype=np.float64),
        np.array(extra_q),
        np.array(extra_x),
        routes,
        bound,
        PlanStatus.EXPECTATION,
        solver,
        note,
    )
    if bound is not None:
        plan = replace(plan, status=status_of(plan.objective(network), bound))
    return checked_limits(plan, network, forecast, marginals)


def expected_loads(marginals: Marginals) -> tuple[FloatArray, FloatArray]:
    """Expected channels and KM wavelengths in use on each fibre."""
    return (
        np.array([expected_value(law) for law in marginals.channels]),
        np.array([expected_value(law) for law in marginals.wavelengths]),
    )
