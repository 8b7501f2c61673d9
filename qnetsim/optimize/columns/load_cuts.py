"""Cuts on the loads of fibres: what whole requests, and whole wavelengths, cannot fill.

Let S be a set of nodes, δ(S) the fibres that leave it, and D the requests that S separates from
their other end. A simple path crosses δ(S) an odd number of times if S separates its ends, else an
even number of times, so the load n(δ(S)) has the parity of D. *Parity*: where the limits of δ(S)
add up to a number of the other parity, one place stays empty. *Continuity*: where δ(S) has an odd
number of fibres, a wavelength is on all of them only if it serves a separated request, so of σ
wavelengths, w to a request, n(δ(S)) ≤ (σ/w)(|δ(S)| − 1) + min(σ/w, D) requests at most.

Both are rows on loads alone, so routes are priced by shortest paths as before.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.network import Topology
from qnetsim.network.model import WAVELENGTHS_PER_CHANNEL
from qnetsim.optimize.columns.problem import RoutesProblem

#: Connected sets of nodes that are looked at, the small ones first.
MOST_SETS = 6_000
#: Amount by which a relaxation must break a cut that is added.
LEAST_VIOLATION = 1e-4
#: Cuts that are added in one round for each scenario, those that are broken most.
MOST_ADDED = 12


class LoadCut(NamedTuple):
    """``Σ n_e over fibres − blocked requests of some pairs ≤ most`` in one scenario.

    Attributes
    ----------
    scenario : int
    fibres : tuple of int
    most : int
    blocked : tuple of int
        Positions of the pairs whose blocked requests count.
    """

    scenario: int
    fibres: tuple[int, ...]
    most: int
    blocked: tuple[int, ...] = ()


class LoadCutSeparator:
    """Finds the cuts that a relaxation breaks.

    Parameters
    ----------
    problem : RoutesProblem
    """

    def __init__(self, problem: RoutesProblem) -> None:
        self.problem = problem
        topology = problem.network.topology
        sets = list(connected_sets(topology, MOST_SETS))
        inside = np.zeros((len(sets), len(topology.nodes)), dtype=bool)
        for i, nodes in enumerate(sets):
            inside[i, list(nodes)] = True
        ends = np.array(topology.fibres)
        self._leaves = inside[:, ends[:, 0]] != inside[:, ends[:, 1]]
        pairs = np.array(problem.pairs).reshape(-1, 2)
        self._separates = inside[:, pairs[:, 0]] != inside[:, pairs[:, 1]]
        self._crossing = self._separates.astype(np.int64) @ problem.demand.astype(np.int64)
        self._size = self._leaves.sum(axis=1)
        self._limit = [self._most(s) for s in range(problem.scenarios)]

    def violated(self, loads: FloatArray) -> list[LoadCut]:
        """Cuts that these loads break, shape (scenarios, fibres)."""
        problem = self.problem
        found: list[LoadCut] = []
        for s, load in enumerate(loads):
            most = self._limit[s]
            if most is None:
                continue
            over = self._leaves @ load - most
            worst = np.argsort(-over, kind="stable")[:MOST_ADDED]
            for i in worst.tolist():
                if over[i] < LEAST_VIOLATION:
                    break
                fibres = tuple(np.flatnonzero(self._leaves[i]).tolist())
                blocked: tuple[int, ...] = ()
                if problem.blocking_cost is not None:
                    blocked = tuple(np.flatnonzero(self._separates[i]).tolist())
                found.append(LoadCut(s, fibres, int(most[i]), blocked))
        return found

    def _most(self, s: int) -> FloatArray | None:
        """Most requests that each set's fibres carry together; None where nothing limits them."""
        caps = self.problem.caps[s]
        if not np.isfinite(caps).any():
            return None
        room = np.where(self._leaves, caps, 0.0).sum(axis=1)
        odd = np.zeros_like(room)
        finite = np.isfinite(room)
        odd[finite] = (room[finite].astype(np.int64) - self._crossing[finite]) % 2
        parity = room - odd
        return np.asarray(np.minimum(parity, self._by_continuity(s)))

    def _by_continuity(self, s: int) -> FloatArray:
        """The same from the odd number of fibres; infinite where it says nothing."""
        most = np.full(self._size.size, np.inf)
        odd = self._size % 2 == 1
        more = self.problem.more
        for kind, limit, width in wavelength_limits(self.problem, s):
            own = np.minimum(limit, width * self._crossing)
            # what one fibre has more stands beside the wavelengths that all fibres have
            extra = 0 if more is None else getattr(more, kind) * self._leaves[:, more.fibre]
            here = (limit * (self._size - 1) + own + extra) // width
            most = np.where(odd, np.minimum(most, here), most)
        return most


class WavelengthLimit(NamedTuple):
    """Wavelengths of a kind, "qkd" or "km", on each fibre, and how many of them a request takes."""

    kind: str
    wavelengths: int
    width: int


def wavelength_limits(problem: RoutesProblem, s: int) -> list[WavelengthLimit]:
    """Limit of each kind that is limited.

    QKD wavelengths are left out where requests need different numbers on different fibres.
    """
    network = problem.network
    rho = np.unique(problem.channels[s])
    kinds = []
    if network.km_wavelengths is not None:
        kinds.append(WavelengthLimit("km", network.km_wavelengths, 1))
    # requests take as many wavelengths as the fibre of their route that needs most
    if network.qkd_wavelengths is not None and rho.size == 1 and rho[0] > 0:
        width = WAVELENGTHS_PER_CHANNEL * int(rho[0])
        kinds.append(WavelengthLimit("qkd", network.qkd_wavelengths, width))
    return kinds


def connected_sets(topology: Topology, most: int) -> Iterator[tuple[int, ...]]:
    """Connected sets of nodes, smallest first, each once; at most half of all nodes in a set.

    A set and its complement have the same fibres between them.
    """
    nodes = range(len(topology.nodes))
    near = [frozenset(n.node for n in topology.neighbours[v]) for v in nodes]
    layer = [frozenset({v}) for v in nodes]
    given = 0
    for _ in range(len(near) // 2):
        for here in layer:
            if given == most:
                return
            given += 1
            yield tuple(sorted(here))
        grown: dict[frozenset[int], None] = {}
        for here in layer:
            around = frozenset().union(*(near[v] for v in here)) - here
            grown.update(dict.fromkeys(here | {v} for v in sorted(around)))
        layer = list(grown)[:most]
