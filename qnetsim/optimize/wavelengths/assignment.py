"""Explicit wavelengths for a plan: colour each request on all fibres of its route alike.

Wavelength continuity, (26) and (27), makes a request keep its wavelengths from end to end, and
uniqueness, (30) and (31), keeps requests that share a fibre apart: a colouring of the graph in
which two requests are joined if their routes share a fibre. Where the routes of a level need more
colours than there are, requests may move to routes that cost hardly more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.forecast import Forecast
from qnetsim.network import BLOCKED, Network, Route, RouteTable
from qnetsim.network.model import MoreWavelengths
from qnetsim.network.routes import NodePair
from qnetsim.optimize.wavelengths.colouring import (
    Colouring,
    Colours,
    Level,
    colour_level,
    searched_colouring,
)
from qnetsim.optimize.wavelengths.layers import Charge
from qnetsim.optimize.wavelengths.one_fibre import Coloured, joined, split_level
from qnetsim.optimize.wavelengths.repair import Repair, rerouted


@dataclass(frozen=True)
class Assignment:
    """Wavelengths of all requests at each level, or joint state, of positive probability.

    Attributes
    ----------
    qkd, km : dict from state to tuple of tuple of int
        Wavelengths of each request, by the columns of the route table; more than the limit allows
        where ``fits`` is not True.
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


class _Chosen(NamedTuple):
    """Routes and wavelengths of a level; all its routes where some were moved."""

    level: Level
    colouring: Colouring
    moved: list[Route] | None

    def at(self, level: Level) -> _Chosen:
        """The same wavelengths for the same routes at another level, where |σ| is not limited."""
        stride = max(level.demands, default=0)
        both = zip(self.colouring.km, level.demands, strict=True)
        qkd = tuple(tuple(range(c[0] * stride, c[0] * stride + n)) for c, n in both)
        return _Chosen(level, Colouring(qkd, self.colouring.km, self.colouring.fits), self.moved)


def assign(
    network: Network,
    forecast: Forecast,
    table: RouteTable,
    repair: Repair | None = None,
    more: MoreWavelengths | None = None,
) -> tuple[Assignment, RouteTable]:
    """Colour the routes of a comonotone plan at every level, or in every joint state.

    A request takes 3·ρ QKD wavelengths, the same on all its fibres, with ρ the most that any
    fibre of its route needs, and one KM wavelength.

    Parameters
    ----------
    network : Network
    forecast : Forecast
    table : RouteTable
    repair : Repair, optional
        With it, requests may be routed anew where the given routes cannot be coloured.
    more : MoreWavelengths, optional
        What one fibre has beyond the limits.

    Returns
    -------
    assignment : Assignment
    table : RouteTable
        The one given, or one with other routes at some levels.
    """
    rho = network.level_channels(forecast.level_count)
    chosen: dict[int, _Chosen] = {}
    alike: dict[tuple[Route, ...], _Chosen] = {}
    weights = dict(enumerate(forecast.joint.exact_probabilities))
    # of levels that share their routes the likeliest says how they are moved
    for k in sorted((k for k, p in weights.items() if p > 0), key=lambda k: -weights[k]):
        routes = [table.route(r, k) for r in range(table.requests)]
        channels = rho[forecast.joint.levels[forecast.kind, k]]
        level = level_of(routes, channels)
        alone = None
        if more is not None:
            level, alone = split_level(level, more.fibre)
        known = alike.get(tuple(routes)) if more is None else None
        if known is not None:
            chosen[k] = known.at(level if known.moved is None else level_of(known.moved, channels))
            continue
        colouring = colour_level(network, level)
        new = None
        if not colouring.fits and repair is not None:
            charge = Charge(repair.held, float(weights[k]) * repair.price)
            other = rerouted(
                network,
                pairs=forecast.pairs,
                level=level,
                charge=charge,
                cost=repair.cost,
                rho=channels,
            )
            if other is not None:
                level, colouring = other
                new = list(routes)
                for r, route in zip(level.requests, level.routes, strict=True):
                    new[r] = route
        if more is not None and alone is not None:
            level, colouring = joined(network, more, Coloured(level, colouring), alone)
        chosen[k] = _Chosen(level, colouring, new)
        if network.qkd_wavelengths is None:
            alike[tuple(routes)] = chosen[k]
    return _finished(dict(sorted(chosen.items())), table)


def _finished(chosen: Mapping[int, _Chosen], table: RouteTable) -> tuple[Assignment, RouteTable]:
    """The colourings of all levels as one, and the table with the routes that were moved."""
    qkd = {k: _of_all(c.colouring.qkd, c.level.requests, table.requests) for k, c in chosen.items()}
    km = {k: _of_all(c.colouring.km, c.level.requests, table.requests) for k, c in chosen.items()}
    verdicts = {k: c.colouring.fits for k, c in chosen.items()}
    moved = {k: c.moved for k, c in chosen.items() if c.moved is not None}
    found = set(verdicts.values())
    fits = False if False in found else None if None in found else True
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
    rho : ndarray of int64, shape (requests, fibres)
        Channels of each request.
    """
    level = level_of(routes, rho)
    if searched_colouring(network, level) is not None:
        return True
    free = Charge(np.zeros(2 * network.fibres), np.ones(2 * network.fibres))
    other = rerouted(network, pairs=pairs, level=level, charge=free, cost=1.0, rho=rho)
    return other is not None or colour_level(network, level).fits is True


def level_of(routes: Sequence[Route], rho: IntArray) -> Level:
    """Requests that are served; ``rho`` has the channels of each, shape (requests, fibres)."""
    served = [r for r, route in enumerate(routes) if route != BLOCKED]
    chosen = [routes[r] for r in served]
    channels = [int(rho[r, list(routes[r].fibres)].max()) for r in served]
    return Level(served, chosen, channels)


def _of_all(colours: Colours, requests: Sequence[int], count: int) -> Colours:
    """Colours of all requests; none for those that are blocked."""
    found: list[tuple[int, ...]] = [()] * count
    for r, mine in zip(requests, colours, strict=True):
        found[r] = mine
    return tuple(found)


def _with_routes(table: RouteTable, moved: Mapping[int, Sequence[Route]]) -> RouteTable:
    return RouteTable.of(
        [
            [moved[k][r] if k in moved else table.route(r, k) for k in range(table.levels)]
            for r in range(table.requests)
        ]
    )
