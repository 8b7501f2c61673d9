"""Give requests on given routes their wavelengths: first fit, search, and small exact programs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.network import Network, Route
from qnetsim.network.model import WAVELENGTHS_PER_CHANNEL
from qnetsim.optimize.solvers.program import Program, SolveStatus
from qnetsim.optimize.solvers.solver import HIGHS
from qnetsim.optimize.wavelengths.tabu_search import conflicts, greedy, improve

#: Most binaries (requests × colours) with which the integer program is tried.
MAX_BINARIES = 3_000
#: Branch-and-bound nodes of that program.
EXACT_NODES = 50
#: Moves of the search.
MOVES = 4_000

#: Wavelengths of each request, one tuple for each.
Colours = tuple[tuple[int, ...], ...]


class Colouring(NamedTuple):
    """Wavelengths of the requests of one level, and whether they keep the limits.

    Attributes
    ----------
    qkd, km : tuple of tuple of int
        Wavelengths of each request.
    fits : bool or None
        False where the routes provably admit none; None where it is not known.
    """

    qkd: Colours
    km: Colours
    fits: bool | None


@dataclass(frozen=True)
class Level:
    """The requests of one level that are served, and what they need.

    Attributes
    ----------
    requests : list of int
        Positions of the requests.
    routes : list of Route
    channels : list of int
        Channels ρ of each of them.
    """

    requests: list[int]
    routes: list[Route]
    channels: list[int]

    @property
    def demands(self) -> list[int]:
        """QKD wavelengths of each request."""
        return [WAVELENGTHS_PER_CHANNEL * c for c in self.channels]


def first_fit(routes: Sequence[Route], demands: Sequence[int]) -> Colours:
    """Lowest free wavelengths for each request, the most crowded fibres first; any number."""
    load: dict[int, int] = {}
    for route, demand in zip(routes, demands, strict=True):
        for fibre in route.fibres:
            load[fibre] = load.get(fibre, 0) + demand

    def crowding(r: int) -> tuple[int, int, int]:
        """Sort key: highest load first, then most fibres, then the request's position."""
        fibres = routes[r].fibres
        return -max((load[f] for f in fibres), default=0), -len(fibres), r

    chosen: list[tuple[int, ...]] = [()] * len(routes)
    taken: dict[int, set[int]] = {fibre: set() for fibre in load}
    for r in sorted(range(len(routes)), key=crowding):
        busy: set[int] = set().union(*(taken[f] for f in routes[r].fibres))
        free: list[int] = []
        colour = 0
        while len(free) < demands[r]:
            if colour not in busy:
                free.append(colour)
            colour += 1
        chosen[r] = tuple(free)
        for fibre in routes[r].fibres:
            taken[fibre] |= set(free)
    return tuple(chosen)


def highest(colours: Colours) -> int:
    """Number of wavelengths up to the highest one in use."""
    return 1 + max((max(c) for c in colours if c), default=-1)


def blocks(routes: Sequence[Route], fibres: int, colours: int) -> IntArray:
    """Colour of each request, below ``colours``; −1 where none was found, shape (requests,)."""
    if colours < 1:
        return np.full(len(routes), -1)
    conflict = conflicts(routes, fibres)
    chosen = greedy(conflict, colours)
    return improve(conflict, chosen, colours, MOVES) if (chosen < 0).any() else chosen


def exact_colouring(
    routes: Sequence[Route], demands: Sequence[int], limit: int
) -> tuple[Colours | None, bool | None]:
    """Decide by an integer program whether these routes can be coloured within the limit.

    Binary y[r, c]: request r has wavelength c.

    Returns
    -------
    colours : tuple or None
    fits : bool or None
        None where the program is too large, or its node limit came first.
    """
    from scipy import sparse

    requests = len(routes)
    if requests * limit > MAX_BINARIES:
        return None, None
    on_fibre: dict[int, list[int]] = {}
    for r, route in enumerate(routes):
        for fibre in route.fibres:
            on_fibre.setdefault(fibre, []).append(r)
    rows: list[int] = []
    columns: list[int] = []
    for r in range(requests):
        rows += [r] * limit
        columns += range(r * limit, (r + 1) * limit)
    row = requests
    for members in on_fibre.values():
        for c in range(limit):
            rows += [row] * len(members)
            columns += [r * limit + c for r in members]
            row += 1
    size = requests * limit
    demand = np.array(demands, dtype=np.float64)
    crowd = row - requests
    found = HIGHS.solve(
        Program(
            # low colours first: breaks the symmetry between colours
            cost=np.tile(np.arange(limit, dtype=np.float64), requests),
            lower=np.zeros(size),
            upper=np.ones(size),
            matrix=sparse.coo_array((np.ones(len(rows)), (rows, columns)), (row, size)).tocsr(),
            row_lower=np.concatenate([demand, np.full(crowd, -np.inf)]),
            row_upper=np.concatenate([demand, np.ones(crowd)]),
            integer=np.ones(size, dtype=bool),
        ),
        node_limit=EXACT_NODES,
    )
    if found.status is SolveStatus.INFEASIBLE:
        return None, False
    if not np.isfinite(found.objective):
        return None, None
    on = found.values.reshape(requests, limit) > 0.5
    return tuple(tuple(np.flatnonzero(line).tolist()) for line in on), True


def searched_colouring(network: Network, level: Level) -> Colouring | None:
    """Wavelengths within the limits by first fit and search; None where these find none."""
    limits = (network.qkd_wavelengths, network.km_wavelengths)
    ones = [1] * len(level.routes)
    found = [first_fit(level.routes, demand) for demand in (level.demands, ones)]
    if all(
        limit is None or highest(colours) <= limit
        for limit, colours in zip(limits, found, strict=True)
    ):
        return Colouring(found[0], found[1], fits=True)
    colours = uniform_colours(network, level)
    if colours is not None:
        chosen = blocks(level.routes, network.fibres, colours)
        if (chosen >= 0).all():
            return of_blocks(chosen, level.demands)
        return None
    for i, (limit, demands) in enumerate(zip(limits, (level.demands, ones), strict=True)):
        if limit is not None and highest(found[i]) > limit:
            searched = _in_units(level.routes, demands, network.fibres, limit)
            if searched is None:
                return None
            found[i] = searched
    return Colouring(found[0], found[1], fits=True)


def _in_units(
    routes: Sequence[Route], demands: Sequence[int], fibres: int, limit: int
) -> Colours | None:
    """Search for wavelengths of requests that need different numbers of them.

    Each request is as many copies as it needs units of the greatest common divisor of all needs;
    copies share their fibres, so they get colours of their own.
    """
    unit = math.gcd(*demands)
    if unit == 0:
        return ((),) * len(routes)
    owner = [r for r, demand in enumerate(demands) for _ in range(demand // unit)]
    chosen = blocks([routes[r] for r in owner], fibres, limit // unit)
    if (chosen < 0).any():
        return None
    mine: list[list[int]] = [[] for _ in routes]
    for r, colour in zip(owner, chosen.tolist(), strict=True):
        mine[r] += range(colour * unit, (colour + 1) * unit)
    return tuple(tuple(sorted(colours)) for colours in mine)


def colour_level(network: Network, level: Level) -> Colouring:
    """QKD and KM wavelengths for the routes as they are, and whether they keep the limits."""
    searched = searched_colouring(network, level)
    if searched is not None:
        return searched
    limits = (network.qkd_wavelengths, network.km_wavelengths)
    demands = (level.demands, [1] * len(level.routes))
    found = [first_fit(level.routes, demand) for demand in demands]
    fit = [
        limit is None or highest(colours) <= limit
        for limit, colours in zip(limits, found, strict=True)
    ]
    verdicts: list[bool | None] = []
    for i, limit in enumerate(limits):
        if not fit[i] and limit is not None:
            decided, verdict = exact_colouring(level.routes, demands[i], limit)
            found[i] = decided or found[i]
            verdicts.append(verdict)
    fits = False if False in verdicts else None if None in verdicts else True
    return Colouring(found[0], found[1], fits)


def uniform_colours(network: Network, level: Level) -> int | None:
    """Number of colours where each stands for a block of QKD and one KM wavelength.

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


def of_blocks(chosen: IntArray, demands: Sequence[int]) -> Colouring:
    """Wavelengths of requests that have one block of each kind, within the limits."""
    blocks_of = zip(chosen.tolist(), demands, strict=True)
    qkd = tuple(tuple(range(c * demand, (c + 1) * demand)) for c, demand in blocks_of)
    return Colouring(qkd, tuple((c,) for c in chosen.tolist()), fits=True)
