"""From routes and a first stage to a finished plan: wavelengths, expectations, status."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from qnetsim.errors import SolverError
from qnetsim.forecast import Forecast
from qnetsim.network import BLOCKED, Network, RouteTable, UnitPrices
from qnetsim.optimize.marginals import (
    Marginals,
    expected_excess,
    expected_value,
    marginal_loads,
    reservations,
)
from qnetsim.optimize.plan import Plan, SolveReport, status_of
from qnetsim.optimize.stage import Stage
from qnetsim.vocabulary import PlanStatus

if TYPE_CHECKING:
    from qnetsim.optimize.wavelengths.assignment import Assignment

#: Note of a plan by whether wavelength continuity, (26) and (27), is kept; None is not known.
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
    """Routes with the wavelengths that are assigned to them.

    Attributes
    ----------
    routes : RouteTable
        Requests may have been moved to other routes so that all can be coloured.
    marginals : Marginals
        Distributions of the loads of these routes.
    assignment : Assignment or None
        None where there are no limits, where the routes exceed them, and for independent demand.
    overload : float
        Upper bound on the probability that in a slot the routes ask for more wavelengths than
        there are.
    """

    routes: RouteTable
    marginals: Marginals
    assignment: Assignment | None
    overload: float = 0.0


def assign_wavelengths(
    network: Network,
    forecast: Forecast,
    routes: RouteTable,
    *,
    prices: UnitPrices | None = None,
    first_stage: Stage | None = None,
    cost: float = 1.0,
) -> AssignedRoutes:
    """Assign explicit wavelengths to the routes where there are limits.

    Parameters
    ----------
    network : Network
    forecast : Forecast
    routes : RouteTable
    prices : UnitPrices, optional
        Prices of what the routes use beyond the first stage. With them, requests may be moved to
        other routes where the given ones cannot be coloured.
    first_stage : Stage, optional
        The cheapest for these routes unless given.
    cost : float
        Expected cost of the plan per slot, to which the cost of such moves is compared.
    """
    marginals = marginal_loads(network, forecast, routes)
    if not network.limited:
        return AssignedRoutes(routes, marginals, None)
    from qnetsim.optimize.wavelengths.assignment import assign
    from qnetsim.optimize.wavelengths.repair import Repair

    caps = (network.max_channels, network.max_wavelengths)
    overload = sum(
        float(law.probabilities[law.values > cap].sum())
        for cap, laws in zip(caps, (marginals.channels, marginals.wavelengths), strict=True)
        if cap is not None
        for law in laws
    )
    if overload or not forecast.comonotone:
        return AssignedRoutes(routes, marginals, None, min(overload, 1.0))
    repair = None
    if prices is not None:
        held = first_stage if first_stage is not None else reservations(network, marginals)
        repair = Repair(held.vector(), np.concatenate(prices), cost)
    assignment, moved = assign(network, forecast, routes, repair)
    if moved is not routes:
        marginals = marginal_loads(network, forecast, moved)
    return AssignedRoutes(moved, marginals, assignment)


def with_wavelengths(
    plan: Plan, network: Network, forecast: Forecast, assigned: AssignedRoutes
) -> Plan:
    """Add the assigned wavelengths to a plan; status and note say whether the limits are kept.

    Routes that may ask for more wavelengths than there are make it ``over_limit``; numbers that
    are kept without a colouring make it ``uncoloured``.

    Raises
    ------
    SolverError
        The explicit wavelengths break one of (22)-(31).
    """
    if not network.limited:
        return plan
    assignment = assigned.assignment
    if assigned.overload:
        status = PlanStatus.OVER_LIMIT
        note = OVER_LIMIT.format(assigned.overload)
    elif assignment is None:
        status = plan.status
        note = UNDECIDED
    else:
        status = plan.status if assignment.fits else PlanStatus.UNCOLOURED
        note = CONTINUITY[assignment.fits]
        if assignment.failed:
            note += f", levels k = {', '.join(map(str, assignment.failed))}"
    notes = [text for text in (plan.note, note) if text]
    noted = replace(plan, status=status, note="; ".join(notes))
    if assignment is None:
        return noted
    if not assignment.fits:
        return replace(noted, uncoloured=assignment.failed)
    from qnetsim.optimize.lightpaths.checker import violations
    from qnetsim.optimize.lightpaths.explicit import explicit_plan

    broken = violations(explicit_plan(noted, network, forecast, assignment))
    if broken:
        raise SolverError(f"a plan breaks {broken[0]}; please report this scenario")
    return replace(noted, assignment=assignment)


def fixed_routes_plan(
    network: Network,
    forecast: Forecast,
    assigned: AssignedRoutes,
    report: SolveReport,
    first_stage: Stage | None = None,
) -> Plan:
    """Plan for fixed routes; the second stage is an exact expectation.

    Parameters
    ----------
    network : Network
    forecast : Forecast
    assigned : AssignedRoutes
    report : SolveReport
        The status follows from its bound; without a bound the plan is an expectation.
    first_stage : Stage, optional
        The cheapest for these routes unless given.
    """
    marginals = assigned.marginals
    held = first_stage if first_stage is not None else reservations(network, marginals)
    fibres = range(network.fibres)
    plan = Plan(
        qkd_channels=np.asarray(held.channels, dtype=np.float64),
        km_wavelengths=np.asarray(held.wavelengths, dtype=np.float64),
        on_demand_channels=np.array(
            [expected_excess(marginals.channels[e], held.channels[e]) for e in fibres]
        ),
        on_demand_wavelengths=np.array(
            [expected_excess(marginals.wavelengths[e], held.wavelengths[e]) for e in fibres]
        ),
        routes=assigned.routes,
        bound=report.bound,
        status=PlanStatus.EXPECTATION,
        solver=report.solver,
        note=report.note,
        blocked=expected_blocked(forecast, assigned.routes),
        size=report.size,
    )
    if report.bound is not None:
        plan = replace(plan, status=status_of(plan.objective(network), report.bound))
    return with_wavelengths(plan, network, forecast, assigned)


def expected_blocked(forecast: Forecast, routes: RouteTable) -> float:
    """Expected number of requests in a slot that have no route."""
    if BLOCKED not in routes.routes:
        return 0.0
    refused = routes.choice == routes.routes.index(BLOCKED)
    return float((refused * forecast.state_probabilities[forecast.kind]).sum())


def expected_loads(marginals: Marginals) -> Stage:
    """Expected channels and KM wavelengths in use on each fibre."""
    return Stage(
        np.array([expected_value(law) for law in marginals.channels]),
        np.array([expected_value(law) for law in marginals.wavelengths]),
    )
