"""The plan of SIP, (19)-(31): choose a formulation, solve it, and prove the plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from qnetsim.errors import InfeasibleError
from qnetsim.forecast import Forecast
from qnetsim.network import Network, Route
from qnetsim.optimize.assemble import assign_wavelengths, fixed_routes_plan
from qnetsim.optimize.columns.certificate import newsvendor_prices
from qnetsim.optimize.columns.common_routing import LeastRoutes
from qnetsim.optimize.columns.exact_cost import rounded_down
from qnetsim.optimize.columns.pricing import Pricing
from qnetsim.optimize.columns.problem import (
    RequestKind,
    RouteFlows,
    RoutesProblem,
    WavelengthPrices,
)
from qnetsim.optimize.columns.safe_bound import SafeBound
from qnetsim.optimize.plan import OPTIMALITY_GAP, Plan, SolveReport, status_of
from qnetsim.optimize.recourse import (
    request_kinds,
    request_routes,
    start_routes,
    stochastic_problem,
)
from qnetsim.optimize.routing import newsvendor_table
from qnetsim.optimize.solvers.program import relative_gap
from qnetsim.optimize.solvers.solver import Solver
from qnetsim.optimize.state_routes import in_states
from qnetsim.vocabulary import PlanStatus

#: Programs that count what continuity asks of nodes; a cheaper plan leaves fewer routes to look at.
TRANSIT_PASSES = 2

Formulation = Literal["auto", "newsvendor", "routes", "full"]

#: Most variables of a full program that is tried where the routes program leaves a gap.
MOST_FULL_VARIABLES = 4_000


def comonotone_plan(
    network: Network, forecast: Forecast, solver: Solver, formulation: Formulation = "auto"
) -> Plan:
    """Solve (19)-(31) for comonotone demand.

    Parameters
    ----------
    network : Network
    forecast : Forecast
    solver : Solver
    formulation : {"auto", "newsvendor", "routes", "full"}
        ``auto`` takes the newsvendor closed form where its certificate proves it, else the routes
        program, and the full program where that leaves a gap and the instance is small.

    Raises
    ------
    InfeasibleError
        The wavelength limits do not carry the demand.
    UsageError
        The full program is asked for and too large.
    """
    if formulation == "full":
        from qnetsim.optimize.full.full_plan import full_plan

        try:
            plan = full_plan(network, forecast, solver)
            return replace(plan, prices=_limit_prices(network, forecast, solver))
        except InfeasibleError:
            # the routes program says which fibres lack what
            comonotone_plan(network, forecast, solver)
            raise
    problem = stochastic_problem(network, forecast, solver)
    closed_form = _closed_form(network, forecast, Pricing(problem))
    if formulation == "newsvendor":
        return closed_form
    if formulation == "auto" and _good_enough(closed_form, problem):
        return _with_prices_of_none(closed_form, network)
    found = _routes_plan(problem, forecast, closed_form, keep=formulation == "auto")
    if formulation != "auto" or _good_enough(found, problem):
        return found

    from qnetsim.optimize.full.full_plan import full_problem

    if full_problem(network, forecast).variables <= MOST_FULL_VARIABLES:
        exact = _full_plan(problem, forecast, found)
        return replace(exact, prices=found.prices) if exact.status is PlanStatus.OPTIMAL else found
    return found


def _limit_prices(network: Network, forecast: Forecast, solver: Solver) -> WavelengthPrices | None:
    """Prices of the limits in the relaxation of the routes program, beside another's plan."""
    if not network.limited:
        return None
    problem = stochastic_problem(network, forecast, solver)
    from qnetsim.optimize.columns.routes_program import RoutesProgram

    return RoutesProgram(problem, start_routes(network, forecast)).wavelength_prices()


def _with_prices_of_none(plan: Plan, network: Network) -> Plan:
    """The closed form where it is proved without a price of any limit: none of them binds."""
    if not network.limited or plan.status is not PlanStatus.OPTIMAL:
        return plan
    nothing = (0.0,) * network.fibres
    return replace(plan, prices=WavelengthPrices(nothing, nothing))


def _good_enough(plan: Plan, problem: RoutesProblem) -> bool:
    """Whether a plan is proved, or as near to its bound as was asked for."""
    if plan.status is not PlanStatus.FEASIBLE:
        return plan.status is PlanStatus.OPTIMAL
    gap = plan.gap(problem.network)
    return gap is not None and gap <= problem.solver.settings.gap


def _full_plan(problem: RoutesProblem, forecast: Forecast, found: Plan) -> Plan:
    """Full program for what the routes program left open.

    Raises
    ------
    InfeasibleError
        Naming level, fibres and the least limit that would do.
    """
    from qnetsim.optimize.columns.limits import continuity_shortage
    from qnetsim.optimize.columns.routing_search import RoutingProblem
    from qnetsim.optimize.full.full_plan import full_plan

    network = problem.network
    try:
        return full_plan(network, forecast, problem.solver)
    except InfeasibleError:
        if not found.uncoloured:
            raise
        s = problem.levels.index(found.uncoloured[-1])
        text = continuity_shortage(
            RoutingProblem(
                network=network,
                counts=problem.counts,
                when=problem.when(s),
                channels=problem.channels[s],
                start=start_routes(network, forecast),
                solver=problem.solver,
            )
        )
        raise InfeasibleError(text) from None


def _closed_form(network: Network, forecast: Forecast, pricing: Pricing) -> Plan:
    """Newsvendor reservations on the g-weighted shortest routes, with their dual certificate."""
    problem = pricing.problem
    raw = newsvendor_prices(problem)
    prices = pricing.feasible(*(part / problem.scale for part in raw[:3]))
    bound = rounded_down(SafeBound(problem).of(prices))
    routes = in_states(newsvendor_table(network, forecast), forecast)
    return fixed_routes_plan(
        network,
        forecast,
        assign_wavelengths(network, forecast, routes),
        SolveReport(bound=bound, solver="newsvendor closed form, dual certificate"),
    )


def _routes_plan(
    problem: RoutesProblem, forecast: Forecast, closed_form: Plan, *, keep: bool
) -> Plan:
    """Solve the routes program; with ``keep`` the closed form is returned where this proves it."""
    from qnetsim.optimize.columns.routes_program import RoutesProgram

    network = problem.network
    kinds = request_kinds(forecast)
    start = {kind: closed_form.routes.route(r, 0) for r, kind in enumerate(kinds)}
    program = LeastRoutes(problem, start)
    flows = program.solve()
    valid = closed_form.status in {PlanStatus.OPTIMAL, PlanStatus.FEASIBLE}
    gap = relative_gap(closed_form.objective(network), flows.bound)
    if keep and valid and gap <= OPTIMALITY_GAP:
        return replace(
            closed_form,
            bound=flows.bound,
            status=PlanStatus.OPTIMAL,
            solver=f"newsvendor closed form, certified by {flows.solver} over all simple paths",
            size=flows.size,
            prices=flows.prices,
        )
    single = {kind: [start[kind]] * n for kind, n in problem.counts.items()}
    plan = replace(_coloured(problem, forecast, flows, single), prices=flows.prices)
    for _ in range(TRANSIT_PASSES):
        objective = plan.objective(network)
        moved = relative_gap(objective, flows.cost) > OPTIMALITY_GAP
        if plan.status is not PlanStatus.FEASIBLE or not moved:
            break
        # the routes had to be moved for their wavelengths: count what that must cost
        found = program.with_transit(objective)
        if found is None:
            break
        other = _coloured(problem, forecast, found, single) if found.routes else None
        plan = replace(_better(network, plan, other, found), prices=flows.prices)
        if plan.objective(network) >= objective:
            break
    lacking = _lacking(plan, network, flows)
    if plan.status is not PlanStatus.FEASIBLE or not lacking:
        return plan
    return replace(plan, note="; ".join(text for text in (plan.note, lacking) if text))


def _better(network: Network, plan: Plan, other: Plan | None, found: RouteFlows) -> Plan:
    """The cheaper of two plans with wavelengths, with the better bound."""
    best = plan
    if other is not None and other.status in {PlanStatus.OPTIMAL, PlanStatus.FEASIBLE}:
        best = min(plan, other, key=lambda one: one.objective(network))
    objective = best.objective(network)
    known = plan.bound or 0.0
    bound = min(max(found.bound, known), objective)
    solver = _routes_solver(found) if found.bound > known else plan.solver
    return replace(best, bound=bound, status=status_of(objective, bound), solver=solver)


def _routes_solver(flows: RouteFlows) -> str:
    return f"routes program, {flows.solver}, {flows.size.nodes} nodes"


def _coloured(
    problem: RoutesProblem,
    forecast: Forecast,
    flows: RouteFlows,
    single: Mapping[RequestKind, Sequence[Route]],
) -> Plan:
    """Plan over these flows with wavelengths; levels that never happen take single routes."""
    network = problem.network
    by_level = dict(zip(problem.levels, flows.routes, strict=True))
    routes = request_routes(
        request_kinds(forecast), [by_level.get(k, single) for k in range(forecast.state_count)]
    )
    return fixed_routes_plan(
        network,
        forecast,
        assign_wavelengths(network, forecast, routes, prices=problem.on_demand, cost=flows.bound),
        SolveReport(
            bound=flows.bound,
            solver=_routes_solver(flows),
            size=flows.size,
        ),
    )


def _lacking(plan: Plan, network: Network, flows: RouteFlows) -> str:
    """What a proof lacks: whole requests, wavelengths with continuity, or both."""
    objective = plan.objective(network)
    bound = flows.bound if plan.bound is None else plan.bound
    whole = relative_gap(flows.cost, bound)
    moved = relative_gap(objective, max(flows.cost, bound))
    parts = []
    if whole > OPTIMALITY_GAP:
        parts.append(
            f"integrality: whole requests at this bound are neither found nor refuted ({whole:.1e})"
        )
    if moved > OPTIMALITY_GAP:
        parts.append(
            f"continuity: no wavelengths were found at the cost of the routes ({moved:.1e})"
        )
    return f"not proved for want of {' and of '.join(parts)}" if parts else ""
