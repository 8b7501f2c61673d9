"""Repair: other routes of hardly higher cost for a level that cannot be coloured as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.network import Network, Route, Topology
from qnetsim.network.bounded_routes import distances_to, routes_within
from qnetsim.network.routes import NodePair
from qnetsim.optimize.wavelengths.colouring import (
    Colouring,
    Level,
    blocks,
    of_blocks,
    uniform_colours,
)
from qnetsim.optimize.wavelengths.layers import Charge, Choice, Layers
from qnetsim.optimize.wavelengths.level_program import cheapest_routes

#: How much dearer a request's other route may be, relative to the plan's cost; tried in turn.
BUDGETS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1.0)
#: Most routes that a request may choose from.
MAX_ROUTES = 40
#: Most steps of one search for them.
MAX_STEPS = 3_000
#: Searches for them, each with twice the detour of the one before.
WIDENINGS = 4
#: What each fibre adds to a route's length beside its cost, relative to the dearest fibre.
HOP_LENGTH = 1e-3
#: Moves of the tabu search: so many for each request, and at most so many.
MOVES_PER_REQUEST = 50
MAX_MOVES = 5_000
#: Solutions of the integer program that are coloured.
ATTEMPTS = 5


@dataclass(frozen=True)
class Repair:
    """What routes cost, so that requests can be moved to others.

    Attributes
    ----------
    held : ndarray, shape (2·fibres,)
        Channels, then KM wavelengths, that cost nothing more.
    price : ndarray, shape (2·fibres,)
        Price of what is used beyond them.
    cost : float
        Expected cost of the plan, to which the budgets are relative.
    """

    held: FloatArray
    price: FloatArray
    cost: float


class Rerouted(NamedTuple):
    """Requests of a level on other routes, and their wavelengths."""

    level: Level
    colouring: Colouring


class _Coloured(NamedTuple):
    """Route and colour of each request."""

    routes: list[Route]
    colours: IntArray


def rerouted(
    network: Network,
    pairs: Sequence[NodePair],
    level: Level,
    charge: Charge,
    cost: float,
    rho: IntArray,
) -> Rerouted | None:
    """Find routes of hardly higher cost that can be coloured; None where there are none.

    Parameters
    ----------
    network : Network
    pairs : sequence of (int, int)
        Of each request.
    level : Level
        Requests and their present routes.
    charge : Charge
        What use of the fibres costs.
    cost : float
        Expected cost of the plan.
    rho : ndarray of int64, shape (fibres,)
        Channels of one request.
    """
    colours = uniform_colours(network, level)
    if colours is None:
        return None
    chosen = blocks(level.routes, network.fibres, colours)
    choices = _choices(network, pairs, level, charge, rho)
    found: _Coloured | None = None
    for attempt in range(ATTEMPTS):
        routes = cheapest_routes(
            network.topology,
            choices,
            charge=charge,
            colours=colours,
            cost=cost,
            attempt=attempt,
        )
        if routes is None:
            break
        coloured = blocks(routes, network.fibres, colours)
        if (coloured >= 0).all():
            found = _Coloured(routes, coloured)
            break
    some_choice = any(len(choice.routes) > 1 for choice in choices)
    moves = min(MAX_MOVES, MOVES_PER_REQUEST * len(choices))
    for budget in BUDGETS if found is None and some_choice else ():
        layers = Layers(choices, charge, chosen, colours)
        if layers.fill(budget * cost, moves):
            layers.cheapen()
            taken = zip(choices, layers.route.tolist(), strict=True)
            found = _Coloured([choice.routes[i] for choice, i in taken], layers.colour)
            break
    if found is None:
        return None
    channels = [int(rho[list(route.fibres)].max()) for route in found.routes]
    moved = Level(level.requests, found.routes, channels)
    return Rerouted(moved, of_blocks(found.colours, moved.demands))


def _choices(
    network: Network,
    pairs: Sequence[NodePair],
    level: Level,
    charge: Charge,
    rho: IntArray,
) -> list[Choice]:
    """Each request's route, then the others that cost least at the margin of the level's load."""
    topology = network.topology
    fibres = network.fibres
    load = np.zeros(2 * fibres)
    for route in level.routes:
        load += _use(route, rho, fibres)
    one = np.concatenate([rho, np.ones(fibres)])
    extra = np.maximum(load + one - charge.held, 0.0) - np.maximum(load - charge.held, 0.0)
    margin = (extra * charge.price).reshape(2, fibres).sum(axis=0)
    # of equally cheap routes the one of fewer fibres
    lengths = (margin + HOP_LENGTH * max(float(margin.max()), 1e-12)).tolist()
    rest: dict[int, list[float]] = {}
    known: dict[NodePair, list[Route]] = {}
    choices = []
    for r, route in zip(level.requests, level.routes, strict=True):
        pair = pairs[r]
        if pair not in known:
            if pair[1] not in rest:
                rest[pair[1]] = distances_to(topology, lengths, pair[1])
            known[pair] = _short_routes(topology, lengths, rest[pair[1]], pair)
        routes = [route, *(other for other in known[pair] if other != route)]
        choices.append(Choice(routes, np.array([_use(other, rho, fibres) for other in routes])))
    return choices


def _short_routes(
    topology: Topology, lengths: Sequence[float], rest: Sequence[float], pair: NodePair
) -> list[Route]:
    """The shortest routes of a pair: searched with twice the detour until there are enough."""
    shortest = rest[pair[0]]
    detour = max(shortest, max(lengths))
    found = list[Route]()
    for _ in range(WIDENINGS):
        search = routes_within(
            topology,
            lengths,
            rest=rest,
            pair=pair,
            limit=shortest + detour,
            most_steps=MAX_STEPS,
        )
        found = search.routes
        if len(found) >= MAX_ROUTES or search.steps > MAX_STEPS:
            break
        detour *= 2
    return sorted(found, key=lambda route: sum(lengths[e] for e in route.fibres))[:MAX_ROUTES]


def _use(route: Route, rho: IntArray, fibres: int) -> FloatArray:
    """Channels and KM wavelengths of a request, shape (2·fibres,)."""
    use = np.zeros(2 * fibres)
    here = np.array(route.fibres, dtype=np.int64)
    use[here] = rho[here]
    use[fibres + here] = 1.0
    return use
