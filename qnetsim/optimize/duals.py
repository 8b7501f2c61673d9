"""Dual bounds for the routes program over all simple paths.

Give every covering row (23), (24) of fibre e and scenario s a price α_e(s), γ_e(s). If the
prices of a fibre add up to at most the reserved cost and each is at most the probability-
weighted on-demand cost, the shortest paths under ``ρ·α + γ`` add up to a lower bound on the
expected cost: linear programming duality, whatever the prices came from.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.network import Network, Route
from qnetsim.network.routes import NodePair


@dataclass(frozen=True)
class PathLength:
    """A shortest path of a pair and its length."""

    length: float
    route: Route


def shortest_paths(
    network: Network, lengths: FloatArray, pairs: Sequence[NodePair]
) -> dict[NodePair, PathLength]:
    """Shortest path of each pair under float lengths, shape (fibres,), all ≥ 0."""
    neighbours = network.topology.neighbours
    cost = lengths.tolist()
    targets: dict[int, set[int]] = {}
    for source, target in pairs:
        targets.setdefault(source, set()).add(target)
    found: dict[NodePair, PathLength] = {}
    for source, wanted in targets.items():
        best = {source: 0.0}
        parent: dict[int, tuple[int, int]] = {}
        heap = [(0.0, source)]
        done: set[int] = set()
        missing = set(wanted)
        while heap and missing:
            length, here = heapq.heappop(heap)
            if here in done:
                continue
            done.add(here)
            missing.discard(here)
            for other, fibre in neighbours[here]:
                longer = length + cost[fibre]
                if other not in done and longer < best.get(other, np.inf):
                    best[other] = longer
                    parent[other] = (here, fibre)
                    heapq.heappush(heap, (longer, other))
        for target in wanted:
            found[source, target] = PathLength(best[target], _trace(parent, source, target))
    return found


def _trace(parent: Mapping[int, tuple[int, int]], source: int, target: int) -> Route:
    nodes, fibres = [target], []
    while nodes[-1] != source:
        node, fibre = parent[nodes[-1]]
        nodes.append(node)
        fibres.append(fibre)
    return Route(tuple(reversed(nodes)), tuple(reversed(fibres)))


def newsvendor_duals(
    probabilities: FloatArray,
    channels: IntArray,
    reserved: tuple[FloatArray, FloatArray],
    on_demand: tuple[FloatArray, FloatArray],
) -> tuple[FloatArray, FloatArray]:
    """Feasible prices that make the newsvendor reservation of each fibre optimal.

    Channel prices α are the newsvendor's own duals. Wavelength prices γ are spread over the
    scenarios as evenly in proportion to ρ·α as their caps allow, so that one path stays the
    shortest in as many scenarios as possible.

    Parameters
    ----------
    probabilities : ndarray, shape (scenarios,)
    channels : ndarray of int64, shape (scenarios, fibres)
        Channels ρ of one request.
    reserved, on_demand : pair of ndarray, shape (fibres,)
        Unit costs of channels and of KM wavelengths.

    Returns
    -------
    alpha, gamma : ndarray, shape (scenarios, fibres)
    """
    alpha = np.zeros(channels.shape)
    gamma = np.zeros(channels.shape)
    for fibre in range(channels.shape[1]):
        rho = channels[:, fibre]
        alpha[:, fibre] = _filled(
            probabilities * on_demand[0][fibre], reserved[0][fibre], rho.astype(np.float64)
        )
        gamma[:, fibre] = _spread(
            probabilities * on_demand[1][fibre], reserved[1][fibre], rho * alpha[:, fibre]
        )
    return alpha, gamma


def _filled(caps: FloatArray, total: float, order: FloatArray) -> FloatArray:
    """Spend ``total`` on the scenarios of highest order first, each up to its cap."""
    spent = np.zeros_like(caps)
    for s in np.argsort(-order, kind="stable"):
        spent[s] = min(caps[s], total)
        total -= spent[s]
    return spent


def _spread(caps: FloatArray, total: float, weights: FloatArray) -> FloatArray:
    """Spend ``total`` in proportion to the weights, each up to its cap; the rest anyhow."""
    total = min(total, float(caps.sum()))
    spent = np.zeros_like(caps)
    open_ = weights > 0
    while total > 0 and open_.any():
        share = total * weights / weights[open_].sum()
        full = open_ & (share >= caps)
        if not full.any():
            spent[open_] = share[open_]
            return spent
        spent[full] = caps[full]
        total -= float(caps[full].sum())
        open_ &= ~full
    room = caps - spent
    if total > 0 and room.sum() > 0:
        spent += room * min(1.0, total / room.sum())
    return spent


def path_bound(
    network: Network,
    counts: Mapping[NodePair, int],
    channels: IntArray,
    alpha: FloatArray,
    gamma: FloatArray,
) -> float:
    """Sum of shortest path lengths under feasible prices: a lower bound on Eq (21)."""
    total = 0.0
    pairs = list(counts)
    for s in range(channels.shape[0]):
        paths = shortest_paths(network, channels[s] * alpha[s] + gamma[s], pairs)
        total += sum(count * paths[pair].length for pair, count in counts.items())
    return total
