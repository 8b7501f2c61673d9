"""From routes and a first stage to a finished plan: wavelengths, expectations, status."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.errors import SolverError
from qnetsim.forecast import Forecast
from qnetsim.network import Network, RouteTable
from qnetsim.optimize.columns.problem import Size
from qnetsim.optimize.lightpaths.checker import violations
from qnetsim.optimize.lightpaths.explicit import explicit_plan
from qnetsim.optimize.marginals import (
    Marginals,
    expected_excess,
    expected_value,
    marginal_loads,
    reservations,
)
from qnetsim.optimize.plan import Plan, status_of
from qnetsim.optimize.wavelengths.assignment import Assignment, assign
from qnetsim.optimize.wavelengths.repair import Repair
from qnetsim.vocabulary import PlanStatus

Stage = tuple[FloatArray, FloatArray]

#: What is known of wavelength continuity, (26) and (27).
CONTINUITY = {
    True: "wavelength continuity (26), (27) holds: the routes are coloured within the limits",
    False: "numbers of wavelengths are kept, but no colouring keeps continuity (26), (27)",
    None: "numbers of wavelengths are kept; no colouring with continuity (26), (27) was found",
}
UNDECIDED = "numbers of wavelengths are kept; continuity (26), (27) is left to each realised slot"
OVER_LIMIT = (
    "wavelength limits not planned for: in at most {:.2g} of the slots requests may be blocked, at "
    "a lower cost"
)


@dataclass(frozen=True)
class AssignedRoutes:
    """Routes that have met the wavelength limits.

    Attributes
    ----------
    routes : RouteTable
        Some may have been moved so that all can be coloured.
    marginals : Marginals
        Laws of the loads of these routes.
    assignment : Assignment or None
    over : float
        Most part of the slots in which the routes ask for more wavelengths than there are.
    """

    routes: RouteTable
    marginals: Marginals
    assignment: Assignment | None
    over: float


def assign_wavelengths(
    network: Network,
    forecast: Forecast,
    routes: RouteTable,
    prices: Stage | None = None,
    first_stage: Stage | None = None,
    cost: float = 1.0,
) -> AssignedRoutes:
    """Give the routes explicit wavelengths where there are limits.

    Parameters
    ----------
    network : Network
    forecast : Forecast
    routes : RouteTable
    prices : pair of ndarray, shape (fibres,), optional
        What channels and KM wavelengths cost beyond the first stage. With them, requests may be
        moved to other routes where the given ones cannot be coloured.
    first_stage : pair of ndarray, shape (fibres,), optional
        The cheapest for these routes unless given.
    cost : float
        Expected cost of the plan.
    """
    marginals = marginal_loads(network, forecast, routes)
    if not network.limited:
        return AssignedRoutes(routes, marginals, None, 0.0)
    caps = (network.max_channels, network.max_wavelengths)
    over = sum(
        float(law[1][law[0] > cap].sum())
        for cap, laws in zip(caps, (marginals.channels, marginals.wavelengths), strict=True)
        if cap is not None
        for law in laws
    )
    if over or not forecast.comonotone:
        return AssignedRoutes(routes, marginals, None, min(over, 1.0))
    repair = None
    if prices is not None:
        held = first_stage if first_stage is not None else reservations(network, marginals)
        repair = Repair(np.concatenate(held), np.concatenate(prices), cost)
    assignment, moved = assign(network, forecast, routes, repair)
    if moved is not routes:
        marginals = marginal_loads(network, forecast, moved)
    return AssignedRoutes(moved, marginals, assignment, 0.0)


def finished(plan: Plan, network: Network, forecast: Forecast, settled: AssignedRoutes) -> Plan:
    """Say in status and note what a plan does about the wavelength limits.

    Routes that may ask for more wavelengths than there are make it ``over_limit``; numbers that
    are kept without a colouring make it ``uncoloured``.

    Raises
    ------
    SolverError
        The explicit wavelengths break one of (22)-(31).
    """
    if not network.limited:
        return plan
    assignment = settled.assignment
    if settled.over:
        status = PlanStatus.OVER_LIMIT
        note = OVER_LIMIT.format(settled.over)
    elif assignment is None:
        status = plan.status
        note = UNDECIDED
    else:
        status = plan.status if assignment.fits else PlanStatus.UNCOLOURED
        note = CONTINUITY[assignment.fits]
        if assignment.failed:
            note += f", levels k = {', '.join(map(str, assignment.failed))}"
    notes = [text for text in (plan.note, note) if text]
    made = replace(plan, status=status, note="; ".join(notes))
    if assignment is None:
        return made
    if not assignment.fits:
        return replace(made, uncoloured=assignment.failed)
    broken = violations(explicit_plan(made, network, forecast, assignment))
    if broken:
        raise SolverError(f"a plan breaks {broken[0]}; please report this scenario")
    return replace(made, assignment=assignment)


def fixed_routes_plan(
    network: Network,
    forecast: Forecast,
    settled: AssignedRoutes,
    first_stage: Stage | None = None,
    *,
    bound: float | None,
    solver: str,
    note: str = "",
    size: Size | None = None,
) -> Plan:
    """Plan for routes that stand; the second stage is an exact expectation.

    Parameters
    ----------
    network : Network
    forecast : Forecast
    settled : AssignedRoutes
        The routes.
    first_stage : pair of ndarray, shape (fibres,), optional
        Reserved channels and KM wavelengths; the cheapest for these routes unless given.
    bound : float or None
        The status follows from it; without one it is an expectation.
    solver, note : str
    size : Size, optional
    """
    marginals = settled.marginals
    q, x = first_stage if first_stage is not None else reservations(network, marginals)
    fibres = range(network.fibres)
    plan = Plan(
        np.asarray(q, dtype=np.float64),
        np.asarray(x, dtype=np.float64),
        np.array([expected_excess(marginals.channels[e], q[e]) for e in fibres]),
        np.array([expected_excess(marginals.wavelengths[e], x[e]) for e in fibres]),
        settled.routes,
        bound,
        PlanStatus.EXPECTATION,
        solver,
        note,
        expected_blocked(forecast, settled.routes),
        size or Size(),
    )
    if bound is not None:
        plan = replace(plan, status=status_of(plan.objective(network), bound))
    return finished(plan, network, forecast, settled)


def expected_blocked(forecast: Forecast, routes: RouteTable) -> float:
    """Expected number of requests in a slot that have no route."""
    p = forecast.levels.probabilities
    return float(sum(p[k] * routes.blocked(k) for k in range(routes.levels)))


def expected_loads(marginals: Marginals) -> Stage:
    """Expected channels and KM wavelengths in use on each fibre."""
    return (
        np.array([expected_value(law) for law in marginals.channels]),
        np.array([expected_value(law) for law in marginals.wavelengths]),
    )
