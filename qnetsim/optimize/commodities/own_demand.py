"""Plans for comonotone requests with distributions of their own, facts 3 and 4 of the model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.forecast import Forecast
from qnetsim.network import Network, Route, RouteTable, UnitPrices
from qnetsim.network.routes import blocked_last
from qnetsim.optimize.assemble import assign_wavelengths, fixed_routes_plan
from qnetsim.optimize.columns.problem import Size
from qnetsim.optimize.commodities.commodity_pricing import CommodityPricing
from qnetsim.optimize.commodities.commodity_problem import (
    CommodityFlows,
    CommodityProblem,
    RequestKind,
)
from qnetsim.optimize.commodities.commodity_program import CommodityProgram, newsvendor_start
from qnetsim.optimize.marginals import state_loads
from qnetsim.optimize.plan import OPTIMALITY_GAP, Plan, SolveReport
from qnetsim.optimize.recourse import Recourse
from qnetsim.optimize.routing import newsvendor_table
from qnetsim.optimize.solvers.program import relative_gap
from qnetsim.optimize.solvers.solver import Solver
from qnetsim.optimize.stage import Stage
from qnetsim.optimize.state_routes import in_states
from qnetsim.vocabulary import PlanStatus


def own_demand_problem(network: Network, forecast: Forecast, solver: Solver) -> CommodityProblem:
    """Eqs (21)-(25), (28), (29) for comonotone requests with distributions of their own."""
    return CommodityProblem(
        network=network,
        counts=Counter(request_kinds(forecast)),
        probabilities=forecast.joint.probabilities,
        channels=state_channels(network, forecast),
        reserved=network.costs.reserved,
        on_demand=network.costs.on_demand,
        blocking_cost=network.costs.blocking,
        solver=solver,
    )


def request_kinds(forecast: Forecast) -> list[RequestKind]:
    """Commodity of each request."""
    return [
        RequestKind(pair, kind)
        for pair, kind in zip(forecast.pairs, forecast.kind.tolist(), strict=True)
    ]


def state_channels(network: Network, forecast: Forecast) -> IntArray:
    """Channels ρ by joint state, distribution and fibre."""
    rho = network.level_channels(forecast.level_count)
    return np.asarray(rho[forecast.joint.levels.T])


def own_closed_form(network: Network, forecast: Forecast, problem: CommodityProblem) -> Plan:
    """Sums of the requests' quantiles, each request on the shortest route for its own g.

    Loads rise with one uniform number, so quantiles and expected excesses add up. The certificate
    takes the prices of the mean request; where its gap is not closed the commodity program decides.
    """
    pricing = CommodityPricing(problem)
    bound = pricing.safe_bound(pricing.feasible(newsvendor_start(problem)))
    routes = newsvendor_table(network, forecast)
    return fixed_routes_plan(
        network,
        forecast,
        assign_wavelengths(network, forecast, in_states(routes, forecast)),
        SolveReport(bound=bound, solver="newsvendor closed form, dual certificate"),
    )


def own_routes_plan(
    problem: CommodityProblem, forecast: Forecast, closed_form: Plan, *, keep: bool
) -> Plan:
    """Solve the commodity program; with ``keep`` return the closed form where this proves it."""
    network = problem.network
    requests = request_kinds(forecast)
    start = {kind: closed_form.routes.route(r, 0) for r, kind in enumerate(requests)}
    flows = CommodityProgram(problem, start).solve()
    valid = closed_form.status in {PlanStatus.OPTIMAL, PlanStatus.FEASIBLE}
    if (
        keep
        and valid
        and relative_gap(closed_form.objective(network), flows.bound) <= OPTIMALITY_GAP
    ):
        return replace(
            closed_form,
            bound=flows.bound,
            status=PlanStatus.OPTIMAL,
            solver=f"newsvendor closed form, certified by {flows.solver} over all simple paths",
            size=flows.size,
        )
    return fixed_routes_plan(
        network,
        forecast,
        assign_wavelengths(network, forecast, routes_of_requests(requests, flows.routes)),
        SolveReport(
            bound=flows.bound,
            solver=f"commodity program, {flows.solver}, {flows.size.nodes} nodes",
            size=flows.size,
        ),
    )


def known_demand_flows(
    network: Network,
    counts: Mapping[RequestKind, int],
    channels: IntArray,
    prices: UnitPrices,
    start: Mapping[RequestKind, Route],
    solver: Solver,
) -> CommodityFlows:
    """Solve Eqs (8)-(12), (15), (16) for one known demand of each distribution.

    Parameters
    ----------
    network : Network
    counts : mapping from RequestKind to int
    channels : ndarray of int64, shape (distributions, fibres)
    prices : UnitPrices
    start : mapping from RequestKind to Route
    solver : Solver
    """
    problem = CommodityProblem(
        network=network,
        counts=counts,
        probabilities=np.ones(1),
        channels=channels[None],
        reserved=prices,
        on_demand=None,
        blocking_cost=network.costs.blocking,
        solver=solver,
    )
    return CommodityProgram(problem, start).solve()


class OwnStart(NamedTuple):
    """Where a second stage starts.

    Attributes
    ----------
    chosen : mapping from RequestKind to sequence of Route
        Routes of the first stage, one for each request; some may be blocked.
    shortest : mapping from RequestKind to Route
        One route of each commodity.
    """

    chosen: Mapping[RequestKind, Sequence[Route]]
    shortest: Mapping[RequestKind, Route]


def own_recourse(
    network: Network, forecast: Forecast, first_stage: Stage, start: OwnStart, solver: Solver
) -> Recourse:
    """Cheapest second stage for a fixed first stage, joint state by joint state, Eq (20).

    A state whose loads on the first stage's routes fit into the reservation costs nothing more; in
    the others requests are routed anew over all simple paths.
    """
    requests = request_kinds(forecast)
    table = routes_of_requests(requests, [start.chosen] * forecast.state_count)
    lit = first_stage.at_most(network.max_channels, network.max_wavelengths)
    over = [
        (amounts > held).any(axis=1)
        for amounts, held in zip(state_loads(network, forecast, table), lit, strict=True)
    ]
    fits = ~np.any(over, axis=0) & (table.blocked(0) == 0)
    free = np.zeros(network.fibres)
    problem = replace(
        own_demand_problem(network, forecast, solver),
        fixed=first_stage,
        reserved=UnitPrices(free, free),
    )
    bound = first_stage.cost(network.costs.reserved)
    size = Size()
    solvers = dict[str, None]()
    chosen: list[Mapping[RequestKind, Sequence[Route]]] = []
    for state, probability in enumerate(forecast.joint.probabilities.tolist()):
        if fits[state]:
            chosen.append(start.chosen)
            continue
        here = replace(problem, probabilities=np.ones(1), channels=problem.channels[[state]])
        flows = CommodityProgram(here, start.shortest).solve()
        bound += probability * flows.bound
        size += flows.size
        solvers[flows.solver] = None
        chosen.append(flows.routes[0])
    by = " and ".join(solvers) or "closed form"
    return Recourse(routes_of_requests(requests, chosen), bound, by, size)


def routes_of_requests(
    requests: Sequence[RequestKind], by_state: Sequence[Mapping[RequestKind, Sequence[Route]]]
) -> RouteTable:
    """Give the routes of each commodity to its requests, in every state in the same order."""
    table: list[list[Route]] = [[] for _ in requests]
    for routes in by_state:
        waiting = {kind: iter(sorted(listed, key=blocked_last)) for kind, listed in routes.items()}
        for request, kind in enumerate(requests):
            table[request].append(next(waiting[kind]))
    return RouteTable.of(table)
