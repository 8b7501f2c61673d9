"""Explicit wavelengths for a plan: colour each request on all fibres of its route alike.

Wavelength continuity, (26) and (27), makes a request keep its wavelengths from end to end, and
uniqueness, (30) and (31), keeps requests that share a fibre apart: a colouring of the graph in
which two requests are joined if their routes share a fibre. Where the routes of a level need more
colours than there are, requests may move to routes that cost hardly more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.exogenous import Forecast
from qnetsim.network import BLOCKED, Network, Route, RouteTable, Topology
from qnetsim.network.model import WAVELENGTHS_PER_CHANNEL
from qnetsim.network.routes import NodePair, distances_to, routes_within
from qnetsim.optimize.wavelengths.colouring import Colours, blocks, exact, first_fit, highest
from qnetsim.optimize.wavelengths.level_program import cheapest_routes
from qnetsim.optimize.wavelengths.reroute import Charge, Choice, Layers

#: How much dearer a request's other route may be, tried in turn, relative to the plan's cost.
BUDGETS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1.0)
#: Most routes that a request may choose from.
MAX_WAYS = 40
#: Most steps of the search for them, and how often it is widened.
MAX_STEPS, WIDENINGS = 3_000, 4
#: Length of a fibre beside what it costs, relative to the dearest.
HOP = 1e-3
MOVES, MOVES_PER_REQUEST = 5_000, 50
#: Solutions of the integer program that are tried.
ATTEMPTS = 5


@dataclass(frozen=True)
class Assignment:
    """Wavelengths of all requests at each level of positive probability.

    Attributes
    ----------
    qkd, km : dict from level to tuple of tuple of int
        Wavelengths of each request; more than the limit allows where ``fits`` is not True.
    fits : bool or None
        Whether the limits are kept: True; False where the given routes provably cannot; None
        where it is not known.
    failed : tuple of int
        Levels at which no colouring was found.
    """

    qkd: dict[int, Colours]
    km: dict[int, Colours]
    fits: bool | None
    failed: tuple[int, ...] = ()


@dataclass(frozen=True)
class Repair:
    """What routes cost, so that requests can be moved to others.

    Attributes
    ----------
    held : ndarray, shape (2·fibres,)
        Channels, then KM wavelengths, that cost nothing more.
    price : ndarray, shape (2·fibres,)
        Of what is used beyond them.
    cost : float
        Expected cost of the plan, which budgets refer to.
    """

    held: FloatArray
    price: FloatArray
    cost: float


@dataclass(frozen=True)
class _Level:
    """The requests of one level that are served, and what they need."""

    requests: list[int]
    routes: list[Route]
    channels: list[int]

    @property
    def demands(self) -> list[int]:
        """QKD wavelengths of each request."""
        return [WAVELENGTHS_PER_CHANNEL * c for c in self.channels]


def assign(
    network: Network,
    forecast: Forecast,
    table: RouteTable,
    repair: Repair | None = None,
) -> tuple[Assignment, RouteTable]:
    """Colour the routes of a comonotone plan at every level.

    A request takes 3·ρ QKD wavelengths, the same on all its fibres, with ρ the most that any
    fibre of its route needs, and one KM wavelength.

    Parameters
    ----------
    network : Network
    forecast : Forecast
    table : RouteTable
    repair : Repair, optional
        With it, requests may be routed anew where the given routes cannot be coloured.

    Returns
    -------
    assignment : Assignment
    table : RouteTable
        The one given, or one with other routes at some levels.
    """
    rho = network.level_channels(forecast.levels.levels)
    qkd: dict[int, Colours] = {}
    km: dict[int, Colours] = {}
    verdicts: dict[int, bool | None] = {}
    moved: dict[int, list[Route]] = {}
    for k, probability in enumerate(forecast.levels.exact_probabilities):
        if probability == 0:
            continue
        routes = [table.route(r, k) for r in range(table.requests)]
        level = _level(routes, rho[k])
        found, fits = _colour(network, level)
        if not fits and repair is not None:
            charge = Charge(repair.held, float(probability) * repair.price)
            other = _rerouted(network, forecast.pairs, level, charge, repair.cost, rho[k])
            if other is not None:
                level, found, fits = other[0], other[1], True
                for r, route in zip(level.requests, level.routes, strict=True):
                    routes[r] = route
                moved[k] = routes
        verdicts[k] = fits
        qkd[k], km[k] = (_spread(part, level.requests, table.requests) for part in found)
    known = set(verdicts.values())
    fits = False if False in known else None if None in known else True
    failed = tuple(k for k, verdict in verdicts.items() if not verdict)
    return Assignment(qkd, km, fits, failed), _with_routes(table, moved) if moved else table


def colourable(
    network: Network, pairs: Sequence[NodePair], routes: Sequence[Route], rho: IntArray
) -> bool:
    """Whether requests of one level are coloured within the limits, on other routes if need be.

    Parameters
    ----------
    network : Network
    pairs : sequence of (int, int)
        Of each request.
    routes : sequence of Route
        Of each request.
    rho : ndarray of int64, shape (fibres,)
        Channels of one request.
    """
    level = _level(routes, rho)
    if _colour(network, level)[1]:
        return True
    free = Charge(np.zeros(2 * network.fibres), np.ones(2 * network.fibres))
    return _rerouted(network, pairs, level, free, 1.0, rho) is not None


def _level(routes: Sequence[Route], rho: IntArray) -> _Level:
    served = [r for r, route in enumerate(routes) if route != BLOCKED]
    chosen = [routes[r] for r in served]
    return _Level(served, chosen, [int(rho[list(route.fibres)].max()) for route in chosen])


def _colour(network: Network, level: _Level) -> tuple[tuple[Colours, Colours], bool | None]:
    """QKD and KM wavelengths for the routes as they are, and whether they keep the limits."""
    limits = network.qkd_wavelengths, network.km_wavelengths
    demands = level.demands, [1] * len(level.routes)
    found = [first_fit(level.routes, demand) for demand in demands]
    fit = [
        limit is None or highest(colours) <= limit
        for limit, colours in zip(limits, found, strict=True)
    ]
    if all(fit):
        return (found[0], found[1]), True
    colours = _uniform_colours(network, level)
    if colours is not None:
        chosen = blocks(level.routes, network.fibres, colours)
        if (chosen >= 0).all():
            return _of_blocks(chosen, level.demands), True
    verdicts: list[bool | None] = []
    for i, limit in enumerate(limits):
        if not fit[i] and limit is not None:
            decided, verdict = exact(level.routes, demands[i], limit)
            found[i] = decided or found[i]
            verdicts.append(verdict)
    fits = False if False in verdicts else None if None in verdicts else True
    return (found[0], found[1]), fits


def _uniform_colours(network: Network, level: _Level) -> int | None:
    """Colours if every request takes one of them: a block of QKD and one KM wavelength.

    None where requests need different numbers of channels.
    """
    if len(set(level.channels)) > 1:
        return None
    limits = []
    if network.qkd_wavelengths is not None and level.channels and level.channels[0] > 0:
        limits.append(network.qkd_wavelengths // level.demands[0])
    if network.km_wavelengths is not None:
        limits.append(network.km_wavelengths)
    return min([*limits, len(level.routes)])


def _of_blocks(chosen: IntArray, demands: Sequence[int]) -> tuple[Colours, Colours]:
    blocks_of = zip(chosen.tolist(), demands, strict=True)
    qkd = tuple(tuple(range(c * demand, (c + 1) * demand)) for c, demand in blocks_of)
    return qkd, tuple((c,) for c in chosen.tolist())


def _rerouted(
    network: Network,
    pairs: Sequence[NodePair],
    level: _Level,
    charge: Charge,
    cost: float,
    rho: IntArray,
) -> tuple[_Level, tuple[Colours, Colours]] | None:
    """Routes of hardly higher cost that can be coloured; None where none were found."""
    colours = _uniform_colours(network, level)
    if colours is None:
        return None
    chosen = blocks(level.routes, network.fibres, colours)
    choices = _choices(network, pairs, level, charge, rho)
    found: tuple[list[Route], IntArray] | None = None
    for attempt in range(ATTEMPTS):
        routes = cheapest_routes(network.topology, choices, charge, colours, cost, attempt)
        if routes is None:
            break
        coloured = blocks(routes, network.fibres, colours)
        if (coloured >= 0).all():
            found = routes, coloured
            break
    some_choice = any(len(choice.routes) > 1 for choice in choices)
    moves = min(MOVES, MOVES_PER_REQUEST * len(choices))
    for budget in BUDGETS if found is None and some_choice else ():
        layers = Layers(choices, charge, chosen, colours)
        if layers.fill(budget * cost, moves):
            layers.cheapen()
            ways = zip(choices, layers.way.tolist(), strict=True)
            found = [choice.routes[way] for choice, way in ways], layers.colour
            break
    if found is None:
        return None
    channels = [int(rho[list(route.fibres)].max()) for route in found[0]]
    moved = _Level(level.requests, found[0], channels)
    return moved, _of_blocks(found[1], moved.demands)


def _choices(
    network: Network,
    pairs: Sequence[NodePair],
    level: _Level,
    charge: Charge,
    rho: IntArray,
) -> list[Choice]:
    """Each request's route, then the others that cost least at the margin of the level's load."""
    topology, fibres = network.topology, network.fibres
    load = np.zeros(2 * fibres)
    for route in level.routes:
        load += _use(route, rho, fibres)
    one = np.concatenate([rho, np.ones(fibres)])
    extra = np.maximum(load + one - charge.held, 0.0) - np.maximum(load - charge.held, 0.0)
    margin = (extra * charge.price).reshape(2, fibres).sum(axis=0)
    # of equal ways the one of fewer fibres
    lengths = (margin + HOP * max(float(margin.max()), 1e-12)).tolist()
    rest: dict[int, list[float]] = {}
    known: dict[NodePair, list[Route]] = {}
    choices = []
    for r, route in zip(level.requests, level.routes, strict=True):
        pair = pairs[r]
        if pair not in known:
            if pair[1] not in rest:
                rest[pair[1]] = distances_to(topology, lengths, pair[1])
            known[pair] = _shortest_ways(topology, lengths, rest[pair[1]], pair)
        routes = [route, *(other for other in known[pair] if other != route)]
        choices.append(Choice(routes, np.array([_use(way, rho, fibres) for way in routes])))
    return choices


def _shortest_ways(
    topology: Topology, lengths: Sequence[float], rest: Sequence[float], pair: NodePair
) -> list[Route]:
    """The shortest routes of a pair, found in wider and wider circles."""
    room, found = max(rest[pair[0]], max(lengths)), list[Route]()
    for _ in range(WIDENINGS):
        found, steps = routes_within(topology, lengths, rest, pair, rest[pair[0]] + room, MAX_STEPS)
        if len(found) >= MAX_WAYS or steps > MAX_STEPS:
            break
        room *= 2
    return sorted(found, key=lambda way: sum(lengths[e] for e in way.fibres))[:MAX_WAYS]


def _use(route: Route, rho: IntArray, fibres: int) -> FloatArray:
    """Channels and KM wavelengths of a request, shape (2·fibres,)."""
    use = np.zeros(2 * fibres)
    here = np.array(route.fibres, dtype=np.int64)
    use[here], use[fibres + here] = rho[here], 1.0
    return use


def _spread(colours: Colours, requests: Sequence[int], count: int) -> Colours:
    """Colours of all requests; none for those that are blocked."""
    spread: list[tuple[int, ...]] = [()] * count
    for r, mine in zip(requests, colours, strict=True):
        spread[r] = mine
    return tuple(spread)


def _with_routes(table: RouteTable, moved: Mapping[int, Sequence[Route]]) -> RouteTable:
    return RouteTable.of(
        [
            [moved[k][r] if k in moved else table.route(r, k) for k in range(table.levels)]
            for r in range(table.requests)
        ]
    )
