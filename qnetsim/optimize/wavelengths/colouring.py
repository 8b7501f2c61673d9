"""Give requests on given routes their wavelengths: first fit, search, and small exact programs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from qnetsim.arrays import IntArray
from qnetsim.network import Route
from qnetsim.optimize.program import Program, SolveStatus
from qnetsim.optimize.solver import HIGHS
from qnetsim.optimize.wavelengths.search import conflicts, greedy, improve

#: Most binaries (requests × colours) with which the integer program is tried.
MAX_BINARIES = 3_000
#: Moves of the search.
MOVES = 4_000

#: Wavelengths of each request, one tuple for each.
Colours = tuple[tuple[int, ...], ...]


def first_fit(routes: Sequence[Route], demands: Sequence[int]) -> Colours:
    """Lowest free wavelengths for each request, the most crowded fibres first; any number."""
    load: dict[int, int] = {}
    for route, demand in zip(routes, demands, strict=True):
        for fibre in route.fibres:
            load[fibre] = load.get(fibre, 0) + demand

    def crowding(r: int) -> tuple[int, int, int]:
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
    """One of so many colours for each request, −1 where none was found; shape (requests,)."""
    if colours < 1:
        return np.full(len(routes), -1)
    conflict = conflicts(routes, fibres)
    chosen = greedy(conflict, colours)
    return improve(conflict, chosen, colours, MOVES) if (chosen < 0).any() else chosen


def exact(
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
        )
    )
    if found.status is SolveStatus.INFEASIBLE:
        return None, False
    if not np.isfinite(found.objective):
        return None, None
    on = found.values.reshape(requests, limit) > 0.5
    return tuple(tuple(np.flatnonzero(line).tolist()) for line in on), True
