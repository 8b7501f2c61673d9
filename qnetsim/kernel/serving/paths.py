"""Paths that requests can take: the routes of a table, and paths around known outages."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from itertools import accumulate, chain

import numpy as np

from qnetsim.arrays import Growing, IntArray
from qnetsim.forecast import Forecast
from qnetsim.kernel.serving.state import NO_PATH, REFUSED, Moves, Paths, Sums
from qnetsim.network import BLOCKED, LoadTable, Network, Route, RouteTable
from qnetsim.network.detours import Detours
from qnetsim.network.routes import trusted_relays

#: Moved requests, over all sets of fibres that were down, that are remembered between intervals.
MOST_KEPT = 2**16
#: Requests that leave the path asked for, and their rows of ``choice``.
Moved = tuple[IntArray, IntArray]


class PathTable:
    """The paths of one route table and of its detours.

    Row r of ``choice`` is what the policy asked for; rows of requests that were moved follow.

    Parameters
    ----------
    network : Network
    forecast : Forecast
    routes : RouteTable
    need : ndarray of int64, shape (levels, fibres)
    detours : Detours
        Finds the paths around an outage.
    on_outage : {"wait", "reroute", "block"}
    """

    def __init__(
        self,
        network: Network,
        forecast: Forecast,
        routes: RouteTable,
        need: IntArray,
        detours: Detours,
        on_outage: str,
    ) -> None:
        self._network = network
        self._forecast = forecast
        self.routes = routes
        self._on_outage = on_outage
        self._segments: list[int] = network.segments.tolist()
        self._detours = detours
        self._uses = routes.uses(network.fibres) > 0
        self._base = routes.choice.copy()
        if BLOCKED in routes.routes:
            self._base[self._base == routes.routes.index(BLOCKED)] = REFUSED
        self.plain = bool((self._base >= 0).all())
        self._need = need
        self._forget()
        self.start_interval()

    def _forget(self) -> None:
        """Drop all detours; what the policy asked for stays."""
        self._list: list[Route] = []
        self._position: dict[Route, int] = {}
        none = np.zeros(0, dtype=np.int64)
        self._first = Growing(np.zeros(1, dtype=np.int64))
        self._fibres = Growing(none)
        self._first_inside = Growing(np.zeros(1, dtype=np.int64))
        self._inside = Growing(none)
        self._trusted = Growing(none)
        self._add(self.routes.routes)
        self._choice = Growing(self._base)
        self._row: dict[tuple[int, bytes], int] = {}
        self._moved: dict[tuple[int, ...], Moved] = {}
        self._kept = 0

    def start_interval(self) -> None:
        """Number the tables of an interval anew, from 0: nothing is known to be down."""
        if self._kept > MOST_KEPT:
            self._forget()
        self._number: dict[tuple[int, ...], int] = {(): 0}

    def table(self, known: tuple[int, ...]) -> int:
        """Number in this interval of the table that holds while these fibres are down."""
        if self._on_outage == "wait":
            return 0
        return self._number.setdefault(known, len(self._number))

    def known(self, table: int) -> tuple[int, ...]:
        """Fibres that are known to be down while a table of this interval holds."""
        return list(self._number)[table]

    def relays_on(self, route: Route) -> int:
        """Trusted relays on a route."""
        return trusted_relays(route, self._segments)

    @property
    def moves(self) -> Moves:
        """Requests that the tables of this interval move."""
        found = [self._moved_by(known) for known in self._number]
        return Moves(
            np.cumsum([0, *(len(requests) for requests, _ in found)]),
            np.concatenate([requests for requests, _ in found]),
            np.concatenate([rows for _, rows in found]),
        )

    @property
    def arrays(self) -> Paths:
        """All paths so far, as the serving loop takes them."""
        return Paths(
            choice=self._choice.rows,
            first=self._first.rows,
            fibre=self._fibres.rows.view(np.uint64),
            trusted=self._trusted.rows,
        )

    @property
    def count(self) -> int:
        """Number of paths so far."""
        return len(self._list)

    def _moved_by(self, known: tuple[int, ...]) -> Moved:
        if known not in self._moved:
            moved = self._moved[known] = self._around(known)
            self._kept += len(moved[0])
        return self._moved[known]

    def _around(self, known: tuple[int, ...]) -> Moved:
        crossing = np.zeros(len(self._uses) + 1, dtype=bool)
        crossing[:-1] = self._uses[:, list(known)].any(axis=1)
        # REFUSED is negative and finds the last entry, which crosses nothing
        hit = crossing[np.maximum(self._base, -1)]
        requests = np.flatnonzero(hit.any(axis=1))
        paths = np.full(len(requests), REFUSED)
        if self._on_outage == "reroute":
            pairs = [self._forecast.pairs[r] for r in requests.tolist()]
            found = self._detours.around(frozenset(known), pairs)
            number = dict(zip(found, self._numbers(found.values()), strict=True))
            paths[:] = [number.get(pair, NO_PATH) for pair in pairs]
        rows = np.where(hit[requests], paths[:, None], self._base[requests])
        return requests, self._rows(requests, rows)

    def _rows(self, requests: IntArray, rows: IntArray) -> IntArray:
        """Where these rows lie in ``choice``; new ones are added."""
        size = len(self._choice)
        new: list[int] = []
        at: list[int] = []
        width = rows.shape[1] * rows.itemsize
        texts = rows.tobytes()
        for i, request in enumerate(requests.tolist()):
            key = request, texts[i * width : (i + 1) * width]
            place = self._row.setdefault(key, size + len(new))
            if place == size + len(new):
                new.append(i)
            at.append(place)
        if new:
            self._choice.extend(rows[new])
        return np.array(at, dtype=np.int64)

    def _numbers(self, routes: Collection[Route]) -> list[int]:
        """Numbers of these paths; new ones are added."""
        # to look up a path is slow, and most are there
        found = [self._position.get(route, -1) for route in routes]
        if -1 in found:
            self._add(route for route in routes if route not in self._position)
            found = [self._position[route] for route in routes]
        return found

    def _add(self, routes: Iterable[Route]) -> None:
        """Add paths that are not there yet."""
        new = [*dict.fromkeys(routes)]
        self._position.update((route, len(self._list) + i) for i, route in enumerate(new))
        self._list += new
        fibres = [route.fibres for route in new]
        inside = [route.nodes[1:-1] for route in new]
        self._first.extend(_ends(len(self._fibres), fibres))
        self._fibres.extend([*chain.from_iterable(fibres)])
        self._first_inside.extend(_ends(len(self._inside), inside))
        self._inside.extend([*chain.from_iterable(inside)])
        self._trusted.extend([self.relays_on(route) for route in new])

    @cached_property
    def loads(self) -> LoadTable:
        """Bits and requests that levels put on the fibres by table 0."""
        return LoadTable(self.routes, self._forecast.group, self._need)

    @cached_property
    def sums(self) -> Sums:
        """Bits, requests and exposure that each level puts on the fibres, with one group."""
        levels = self.routes.levels
        if self._forecast.groups > 1 or not self.plain:
            none = np.zeros((0, self._network.fibres), dtype=np.int64)
            return Sums(none, none, np.zeros(0, dtype=np.int64))
        need, count = self.loads.loads(np.arange(levels, dtype=np.int64)[:, None])
        seen = self._trusted.rows[self._base].sum(axis=0)
        key_bits = np.arange(levels, dtype=np.int64) * self._network.level_bits
        return Sums(np.ascontiguousarray(need), np.ascontiguousarray(count), seen * key_bits)

    def carried_whole(self, slots: IntArray) -> IntArray:
        """Key bits by path of slots that were served whole at one level, shape (paths,).

        Parameters
        ----------
        slots : ndarray of int64, shape (levels,)
            How many slots at each level.
        """
        carried = np.zeros(self.count, dtype=np.int64)
        if slots.any():
            bits = slots @ self._carried_by_level
            carried[: len(bits)] = bits
        return carried

    @cached_property
    def _carried_by_level(self) -> IntArray:
        """Key bits by path asked for of one whole slot, shape (levels, paths)."""
        levels = self.routes.levels
        carried = np.zeros((levels, len(self.routes.routes)), dtype=np.int64)
        for level in range(levels):
            asked = np.bincount(self._base[:, level], minlength=carried.shape[1])
            carried[level] = asked * (level * self._network.level_bits)
        return carried

    def exposure(self, carried: IntArray) -> tuple[IntArray, IntArray]:
        """Key bits that each trusted relay of a fibre, and each node between fibres, has seen.

        Parameters
        ----------
        carried : ndarray of int64, shape (paths,)

        Returns
        -------
        by_fibre : ndarray of int64, shape (fibres,)
        by_node : ndarray of int64, shape (nodes,)
        """
        by_fibre = np.zeros(self._network.fibres, dtype=np.int64)
        by_node = np.zeros(len(self._network.topology.nodes), dtype=np.int64)
        np.add.at(by_fibre, self._fibres.rows, np.repeat(carried, np.diff(self._first.rows)))
        np.add.at(by_node, self._inside.rows, np.repeat(carried, np.diff(self._first_inside.rows)))
        return by_fibre, by_node

    def route(self, path: int) -> Route:
        """Nodes and fibres of a path."""
        return self._list[path]


def _ends(start: int, parts: Iterable[Sequence[int]]) -> list[int]:
    """Where each part ends that is put behind so many numbers."""
    return list(accumulate(map(len, parts), initial=start))[1:]
