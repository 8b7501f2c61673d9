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
    searched_colouring,
    uniform_colours,
)
from qnetsim.optimize.wavelengths.layers import Charge, Choice, Layers
from qnetsim.optimize.wavelengths.level_program import Room, cheapest_routes

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
    rho : ndarray of int64, shape (all requests, fibres)
        Channels of each request.
    """
    choices = _choices(network, pairs, level, charge, rho)
    colours = uniform_colours(network, level)
    room = Room(network.max_wavelengths, network.max_channels)
    if colours is not None:
        room = Room(colours, None)
    for attempt in range(ATTEMPTS):
        routes = cheapest_routes(
            network.topology,
            choices,
            charge=charge,
            room=room,
            cost=cost,
            attempt=attempt,
        )
        if routes is None:
            break
        moved = _moved(level, routes, rho)
        colouring = searched_colouring(network, moved)
        if colouring is not None:
            return Rerouted(moved, colouring)
    if colours is None:
        return None
    return _in_layers(network, level, choices, charge, cost, colours, rho)


def _in_layers(
    network: Network,
    level: Level,
    choices: Sequence[Choice],
    charge: Charge,
    cost: float,
    colours: int,
    rho: IntArray,
) -> Rerouted | None:
    """Search for routes and colours together, for requests that need equally many channels."""
    if all(len(choice.routes) == 1 for choice in choices):
        return None
    chosen = blocks(level.routes, network.fibres, colours)
    moves = min(MAX_MOVES, MOVES_PER_REQUEST * len(choices))
    for budget in BUDGETS:
        layers = Layers(choices, charge, chosen, colours)
        if layers.fill(budget * cost, moves):
            layers.cheapen()
            taken = zip(choices, layers.route.tolist(), strict=True)
            moved = _moved(level, [choice.routes[i] for choice, i in taken], rho)
            return Rerouted(moved, of_blocks(layers.colour, moved.demands))
    return None


def _moved(level: Level, routes: list[Route], rho: IntArray) -> Level:
    """The requests of a level on other routes."""
    both = zip(level.requests, routes, strict=True)
    channels = [int(rho[r, list(route.fibres)].max()) for r, route in both]
    return Level(level.requests, routes, channels)


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
    for r, route in zip(level.requests, level.routes, strict=True):
        load += _use(route, rho[r], fibres)
    # requests of one pair that need as many channels choose from the same routes
    rest: dict[tuple[int, bytes], list[float]] = {}
    lengths: dict[bytes, list[float]] = {}
    known: dict[tuple[NodePair, bytes], list[Route]] = {}
    choices = []
    for r, route in zip(level.requests, level.routes, strict=True):
        pair = pairs[r]
        need = rho[r].tobytes()
        if need not in lengths:
            lengths[need] = _lengths(charge, load, rho[r])
        if (pair, need) not in known:
            if (pair[1], need) not in rest:
                rest[pair[1], need] = distances_to(topology, lengths[need], pair[1])
            known[pair, need] = _short_routes(topology, lengths[need], rest[pair[1], need], pair)
        routes = [route, *(other for other in known[pair, need] if other != route)]
        uses = np.array([_use(other, rho[r], fibres) for other in routes])
        choices.append(Choice(routes, uses, rho[r]))
    return choices


def _lengths(charge: Charge, load: FloatArray, rho: IntArray) -> list[float]:
    """What one request more costs on each fibre; of equally cheap routes the one of fewer fibres.

    Parameters
    ----------
    charge : Charge
    load : ndarray, shape (2·fibres,)
    rho : ndarray of int64, shape (fibres,)
        Channels of the request.
    """
    one = np.concatenate([rho, np.ones(rho.size)])
    extra = np.maximum(load + one - charge.held, 0.0) - np.maximum(load - charge.held, 0.0)
    margin = (extra * charge.price).reshape(2, rho.size).sum(axis=0)
    found: list[float] = (margin + HOP_LENGTH * max(float(margin.max()), 1e-12)).tolist()
    return found


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
