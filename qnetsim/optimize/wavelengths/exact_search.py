"""Decide exactly, without a solver, whether a few requests have wavelengths on their routes.

All requests that have one wavelength share no fibre. So wavelengths are sets of requests that share
none, and the largest such sets do. A search covers every request as often as it needs wavelengths
with as many of these sets as there are wavelengths, or proves that this cannot be done.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from qnetsim.network import Network, Route
from qnetsim.optimize.wavelengths.colouring import Level, searched_colouring

#: Steps of a search; beyond them nothing is decided.
MOST_STEPS = 50_000
#: Sets of requests that share no fibre, at most.
MOST_SETS = 2_000


class _GaveUpError(Exception):
    """The search takes too many steps."""


def keeps_continuity(network: Network, level: Level) -> bool | None:
    """Whether the requests of a level have wavelengths within the limits; None if not decided."""
    if searched_colouring(network, level) is not None:
        return True
    limits = ((network.qkd_wavelengths, level.demands), (network.km_wavelengths, None))
    verdicts = [
        decide(level.routes, demands or [1] * len(level.routes), limit)
        for limit, demands in limits
        if limit is not None
    ]
    if False in verdicts:
        return False
    return None if None in verdicts else True


def decide(routes: Sequence[Route], demands: Sequence[int], limit: int) -> bool | None:
    """Whether routes can be given so many wavelengths each within a limit; None if not decided."""
    unit = math.gcd(*demands) or 1
    needs = [demand // unit for demand in demands]
    asking = [r for r, need in enumerate(needs) if need]
    shares = {
        r: {q for q in asking if q != r and set(routes[q].fibres) & set(routes[r].fibres)}
        for r in asking
    }
    try:
        sets = _largest_sets(asking, shares)
        cover = _Cover(routes, sets, asking)
        return cover.suffices(tuple(needs[r] for r in asking), limit // unit)
    except _GaveUpError:
        return None


def _largest_sets(asking: list[int], shares: dict[int, set[int]]) -> list[frozenset[int]]:
    """Sets of requests that share no fibre, each as large as it can be."""
    found: list[frozenset[int]] = []

    def grow(chosen: frozenset[int], free: set[int], done: set[int]) -> None:
        if len(found) > MOST_SETS:
            raise _GaveUpError
        if not free and not done:
            found.append(chosen)
            return
        for r in sorted(free):
            apart = shares[r] | {r}
            grow(chosen | {r}, free - apart, done - apart)
            free = free - {r}
            done = done | {r}

    grow(frozenset(), set(asking), set())
    return sorted(found, key=len, reverse=True)


class _Cover:
    """Covers requests by sets, as often as each needs it."""

    def __init__(
        self, routes: Sequence[Route], sets: list[frozenset[int]], asking: list[int]
    ) -> None:
        place = {r: i for i, r in enumerate(asking)}
        self._sets = [[place[r] for r in members] for members in sets]
        self._with = [[m for m in self._sets if i in m] for i in range(len(asking))]
        fibres = {e for r in asking for e in routes[r].fibres}
        self._on = [[place[r] for r in asking if e in routes[r].fibres] for e in fibres]
        self._failed: set[tuple[tuple[int, ...], int]] = set()
        self._steps = 0

    def suffices(self, needs: tuple[int, ...], left: int) -> bool:
        """Whether so many sets cover these needs."""
        if not any(needs):
            return True
        if any(sum(needs[i] for i in on) > left for on in self._on):
            return False
        if (needs, left) in self._failed:
            return False
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise _GaveUpError
        first = max(range(len(needs)), key=needs.__getitem__)
        tried: set[tuple[int, ...]] = set()
        for members in self._with[first]:
            rest = list(needs)
            for i in members:
                rest[i] = max(rest[i] - 1, 0)
            after = tuple(rest)
            if after not in tried and self.suffices(after, left - 1):
                return True
            tried.add(after)
        self._failed.add((needs, left))
        return False
