"""The plan for a demand that is known: the program (8)-(18), without a second stage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.errors import InfeasibleError
from qnetsim.network import BLOCKED, Network, Route, RouteTable
from qnetsim.network.routes import NodePair
from qnetsim.optimize import Plan
from qnetsim.optimize.assemble import assign_wavelengths, fixed_routes_plan
from qnetsim.optimize.columns.problem import RequestKind, Size
from qnetsim.optimize.full.full_plan import path_of
from qnetsim.optimize.full.full_problem import FullProblem
from qnetsim.optimize.full.full_program import FullProgram
from qnetsim.optimize.plan import SolveReport
from qnetsim.optimize.recourse import deterministic_flows, request_routes
from qnetsim.optimize.routing import weighted_routes
from qnetsim.optimize.stage import Stage
from qnetsim.optimize.state_routes import in_states
from qnetsim.plain_text import counted
from qnetsim.policies.base import Setting


class _Found(NamedTuple):
    """Routes for the known demand.

    Attributes
    ----------
    routes : list of Route
        Of each request; ``BLOCKED`` for one that is not served.
    bound : float
        Proved least cost per slot for this demand, blocking included.
    solver : str
    size : Size
    """

    routes: list[Route]
    bound: float
    solver: str
    size: Size


def known_demand_plan(setting: Setting, levels: Sequence[int]) -> Plan:
    """Solve the program for these levels of the requests, one for each.

    A slot of higher demand buys on demand, on the same routes.

    Raises
    ------
    InfeasibleError
        The requests do not fit into the limits.
    UsageError
        The program is too large; says how many variables it would need.
    """
    network = setting.network
    forecast = setting.forecast
    rho = network.level_channels(forecast.level_count)[levels]
    try:
        if len(set(levels)) == 1:
            found = _one_level(setting, levels[0])
        elif network.limited:
            found = _full(setting, rho)
        else:
            found = _shortest(network, forecast.pairs, rho)
    except InfeasibleError as error:
        raise InfeasibleError(f"deterministic: {error}") from None
    table = RouteTable.of([[route] * forecast.level_count for route in found.routes])
    uses = table.uses(network.fibres)[table.choice[:, 0]]
    stage = Stage((uses * rho).sum(axis=0) * 1.0, uses.sum(axis=0) * 1.0)
    blocked = table.blocked(0)
    note = (
        f"for the known demand {stage.cost(network.costs.reserved):,.2f} is reserved and "
        f"{counted(blocked, 'request is', 'requests are')} blocked; "
        f"no plan for it costs less than "
        f"{found.bound:,.2f}; the expected cost adds what other demand buys"
    )
    return fixed_routes_plan(
        network,
        forecast,
        assign_wavelengths(network, forecast, in_states(table, forecast)),
        SolveReport(
            bound=None,
            solver=f"deterministic program (8)-(18), {found.solver}",
            note=note,
            size=found.size,
        ),
        stage,
    )


def _one_level(setting: Setting, level: int) -> _Found:
    """Requests of one pair are interchangeable: the routes program."""
    network = setting.network
    pairs = setting.forecast.pairs
    channels = network.level_channels(level + 1)[[level]]
    weights = [Fraction(rho) for rho in channels[0].tolist()]
    start = weighted_routes(network, pairs, weights, network.costs.exact_km_reserved)
    kinds = [RequestKind(pair, 0) for pair in pairs]
    flows = deterministic_flows(
        network=network,
        counts=Counter(kinds),
        level=level,
        channels=channels,
        prices=network.costs.reserved,
        start={kind: start[kind.pair] for kind in kinds},
        solver=setting.solver,
    )
    table = request_routes(kinds, [flows.routes[0]])
    routes = [table.route(r, 0) for r in range(len(pairs))]
    return _Found(routes, flows.bound, flows.solver, flows.size)


def _shortest(network: Network, pairs: Sequence[NodePair], rho: IntArray) -> _Found:
    """Without limits each request takes its own shortest path, or is blocked."""
    costs = network.costs
    blocking = np.inf if costs.blocking is None else costs.blocking
    routes = []
    bound = 0.0
    for pair, channels in zip(pairs, rho, strict=True):
        weights = [Fraction(int(n)) for n in channels]
        route = weighted_routes(network, [pair], weights, costs.exact_km_reserved)[pair]
        length = channels * costs.qkd_reserved + costs.km_reserved
        price = float(length[list(route.fibres)].sum())
        routes.append(route if price <= blocking else BLOCKED)
        bound += min(price, blocking)
    return _Found(routes, bound, "shortest paths", Size())


def _full(setting: Setting, rho: IntArray) -> _Found:
    """Requests that differ compete for wavelengths: the wavelength-indexed program.

    Raises
    ------
    UsageError
        It is too large; says how many variables it would need.
    """
    network = setting.network
    pairs = setting.forecast.pairs
    problem = FullProblem(
        network,
        pairs,
        np.ones(1),
        rho[None],
        on_demand=False,
        blocking_cost=network.costs.blocking,
    )
    solution = FullProgram(problem, setting.solver).solve()
    routes = [
        path_of(pair, paths) for pair, paths in zip(pairs, solution.lightpaths[0], strict=True)
    ]
    # the solver's own bound rests on its tolerances
    bound = min(_without_continuity(setting, rho), solution.objective)
    return _Found(routes, bound, solution.solver, solution.size)


def _without_continuity(setting: Setting, rho: IntArray) -> float:
    """Bound of the routes program: no lightpaths cost less than whole flows within the limits."""
    network = setting.network
    pairs = setting.forecast.pairs
    channels, kind = np.unique(rho, axis=0, return_inverse=True)
    kinds = [RequestKind(pair, d) for pair, d in zip(pairs, kind.ravel().tolist(), strict=True)]
    start = {}
    for own in dict.fromkeys(kinds):
        weights = [Fraction(int(n)) for n in channels[own.kind]]
        routes = weighted_routes(network, [own.pair], weights, network.costs.exact_km_reserved)
        start[own] = routes[own.pair]
    return deterministic_flows(
        network=network,
        counts=Counter(kinds),
        level=0,
        channels=channels,
        prices=network.costs.reserved,
        start=start,
        solver=setting.solver,
    ).bound
