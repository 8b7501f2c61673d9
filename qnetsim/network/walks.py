"""Shortest walks of many node pairs at once, in compiled code, with ties as the heap breaks them.

Distances to every wanted target come from scipy. A walk then starts at the pair's first node and
goes on over fibres that are *tight*: length and distance of the far end add up to the distance
here. A whole length L is coded as ``L·n + 1`` for n nodes, so sums order paths by length, then by
fibres, and are exact in doubles below 2^53. Every tight way is then a best one, and the smallest
next node at each step gives the smallest node sequence; of parallel fibres that are both tight the
first one is taken. Where sums are larger, distances are
rounded: a walk is certain as long as one fibre only is tight within the rounding; others are left
to exact arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.network.routes import Neighbours, Route

#: Nodes times nodes to search from at which compiled code is worth its import. It is almost three
#: times as fast there as the search in Python, as fast at a tenth of that, and five times as fast
#: at 250,000.
WORTH_COMPILED = 20_000
#: Whole numbers below are exact in doubles, and so are their sums that stay below.
EXACT = 2.0**53
#: Distances that are held at once: last nodes times all nodes.
MOST_DISTANCES = 4_000_000
#: Most that rounding puts between two sums of n terms that are equal, in units of n·2^-52.
ROUNDINGS = 8
#: Lengths below, beside the longest, may have lost digits.
LEAST_LENGTH = 1e-290


class FoundWalks(NamedTuple):
    """Walks by the position of their pair.

    Attributes
    ----------
    walks : dict from int to Route
        Pairs that no path joins are left out.
    open : list of int
        Pairs whose shortest walk only exact arithmetic can tell.
    """

    walks: dict[int, Route]
    open: list[int]


class _Links(NamedTuple):
    """Fibres in both directions, by where they begin, where they end, and their number."""

    first: IntArray
    end: IntArray
    fibre: IntArray


def shortest_walks(
    neighbours: Neighbours,
    lengths: Sequence[int],
    pairs: Sequence[tuple[int, int]],
) -> FoundWalks:
    """Find the shortest walk of each pair; ties by fewest fibres, smallest nodes, first fibres.

    Parameters
    ----------
    neighbours : sequence of sequence of Neighbour
    lengths : sequence of int, one for each fibre
        Not negative.
    pairs : sequence of (int, int)
    """
    links = _links(neighbours)
    coded = _coded(lengths, len(neighbours))
    ends = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    by_target = np.argsort(ends[:, 1], kind="stable")
    found = FoundWalks({}, [])
    for part in _parts(ends[by_target, 1], max(1, MOST_DISTANCES // len(neighbours))):
        chosen = by_target[part]
        targets, row = np.unique(ends[chosen, 1], return_inverse=True)
        walker = None if coded is None else _Walker(links, coded, targets)
        if walker is None or walker.furthest() >= EXACT:
            longest = max(lengths)
            rounded = np.array([length / longest for length in lengths])
            walker = _Walker(links, rounded, targets, roundings=ROUNDINGS)
        walks, certain = walker.walk(ends[chosen, 0], ends[chosen, 1], row)
        found.open.extend(chosen[~certain].tolist())
        found.walks.update((int(chosen[i]), walk) for i, walk in walks)
    return found


def all_distances(
    neighbours: Neighbours, lengths: Sequence[float], targets: Sequence[int]
) -> FloatArray:
    """Length of the shortest path from every node to each target, shape (targets, nodes).

    Infinite where none leads. Lengths of a path are added up from the target on.
    """
    return _distances(_links(neighbours), np.array(lengths), np.array(targets, dtype=np.int64))


def _links(neighbours: Neighbours) -> _Links:
    degree = [len(ends) for ends in neighbours]
    numbers = chain.from_iterable(chain.from_iterable(neighbours))
    listed = np.fromiter(numbers, dtype=np.int64).reshape(-1, 2)
    begin = np.repeat(np.arange(len(degree)), degree)
    end, fibre = listed[np.lexsort((listed[:, 1], listed[:, 0], begin))].T
    return _Links(np.concatenate([[0], np.cumsum(degree)]), end, fibre)


def _coded(lengths: Sequence[int], nodes: int) -> FloatArray | None:
    """Lengths with the count of fibres in their last digits; None where they are too large."""
    unit = math.gcd(*lengths) or 1
    if max(lengths) // unit * nodes + 1 >= EXACT:
        return None
    return np.array([float(length // unit * nodes + 1) for length in lengths])


def _parts(sorted_targets: IntArray, most: int) -> Iterator[slice]:
    """Cut pairs that are sorted by target into parts of at most so many targets."""
    starts = np.flatnonzero(np.diff(sorted_targets, prepend=-1))[::most].tolist()
    return (slice(a, b) for a, b in pairwise([*starts, sorted_targets.size]))


def _distances(links: _Links, lengths: FloatArray, targets: IntArray) -> FloatArray:
    """Distance of every node to each target, shape (targets, nodes)."""
    # a slow import, for large networks only
    from scipy import sparse
    from scipy.sparse.csgraph import dijkstra

    nodes = links.first.size - 1
    graph = sparse.csr_array(
        (lengths[links.fibre], links.end.astype(np.int32), links.first.astype(np.int32)),
        shape=(nodes, nodes),
    )
    return np.asarray(dijkstra(graph, directed=True, indices=targets))


class _Walker:
    """Walks many pairs one fibre at a time, all at once.

    Parameters
    ----------
    links : _Links
    lengths : ndarray, shape (fibres,)
    targets : ndarray of int64
        Nodes where walks may end, each once.
    roundings : int
        Roundings of a distance for each node; zero for coded lengths.
    """

    def __init__(
        self, links: _Links, lengths: FloatArray, targets: IntArray, roundings: int = 0
    ) -> None:
        self._links = links
        self._lengths = lengths[links.fibre]
        self._distances = _distances(links, lengths, targets)
        self._exact = roundings == 0
        self._slack = roundings * self._distances.shape[1] * float(np.finfo(float).eps)
        self._least = 0.0 if self._exact else LEAST_LENGTH

    def furthest(self) -> float:
        """Largest distance; a sum that was rounded is not below 2^53, so smaller ones are exact."""
        return float(self._distances[np.isfinite(self._distances)].max())

    def walk(
        self, sources: IntArray, targets: IntArray, row: IntArray
    ) -> tuple[list[tuple[int, Route]], npt.NDArray[np.bool_]]:
        """Walks of the pairs that are joined, by position, and whether each is certain."""
        certain = np.ones(sources.size, dtype=bool)
        joined = np.isfinite(self._distances[row, sources])
        active = np.flatnonzero(joined & (sources != targets))
        here = sources[active]
        steps = [(np.flatnonzero(joined), sources[joined], np.full(int(joined.sum()), -1))]
        while active.size:
            link, single = self._next(here, row[active])
            certain[active[~single]] = False
            active = active[single]
            here = self._links.end[link[single]]
            steps.append((active, here, self._links.fibre[link[single]]))
            on = here != targets[active]
            active = active[on]
            here = here[on]
        pair, node, fibre = (np.concatenate(part) for part in zip(*steps, strict=True))
        order = np.argsort(pair, kind="stable")
        nodes = node[order].tolist()
        fibres = fibre[order].tolist()
        count = np.bincount(pair, minlength=sources.size)
        last = np.cumsum(count).tolist()
        walks = [
            (i, Route(tuple(nodes[end - n : end]), tuple(fibres[end - n + 1 : end])))
            for i, (n, end) in enumerate(zip(count.tolist(), last, strict=True))
            if n and certain[i]
        ]
        return walks, certain

    def _next(self, here: IntArray, row: IntArray) -> tuple[IntArray, npt.NDArray[np.bool_]]:
        """The first tight link to the smallest node, and whether it is surely the right one."""
        links = self._links
        degree = links.first[here + 1] - links.first[here]
        start = np.cumsum(degree) - degree
        walker = np.repeat(np.arange(here.size), degree)
        link = np.arange(walker.size) - start[walker] + links.first[here][walker]
        over = self._lengths[link] + self._distances[row[walker], links.end[link]]
        distance = self._distances[row, here]
        tight = over <= (distance * (1 + self._slack) + self._least)[walker]
        best = np.minimum.reduceat(np.where(tight, link, links.end.size), start)
        if self._exact:
            return best, np.ones(here.size, dtype=bool)
        return best, np.add.reduceat(tight, start, dtype=np.int64) == 1
