"""Deterministic: the program (8)-(18), for a demand that is known. A first stage only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from pydantic import Field, model_validator

from qnetsim.arrays import IntArray
from qnetsim.errors import InfeasibleError, UsageError
from qnetsim.forecast import Forecast
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
from qnetsim.policies.base import PolicyOptions, Setting
from qnetsim.policies.static import StaticPolicy


class DeterministicOptions(PolicyOptions):
    """Options of ``deterministic``; exactly one of them is given."""

    level: int | None = Field(
        default=None,
        ge=0,
        le=10**6,
        description="the known level of every request",
        json_schema_extra={"allowed": "an integer >= 0, below the scenario's levels"},
    )
    levels: list[int] | None = Field(
        default=None,
        description="the known level of each request, in the order of the requests",
        json_schema_extra={"allowed": "a list of integers >= 0, in a scenario file"},
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> DeterministicOptions:
        if (self.level is None) == (self.levels is None):
            raise ValueError("give either level or levels")
        return self


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


class Deterministic(StaticPolicy):
    """Reserve what the cheapest routes for one known demand need, Eqs (8)-(18)."""

    Options = DeterministicOptions
    options: DeterministicOptions

    def plan(self, setting: Setting) -> Plan:
        """Solve the program; a slot of higher demand buys on demand, on the same routes."""
        network = setting.network
        forecast = setting.forecast
        levels = self._levels(forecast)
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

    def _levels(self, forecast: Forecast) -> list[int]:
        """Known level of each request.

        Raises
        ------
        UsageError
            Not a level of the scenario, or not one for each request.
        """
        levels = self.options.levels
        if levels is None:
            assert self.options.level is not None
            levels = [self.options.level] * forecast.requests
        if len(levels) != forecast.requests:
            raise UsageError(
                f"deterministic: levels has {counted(len(levels), 'entry', 'entries')} for "
                f"{counted(forecast.requests, 'request')}; give one for each"
            )
        for level in levels:
            if not 0 <= level < forecast.level_count:
                raise UsageError(
                    f"deterministic: level {level} is not one of the scenario's levels "
                    f"0 .. {forecast.level_count - 1}; give one of them, or raise demand.levels"
                )
        return levels


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
