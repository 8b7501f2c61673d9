"""Repair: colour what has no colour by letting requests take other routes of hardly higher price.

A colour is a layer of the network in which every fibre serves one request. A move puts a request
without colour on one of its routes in one of the layers, and takes out whoever is in the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qnetsim import seeds
from qnetsim.arrays import FloatArray, IntArray
from qnetsim.network import Route

#: Moves that a request is kept from a layer: a share of the open requests and a draw.
TENURE_SHARE, TENURE_DRAW = 0.6, 10


@dataclass(frozen=True)
class Layered:
    """Requests on routes in layers.

    Attributes
    ----------
    way : ndarray of int64, shape (requests,)
        Position among the request's candidates.
    colour : ndarray of int64, shape (requests,)
        Layer, or −1.
    """

    way: IntArray
    colour: IntArray

    @property
    def open(self) -> int:
        """Requests without a layer."""
        return int((self.colour < 0).sum())


def layered(
    candidates: Sequence[Sequence[Route]],
    prices: Sequence[FloatArray],
    start: Layered,
    fibres: int,
    colours: int,
    moves: int,
) -> Layered:
    """Find routes and layers for all requests; what it could not place has colour −1.

    Parameters
    ----------
    candidates : sequence of sequence of Route
        Routes that each request may take.
    prices : sequence of ndarray
        What each of them costs more than the cheapest.
    start : Layered
        Proper as far as it goes.
    fibres, colours, moves : int
    """
    way, colour = start.way.copy(), start.colour.copy()
    holder = np.full((fibres, colours), -1)
    for r in np.flatnonzero(colour >= 0).tolist():
        holder[list(candidates[r][way[r]].fibres), colour[r]] = r
    spans = [[list(route.fibres) for route in routes] for routes in candidates]
    tabu = np.zeros((len(candidates), colours), dtype=np.int64)
    best, fewest = start, start.open
    draws = seeds.words(seeds.stream(0, "layers"), 2 * moves)
    for move in range(moves):
        lacking = np.flatnonzero(colour < 0)
        if lacking.size < fewest:
            best, fewest = Layered(way.copy(), colour.copy()), int(lacking.size)
        if not lacking.size:
            break
        r = int(lacking[int(draws[2 * move]) % lacking.size])
        kicked = np.array([(holder[span] >= 0).sum(axis=0) for span in spans[r]], dtype=np.float64)
        # fewest others in the way, then the cheaper route
        key = kicked + prices[r][:, None] / (1.0 + prices[r].max())
        key[:, tabu[r] > move] += fibres
        pick = int(key.argmin())
        i, layer = pick // colours, pick % colours
        out = {int(other) for other in holder[spans[r][i], layer] if other >= 0}
        tenure = int(TENURE_SHARE * lacking.size) + int(draws[2 * move + 1]) % TENURE_DRAW
        for other in out:
            holder[spans[other][way[other]], layer] = -1
            colour[other] = -1
            tabu[other, layer] = move + 1 + tenure
        holder[spans[r][i], layer] = r
        way[r], colour[r] = i, layer
    return best
