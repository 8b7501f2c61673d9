"""Cuts on the loads of fibres: what whole requests, and whole wavelengths, cannot fill.

Let S be a set of nodes, δ(S) the fibres that leave it, and D the requests that S separates from
their other end. A simple path crosses δ(S) an odd number of times if S separates its ends, else an
even number of times, so the load n(δ(S)) has the parity of D. *Parity*: where the limits of δ(S)
add up to a number of the other parity, one place stays empty. *Continuity*: where δ(S) has an odd
number of fibres, a wavelength is on all of them only if it serves a separated request, so of σ
wavelengths, w to a request, n(δ(S)) ≤ (σ/w)(|δ(S)| − 1) + min(σ/w, D) requests at most.

*Requests of unlike ρ*: the same holds for sums with whole weights, one for each distribution, where
some limit of such a sum is known: channels, Σ ρ_d·n_d ≤ |σ|/3, and what rounding makes of them,
Σ ⌊ρ_d/t⌋·n_d ≤ ⌊|σ|/3t⌋ for t = any of the ρ. The latter cut on single fibres too.

All are rows on loads alone, so routes are priced by shortest paths as before.
"""

from __future__ import annotations

import math
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
    """``sign · (Σ_d weights_d·n_d(fibres) − blocked requests of some kinds) ≤ most`` in a scenario.

    Attributes
    ----------
    scenario : int
    fibres : tuple of int
    most : int
    weights : tuple of int
        Of a request of each distribution.
    blocked : tuple of int
        Positions of the kinds whose blocked requests count.
    sign : int
        1, or −1 where the sum is at least ``−most``; such a row holds for loads that may be more
        than the requests on them.
    """

    scenario: int
    fibres: tuple[int, ...]
    most: int
    weights: tuple[int, ...]
    blocked: tuple[int, ...] = ()
    sign: int = 1

    def used(self, loads: FloatArray) -> float:
        """Left side without blocked requests; loads have shape (distributions, fibres)."""
        return float(self.weights @ loads[:, self.fibres].sum(axis=1))


class Across(NamedTuple):
    """Loads of the fibres that leave each set of nodes, beside the numbers of the right parity.

    Attributes
    ----------
    below : ndarray, shape (sets,)
        Greatest number of that parity that is no more than the load.
    distance : ndarray, shape (sets,)
        Of the load from the nearest number of that parity.
    """

    below: FloatArray
    distance: FloatArray


class Measure(NamedTuple):
    """A weighted sum of the requests on a fibre that some limit bounds, in one scenario.

    Attributes
    ----------
    weights : tuple of int
        Of a request of each distribution.
    most : ndarray, shape (fibres,)
        Most that a fibre carries; infinite where nothing bounds it.
    wavelengths : tuple of WavelengthLimit
        Limits that bound the sum where an odd number of fibres leaves a set.
    rounded : bool
        The relaxation has no row that says as much of a single fibre.
    """

    weights: tuple[int, ...]
    most: FloatArray
    wavelengths: tuple[WavelengthLimit, ...]
    rounded: bool = False


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
        each = np.zeros((len(problem.counts), problem.distributions), dtype=np.int64)
        each[np.arange(len(each)), problem.distribution] = problem.demand
        # requests of each distribution that a set separates, shape (sets, distributions)
        self._crossing = self._separates.astype(np.int64) @ each
        self._size = self._leaves.sum(axis=1)
        self._measures = [measures(problem, s) for s in range(problem.scenarios)]
        self._limit = [[self._most(measure) for measure in here] for here in self._measures]

    def violated(self, loads: FloatArray) -> list[LoadCut]:
        """Cuts that these loads break, shape (scenarios, distributions, fibres)."""
        found: list[LoadCut] = []
        for s, load in enumerate(loads):
            for measure, most in zip(self._measures[s], self._limit[s], strict=True):
                used = np.asarray(measure.weights) @ load
                found += self._on_sets(s, measure, most, used)
                if measure.rounded:
                    found += _on_fibres(s, measure, used)
        return found

    def _on_sets(
        self, s: int, measure: Measure, most: FloatArray, used: FloatArray
    ) -> list[LoadCut]:
        """Cuts of sets of nodes that are broken most."""
        problem = self.problem
        found: list[LoadCut] = []
        over = self._leaves @ used - most
        worst = np.argsort(-over, kind="stable")[:MOST_ADDED]
        for i in worst.tolist():
            if over[i] < LEAST_VIOLATION:
                break
            fibres = self.fibres(i)
            blocked: tuple[int, ...] = ()
            if problem.blocking_cost is not None:
                # one request less of an even weight changes no parity
                odd = np.asarray(measure.weights)[problem.distribution] % 2 == 1
                blocked = tuple(np.flatnonzero(self._separates[i] & odd).tolist())
            found.append(LoadCut(s, fibres, int(most[i]), measure.weights, blocked))
        return found

    def across(self, load: FloatArray, weights: tuple[int, ...]) -> Across:
        """Where the weighted load of each set lies; shape (distributions, fibres)."""
        each = np.asarray(weights)
        crossing = self._crossing @ each
        above = self._leaves @ (each @ load) - crossing
        below = 2 * np.floor(above / 2)
        distance = np.minimum(above - below, below + 2 - above)
        return Across(below + crossing, distance)

    def fibres(self, i: int) -> tuple[int, ...]:
        """Fibres that leave a set."""
        return tuple(np.flatnonzero(self._leaves[i]).tolist())

    def _most(self, measure: Measure) -> FloatArray:
        """Most that the fibres of each set carry together; infinite where nothing limits them."""
        room = np.where(self._leaves, measure.most, 0.0).sum(axis=1)
        odd = np.zeros_like(room)
        finite = np.isfinite(room)
        crossing = self._crossing @ np.asarray(measure.weights)
        odd[finite] = (room[finite].astype(np.int64) - crossing[finite]) % 2
        parity = room - odd
        return np.asarray(np.minimum(parity, self._by_continuity(measure)))

    def _by_continuity(self, measure: Measure) -> FloatArray:
        """The same from the odd number of fibres; infinite where it says nothing."""
        most = np.full(self._size.size, np.inf)
        odd = self._size % 2 == 1
        more = self.problem.more
        for kind, limit, widths, width in measure.wavelengths:
            own = np.minimum(limit, self._crossing @ np.asarray(widths))
            # what one fibre has more stands beside the wavelengths that all fibres have
            extra = 0 if more is None else getattr(more, kind) * self._leaves[:, more.fibre]
            here = (limit * (self._size - 1) + own + extra) // width
            most = np.where(odd, np.minimum(most, here), most)
        return most


def _on_fibres(s: int, measure: Measure, used: FloatArray) -> list[LoadCut]:
    """Cuts of single fibres that are broken most."""
    over = used - measure.most
    worst = np.argsort(-over, kind="stable")[:MOST_ADDED].tolist()
    return [
        LoadCut(s, (e,), int(measure.most[e]), measure.weights)
        for e in worst
        if over[e] >= LEAST_VIOLATION
    ]


class WavelengthLimit(NamedTuple):
    """Wavelengths on each fibre, and how they bound a weighted sum of requests.

    Attributes
    ----------
    kind : str
        "qkd" or "km".
    wavelengths : int
    widths : tuple of int
        Wavelengths that a request of each distribution takes.
    unit : int
        Wavelengths that the sum counts as one, rounded down.
    """

    kind: str
    wavelengths: int
    widths: tuple[int, ...]
    unit: int


def measures(problem: RoutesProblem, s: int) -> list[Measure]:
    """Sums of requests that the limits bound in a scenario."""
    network = problem.network
    rho = problem.channels[s]
    units, requests = problem.limits.caps[s]
    ones = (1,) * problem.distributions
    km: tuple[WavelengthLimit, ...] = ()
    if network.km_wavelengths is not None:
        km = (WavelengthLimit("km", network.km_wavelengths, ones, 1),)
    sigma = network.qkd_wavelengths
    # a request takes as many wavelengths as the fibre of its route that needs most
    if sigma is None or not (rho == rho[:, :1]).all() or not rho.any():
        return [Measure(ones, requests, km)] if np.isfinite(requests).any() else []
    each = rho[:, 0].tolist()
    widths = tuple(WAVELENGTHS_PER_CHANNEL * c for c in each)
    if len(set(each)) == 1:
        qkd = WavelengthLimit("qkd", sigma, widths, widths[0])
        return [Measure(ones, requests, (*km, qkd))]
    found = [Measure(ones, requests, km)] if km else []
    least = math.gcd(*each)
    for t in sorted({least, *each} - {0}):
        weights = tuple(c // t for c in each)
        qkd = WavelengthLimit("qkd", sigma, widths, WAVELENGTHS_PER_CHANNEL * t)
        most = np.floor(units / (t // least))
        found.append(Measure(weights, most, (qkd,), rounded=t > least))
    return found


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
