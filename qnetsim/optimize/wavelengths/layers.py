"""Tabu search over routes and colours together, for requests that may take several routes.

A colour is a layer of the network in which every fibre carries at most one request. A move puts a
request without colour on one of its routes in one of the layers, and takes out the requests that
are on these fibres there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from qnetsim import seeds
from qnetsim.arrays import FloatArray, IntArray
from qnetsim.network import Route
from qnetsim.optimize.wavelengths.tabu_search import tenure


@dataclass(frozen=True)
class Charge:
    """What use of the fibres costs in a slot: ``price·(use − held)^+``.

    Attributes
    ----------
    held, price : ndarray, shape (2·fibres,)
        Channels of all fibres, then KM wavelengths.
    """

    held: FloatArray
    price: FloatArray

    def of(self, load: FloatArray) -> FloatArray:
        """Cost of loads, shape (..., 2·fibres)."""
        return np.asarray(np.maximum(load - self.held, 0.0) @ self.price)


@dataclass(frozen=True)
class Choice:
    """Routes that a request may take, and what each uses.

    Attributes
    ----------
    routes : list of Route
    uses : ndarray, shape (routes, 2·fibres)
    one : ndarray of int64, shape (fibres,)
        Channels of the request on each fibre.
    """

    routes: list[Route]
    uses: FloatArray
    one: IntArray

    @cached_property
    def spans(self) -> FloatArray:
        """Fibres of each route as zeros and ones, shape (routes, fibres)."""
        return np.ascontiguousarray(self.uses[:, self.uses.shape[1] // 2 :])


class Layers:
    """Requests on routes in layers.

    Parameters
    ----------
    choices : sequence of Choice
        By request; the first route is the one that it has.
    charge : Charge
    colours : ndarray of int64, shape (requests,)
        Layer of each request on its first route, proper as far as it goes; −1 for none.
    count : int
        Number of layers.

    Attributes
    ----------
    route : ndarray of int64, shape (requests,)
        Position of each request's route in its choice.
    colour : ndarray of int64, shape (requests,)
        Layer of each request; −1 for none.
    """

    def __init__(
        self, choices: Sequence[Choice], charge: Charge, colours: IntArray, count: int
    ) -> None:
        self._choices = choices
        self._charge = charge
        self._fibres = [[list(route.fibres) for route in c.routes] for c in choices]
        self.route = np.zeros(len(choices), dtype=np.int64)
        self.colour = np.full(len(choices), -1)
        fibres = charge.held.size // 2
        self._holder = np.full((fibres, count), -1)
        self._load = np.zeros(charge.held.size)
        for r in np.flatnonzero(colours >= 0).tolist():
            self._put(r, 0, int(colours[r]))

    @property
    def cost(self) -> float:
        """Cost of the requests that have a layer."""
        return float(self._charge.of(self._load))

    def fill(self, budget: float, moves: int) -> bool:
        """Find layers for all requests; says whether that succeeded.

        Parameters
        ----------
        budget : float
            Most by which a route may be dearer than the cheapest that the request could take.
        moves : int
        """
        requests = len(self._choices)
        layers = self._holder.shape[1]
        tabu = np.zeros((requests, layers), dtype=np.int64)
        draws = seeds.words(seeds.stream(0, "layers"), 2 * moves)
        for move in range(moves):
            lacking = np.flatnonzero(self.colour < 0)
            if not lacking.size:
                return True
            r = int(lacking[int(draws[2 * move]) % lacking.size])
            choice = self._choices[r]
            cost = self._charge.of(self._load + choice.uses)
            over = cost - cost.min()
            displaced = choice.spans @ (self._holder >= 0)
            # fewest other requests on its fibres, then the cheaper route
            key = displaced + over[:, None] / (1.0 + over.max())
            key[over > budget] = np.inf
            key[:, tabu[r] > move] += self._holder.shape[0]
            position, layer = divmod(int(key.argmin()), layers)
            until = move + 1 + tenure(lacking.size, int(draws[2 * move + 1]))
            for other in set(self._holder[self._fibres[r][position], layer].tolist()) - {-1}:
                self._take(other)
                tabu[other, layer] = until
            self._put(r, position, layer)
        return bool((self.colour >= 0).all())

    def cheapen(self) -> None:
        """Move requests to cheaper routes for which some layer is free, until none can be moved."""
        moved = True
        while moved:
            moved = False
            for r, choice in enumerate(self._choices):
                position = int(self.route[r])
                layer = int(self.colour[r])
                self._take(r)
                cost = self._charge.of(self._load + choice.uses)
                for other in np.argsort(cost, kind="stable").tolist():
                    if cost[other] >= cost[position] - 1e-9 * max(float(cost[position]), 1e-9):
                        break
                    free = np.flatnonzero((self._holder[self._fibres[r][other]] < 0).all(axis=0))
                    if free.size:
                        position = other
                        layer = int(free[0])
                        moved = True
                        break
                self._put(r, position, layer)

    def _put(self, r: int, position: int, layer: int) -> None:
        self._holder[self._fibres[r][position], layer] = r
        self._load = self._load + self._choices[r].uses[position]
        self.route[r] = position
        self.colour[r] = layer

    def _take(self, r: int) -> None:
        position = int(self.route[r])
        self._holder[self._fibres[r][position], self.colour[r]] = -1
        self._load = self._load - self._choices[r].uses[position]
        self.colour[r] = -1
