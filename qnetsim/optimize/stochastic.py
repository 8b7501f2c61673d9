"""The plan of SIP, (19)-(31): choose a formulation, solve it, and prove the plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from qnetsim.errors import InfeasibleError
from qnetsim.forecast import Forecast
from qnetsim.network import Network, Route
from qnetsim.optimize.assemble import assign_wavelengths, fixed_routes_plan
from qnetsim.optimize.columns.certificate import newsvendor_prices
from qnetsim.optimize.columns.exact_cost import rounded_down
from qnetsim.optimize.columns.pricing import Pricing
from qnetsim.optimize.columns.problem import (
    RequestKind,
    RouteFlows,
    RoutesProblem,
    WavelengthPrices,
)
from qnetsim.optimize.columns.safe_bound import SafeBound
from qnetsim.optimize.gaps import relative_gap
from qnetsim.optimize.plan import OPTIMALITY_GAP, Plan, SolveReport, status_of
from qnetsim.optimize.recourse import (
    request_kinds,
    request_routes,
    start_routes,
    stochastic_problem,
)
from qnetsim.optimize.routing import newsvendor_table
from qnetsim.optimize.solvers.solver import Solver
from qnetsim.optimize.state_routes import in_states
from qnetsim.vocabulary import PlanStatus

if TYPE_CHECKING:
    from qnetsim.optimize.columns.rounding import Routing
    from qnetsim.optimize.columns.route_tree import Check

#: Programs that count what continuity asks of nodes; a cheaper plan leaves fewer routes to look at.
CONTINUITY_PASSES = 2

Formulation = Literal["auto", "newsvendor", "routes", "full"]

#: Most variables of a full program that is tried where the routes program leaves a gap.
MOST_FULL_VARIABLES = 4_000
#: Note of a plan of the full program that is not proved.
SOLVERS_WORD = (
    "the solver calls this plan of the full program optimal, but its proof rests on tolerances"
)


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
        except InfeasibleError:
            # the routes program says which fibres lack what
            comonotone_plan(network, forecast, solver)
            raise
        return _bounded(plan, network, _without_full(network, forecast, solver))
    if formulation != "auto":
        problem = stochastic_problem(network, forecast, solver)
        closed_form = _closed_form(network, forecast, Pricing(problem))
        if formulation == "newsvendor":
            return closed_form
        return _routes_plan(problem, forecast, closed_form, keep=False)
    found = _without_full(network, forecast, solver)
    if _good_enough(found, network, solver):
        return found

    from qnetsim.optimize.full.full_plan import full_problem

    if full_problem(network, forecast).variables <= MOST_FULL_VARIABLES:
        return _bounded(_full_plan(network, forecast, found, solver), network, found)
    return found


def _without_full(network: Network, forecast: Forecast, solver: Solver) -> Plan:
    """The closed form where it is proved, else the plan of the routes program."""
    problem = stochastic_problem(network, forecast, solver)
    closed_form = _closed_form(network, forecast, Pricing(problem))
    if _good_enough(closed_form, network, solver):
        return _with_prices_of_none(closed_form, network)
    return _routes_plan(problem, forecast, closed_form, keep=True)


def _bounded(plan: Plan, network: Network, found: Plan) -> Plan:
    """The plan of the full program with the bound that the routes program proves.

    Both have the same optimum where no limit binds; else continuity makes the full program dearer,
    and the bound is one all the same. That of a solver's branch and bound rests on its tolerances.
    """
    if plan.status not in {PlanStatus.OPTIMAL, PlanStatus.FEASIBLE}:
        return plan
    objective = plan.objective(network)
    usable = found.status in {PlanStatus.OPTIMAL, PlanStatus.FEASIBLE}
    if usable and found.objective(network) < objective * (1 - OPTIMALITY_GAP):
        return found
    bound = min(found.bound or 0.0, objective)
    plan = replace(plan, bound=bound, status=status_of(objective, bound), prices=found.prices)
    if plan.status is PlanStatus.OPTIMAL:
        return plan
    return replace(plan, note="; ".join(text for text in (plan.note, SOLVERS_WORD) if text))


def _with_prices_of_none(plan: Plan, network: Network) -> Plan:
    """The closed form where it is proved without a price of any limit: none of them binds."""
    if not network.limited or plan.status is not PlanStatus.OPTIMAL:
        return plan
    nothing = (0.0,) * network.fibres
    return replace(plan, prices=WavelengthPrices(nothing, nothing))


def _good_enough(plan: Plan, network: Network, solver: Solver) -> bool:
    """Whether a plan is proved, or as near to its bound as was asked for."""
    if plan.status is not PlanStatus.FEASIBLE:
        return plan.status is PlanStatus.OPTIMAL
    gap = plan.gap(network)
    return gap is not None and gap <= solver.settings.gap


def _full_plan(network: Network, forecast: Forecast, found: Plan, solver: Solver) -> Plan:
    """Full program for what the routes program left open.

    Raises
    ------
    InfeasibleError
        Naming level, fibres and the least limit that would do.
    """
    from qnetsim.optimize.columns.limits import continuity_shortage
    from qnetsim.optimize.columns.routing_search import RoutingProblem
    from qnetsim.optimize.full.full_plan import full_plan

    try:
        return full_plan(network, forecast, solver)
    except InfeasibleError:
        if not found.uncoloured:
            raise
        problem = stochastic_problem(network, forecast, solver)
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
    from qnetsim.optimize.columns.common_routing import LeastRoutes

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
    for _ in range(CONTINUITY_PASSES):
        objective = plan.objective(network)
        moved = relative_gap(objective, flows.cost) > OPTIMALITY_GAP
        if plan.status is not PlanStatus.FEASIBLE or not moved:
            break
        # the routes had to be moved for their wavelengths: count what that must cost
        found = program.with_continuity(objective, continuity_check(program.problem))
        if found is None:
            break
        other = None
        if found.routes:
            # routes whose wavelengths are not known may cost less than the bound
            seen = replace(found, bound=min(found.bound, found.cost))
            other = _coloured(problem, forecast, seen, single)
        plan = replace(_better(network, plan, other, found), prices=flows.prices)
        if plan.objective(network) >= objective:
            break
    lacking = _lacking(plan, network, flows)
    if plan.status is not PlanStatus.FEASIBLE or not lacking:
        return plan
    return replace(plan, note="; ".join(text for text in (plan.note, lacking) if text))


def continuity_check(problem: RoutesProblem) -> Check:
    """Whether a routing of a scenario keeps continuity within the limits."""
    from qnetsim.optimize.wavelengths.assignment import level_of
    from qnetsim.optimize.wavelengths.exact_search import keeps_continuity

    def check(scenario: int, routing: Routing) -> bool | None:
        each = [(kind.kind, route) for kind, routes in routing.items() for route in routes]
        rho = problem.channels[scenario][[distribution for distribution, _ in each]]
        level = level_of([route for _, route in each], rho)
        return keeps_continuity(problem.network, level)

    return check


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
        said = "; the solver calls the routes optimal" if flows.solvers_word else ""
        parts.append(
            "integrality: whole requests at this bound are neither found nor refuted "
            f"({whole:.1e}{said})"
        )
    if moved > OPTIMALITY_GAP:
        parts.append(
            f"continuity: no wavelengths were found at the cost of the routes ({moved:.1e})"
        )
    return f"not proved for want of {' and of '.join(parts)}" if parts else ""
