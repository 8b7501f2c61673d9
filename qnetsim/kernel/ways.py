"""Ways that requests can take: the routes of a table, and ways around known outages."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.exogenous import Forecast
from qnetsim.kernel.tables import NO_WAY, REFUSED
from qnetsim.network import BLOCKED, LoadTable, Network, Route, RouteTable, shortest_routes


class Ways:
    """The ways of one route table and of its detours.

    Parameters
    ----------
    network : Network
    forecast : Forecast
    routes : RouteTable
    need : ndarray of int64, shape (levels, fibres)
    lengths : sequence of Fraction
        Length of each fibre, for the ways around an outage.
    on_outage : {"wait", "reroute", "block"}
    """

    def __init__(
        self,
        network: Network,
        forecast: Forecast,
        routes: RouteTable,
        need: IntArray,
        lengths: Sequence[Fraction],
        on_outage: str,
    ) -> None:
        self._network, self._forecast = network, forecast
        self.routes = routes
        self._lengths = lengths
        self._on_outage = on_outage
        self._list: list[Route] = list(routes.routes)
        self._position = {route: i for i, route in enumerate(self._list)}
        self._uses = routes.uses(network.fibres) > 0
        base = routes.choice.copy()
        if BLOCKED in self._position:
            base[base == self._position[BLOCKED]] = REFUSED
        self.plain = bool((base >= 0).all())
        self._tables: dict[tuple[int, ...], int] = {(): 0}
        self.choice: IntArray = base[None]
        self._need = need
        self._pack()

    @cached_property
    def loads(self) -> LoadTable:
        """Bits and requests that levels put on the fibres by table 0."""
        return LoadTable(self.routes, self._forecast.group, self._need)

    def table(self, known: tuple[int, ...]) -> int:
        """Number of the table of choices that holds while these fibres are known to be down."""
        if self._on_outage == "wait":
            return 0
        if known not in self._tables:
            self._tables[known] = len(self._tables)
            self.choice = np.concatenate([self.choice, self._around(known)[None]])
            self._pack()
        return self._tables[known]

    def _around(self, known: tuple[int, ...]) -> IntArray:
        choice = self.choice[0].copy()
        crossing = np.zeros(len(self.routes.routes) + 1, dtype=bool)
        crossing[:-1] = self._uses[:, list(known)].any(axis=1)
        # REFUSED is negative and finds the last entry, which crosses nothing
        hit = crossing[np.maximum(choice, -1)]
        if self._on_outage == "block":
            choice[hit] = REFUSED
            return np.asarray(choice)
        requests = np.flatnonzero(hit.any(axis=1)).tolist()
        pairs = [self._forecast.pairs[r] for r in requests]
        found = shortest_routes(self._network.topology, self._lengths, pairs, frozenset(known))
        for request, pair in zip(requests, pairs, strict=True):
            detour = found.get(pair)
            way = NO_WAY
            if detour is not None:
                way = self._position.setdefault(detour, len(self._list))
                if way == len(self._list):
                    self._list.append(detour)
            choice[request, hit[request]] = way
        return np.asarray(choice)

    def _pack(self) -> None:
        """Ways as arrays: fibres one after another, and trusted relays."""
        counts = [len(route.fibres) for route in self._list]
        self.way: IntArray = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        self.fibre: IntArray = np.array(
            [f for route in self._list for f in route.fibres], dtype=np.int64
        )
        inside = self._network.segments - 1
        self.trusted: IntArray = np.array(
            [
                sum(int(inside[f]) for f in route.fibres) + max(len(route.nodes) - 2, 0)
                for route in self._list
            ],
            dtype=np.int64,
        )

    @cached_property
    def rows(self) -> tuple[IntArray, IntArray, IntArray]:
        """Bits, requests and exposure that each level puts on the fibres, with one group."""
        levels = self.routes.levels
        if self._forecast.groups > 1 or not self.plain:
            none = np.zeros((0, self._network.fibres), dtype=np.int64)
            return none, none, np.zeros(0, dtype=np.int64)
        need, count = self.loads.loads(np.arange(levels, dtype=np.int64)[:, None])
        seen = self.trusted[self.choice[0]].sum(axis=0)
        key_bits = np.arange(levels, dtype=np.int64) * self._network.level_bits
        return (np.ascontiguousarray(need), np.ascontiguousarray(count), seen * key_bits)

    def carried_whole(self, slots: IntArray) -> IntArray:
        """Key bits by way of slots that were served whole at one level, shape (ways,).

        Parameters
        ----------
        slots : ndarray of int64, shape (levels,)
            How many slots at each level.
        """
        carried = np.zeros(len(self.trusted), dtype=np.int64)
        for level in np.flatnonzero(slots).tolist():
            bits = int(slots[level]) * level * self._network.level_bits
            carried += bits * np.bincount(self.choice[0, :, level], minlength=len(carried))
        return carried

    def exposure(self, carried: IntArray) -> tuple[IntArray, IntArray]:
        """Key bits that each trusted relay of a fibre, and each node between fibres, has seen.

        Parameters
        ----------
        carried : ndarray of int64, shape (ways,)

        Returns
        -------
        by_fibre : ndarray of int64, shape (fibres,)
        by_node : ndarray of int64, shape (nodes,)
        """
        by_fibre = np.zeros(self._network.fibres, dtype=np.int64)
        by_node = np.zeros(len(self._network.topology.nodes), dtype=np.int64)
        for way in np.flatnonzero(carried).tolist():
            route, bits = self._list[way], int(carried[way])
            for fibre in route.fibres:
                by_fibre[fibre] += bits
            for node in route.nodes[1:-1]:
                by_node[node] += bits
        return by_fibre, by_node

    def route(self, way: int) -> Route:
        """Nodes and fibres of a way."""
        return self._list[way]
