"""Explicit wavelengths for a routing: colour each request on all fibres of its route alike.

Wavelength continuity, (26) and (27), makes a request keep its wavelengths from end to end, and
uniqueness, (30) and (31), keeps requests that share a fibre apart: a colouring of the graph in
which two requests are joined if their routes share a fibre.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from qnetsim.exogenous import Forecast
from qnetsim.network import Network, Route, RouteTable
from qnetsim.network.model import WAVELENGTHS_PER_CHANNEL
from qnetsim.optimize.highs import solve
from qnetsim.optimize.program import Program, SolveStatus

#: Most binaries (requests × colours) with which the integer program is tried.
MAX_BINARIES = 3_000


@dataclass(frozen=True)
class Colouring:
    """Colours of each request.

    Attributes
    ----------
    colours : tuple of tuple of int
        One tuple for each request; more than the limit allows where ``fits`` is not True.
    used : int
        Number of different colours.
    fits : bool or None
        Whether the limit can be met: proved either way, or None where it is not known.
    """

    colours: tuple[tuple[int, ...], ...]
    used: int
    fits: bool | None


def colour(routes: Sequence[Route], demands: Sequence[int], limit: int | None) -> Colouring:
    """Give each request ``demand`` colours, different from those of requests on its fibres.

    First-fit in several orders; where that needs more than the limit, an integer program decides,
    if the instance is small enough for it.

    Parameters
    ----------
    routes : sequence of Route
        One for each request.
    demands : sequence of int
        Colours that each request needs: 3·ρ QKD wavelengths, or one KM wavelength.
    limit : int or None
        Colours that there are; None is unlimited.
    """
    on_fibre: dict[int, list[int]] = {}
    for r, route in enumerate(routes):
        for fibre in route.fibres:
            on_fibre.setdefault(fibre, []).append(r)
    load = {f: sum(demands[r] for r in requests) for f, requests in on_fibre.items()}
    orders = (
        lambda r: (-max((load[f] for f in routes[r].fibres), default=0), -len(routes[r].fibres), r),
        lambda r: (-len(routes[r].fibres), -demands[r], r),
        lambda r: (-demands[r] * len(routes[r].fibres), r),
    )
    best: Colouring | None = None
    for order in orders:
        found = _first_fit(routes, demands, on_fibre, sorted(range(len(routes)), key=order))
        if best is None or found.used < best.used:
            best = found
    assert best is not None
    if limit is None or best.used <= limit:
        return best
    if max(load.values()) > limit:
        return replace(best, fits=False)
    if len(routes) * limit > MAX_BINARIES:
        return replace(best, fits=None)
    exact, fits = _exact(routes, demands, on_fibre, limit)
    return exact or replace(best, fits=fits)


def _first_fit(
    routes: Sequence[Route],
    demands: Sequence[int],
    on_fibre: dict[int, list[int]],
    order: Sequence[int],
) -> Colouring:
    chosen: list[tuple[int, ...]] = [()] * len(routes)
    taken: dict[int, set[int]] = {f: set() for f in on_fibre}
    for r in order:
        busy: set[int] = set().union(*(taken[f] for f in routes[r].fibres))
        free: list[int] = []
        colour = 0
        while len(free) < demands[r]:
            if colour not in busy:
                free.append(colour)
            colour += 1
        chosen[r] = tuple(free)
        for f in routes[r].fibres:
            taken[f] |= set(free)
    used = 1 + max((c for colours in chosen for c in colours), default=-1)
    return Colouring(tuple(chosen), used, fits=True)


def _exact(
    routes: Sequence[Route],
    demands: Sequence[int],
    on_fibre: dict[int, list[int]],
    limit: int,
) -> tuple[Colouring | None, bool | None]:
    """Binary y[r, c]: request r has colour c. Feasible exactly if the limit can be met."""
    requests = len(routes)
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
    found = solve(
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
    colours = tuple(tuple(np.flatnonzero(line).tolist()) for line in on)
    used = 1 + max((max(c, default=-1) for c in colours), default=-1)
    return Colouring(colours, used, fits=True), True


@dataclass(frozen=True)
class Assignment:
    """Wavelengths of all requests at each level of positive probability."""

    qkd: dict[int, Colouring]
    km: dict[int, Colouring]

    @property
    def fits(self) -> bool | None:
        """Whether all limits are met: True, False where one provably is not, None if unknown."""
        verdicts = [c.fits for by_level in (self.qkd, self.km) for c in by_level.values()]
        if False in verdicts:
            return False
        return None if None in verdicts else True


def assign(network: Network, forecast: Forecast, table: RouteTable) -> Assignment:
    """Colour the routes of a comonotone plan at every level.

    A request takes 3·ρ QKD wavelengths, the same on all its fibres, with ρ the most that any
    fibre of its route needs, and one KM wavelength.
    """
    rho = network.level_channels(forecast.levels.levels)
    qkd: dict[int, Colouring] = {}
    km: dict[int, Colouring] = {}
    for k, probability in enumerate(forecast.levels.exact_probabilities):
        if probability == 0:
            continue
        routes = [table.route(r, k) for r in range(table.requests)]
        channels = [int(rho[k, list(route.fibres)].max()) for route in routes]
        demands = [WAVELENGTHS_PER_CHANNEL * c for c in channels]
        qkd[k] = colour(routes, demands, network.qkd_wavelengths)
        km[k] = colour(routes, [1] * len(routes), network.km_wavelengths)
    return Assignment(qkd, km)
