"""Do the wavelength limits carry the demand at all? An integer routing, or a proof that none is.

All requests of one realisation need the same channels ρ on a fibre, so (28) and (29) say how many
requests fit on it. A routing that fits at the highest demand fits at every lower one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import sparse

from qnetsim.arrays import FloatArray
from qnetsim.errors import InfeasibleError, SolverError
from qnetsim.network import Network, Route, simple_routes
from qnetsim.network.routes import NodePair
from qnetsim.optimize.duals import shortest_paths
from qnetsim.optimize.program import Program, Solution, SolveStatus
from qnetsim.optimize.solver import Solver

TOLERANCE = 1e-6
#: Most simple paths that are enumerated to find or refute an integer routing.
MAX_ENUMERATED = 50_000

Column = tuple[NodePair, Route]


def capacities(network: Network, channels: Sequence[int]) -> FloatArray:
    """Requests that fit on each fibre, (28) and (29) in one; shape (fibres,).

    Parameters
    ----------
    network : Network
    channels : sequence of int
        Channels ρ that one request needs on each fibre.
    """
    caps = np.full(network.fibres, np.inf)
    if network.max_wavelengths is not None:
        caps[:] = network.max_wavelengths
    if network.max_channels is not None:
        rho = np.asarray(channels)
        fit = network.max_channels // np.maximum(rho, 1)
        caps = np.where(rho > 0, np.minimum(caps, fit), caps)
    return caps


def feasible_routing(
    network: Network,
    counts: Mapping[NodePair, int],
    level: int,
    channels: Sequence[int],
    start: Mapping[NodePair, Route],
    solver: Solver,
) -> list[Column]:
    """Routes that serve all requests within the limits, as an integer program.

    Parameters
    ----------
    network : Network
    counts : mapping from pair to int
    level : int
        Demand level, for messages.
    channels : sequence of int
        Channels ρ of one request on each fibre.
    start : mapping from pair to Route
    solver : Solver

    Raises
    ------
    InfeasibleError
        There is none; names level, fibres and missing wavelengths.
    SolverError
        Neither a routing nor a proof was found.
    """
    search = _Search(network, counts, capacities(network, channels), solver)
    columns = [(pair, start[pair]) for pair in counts]
    relaxed, columns = search.generate(columns)
    if search.unserved(relaxed).sum() > TOLERANCE:
        raise InfeasibleError(_shortage(search, relaxed, columns, level, channels))
    whole = solver.solve(search.program(columns))
    if search.unserved(whole).sum() <= TOLERANCE:
        return search.used(whole, columns)
    longest = len(network.topology.nodes) - 1
    for most in (*range(4, longest, 3), longest):
        paths = [(p, r) for p in counts for r in simple_routes(network.topology, p, most)]
        if len(paths) > MAX_ENUMERATED:
            break
        columns = list(dict.fromkeys([*columns, *paths]))
        whole = solver.solve(search.program(columns))
        if search.unserved(whole).sum() <= TOLERANCE:
            return search.used(whole, columns)
        if most == longest and whole.status is SolveStatus.OPTIMAL:
            raise InfeasibleError(_shortage(search, whole, columns, level, channels))
    raise SolverError(
        f"level k = {level}: the wavelength limits admit fractional routes, but neither an "
        f"integer routing nor a proof that there is none was found over {len(columns)} routes; "
        "raise network.qkd_wavelengths or network.km_wavelengths"
    )


class _Search:
    """Minimise the unserved requests; variables are one slack per pair, then the columns."""

    def __init__(
        self,
        network: Network,
        counts: Mapping[NodePair, int],
        caps: FloatArray,
        solver: Solver,
    ) -> None:
        self.network, self.counts, self.caps, self.solver = network, counts, caps, solver
        self.pairs = list(counts)
        self.position = {pair: i for i, pair in enumerate(self.pairs)}

    def program(self, columns: Sequence[Column]) -> Program:
        pairs, fibres = len(self.pairs), self.network.fibres
        rows, cols = list(range(pairs)), list(range(pairs))
        for i, (pair, route) in enumerate(columns):
            touched = [self.position[pair], *(pairs + fibre for fibre in route.fibres)]
            rows += touched
            cols += [pairs + i] * len(touched)
        size = pairs + len(columns)
        demand = np.array([float(self.counts[pair]) for pair in self.pairs])
        return Program(
            cost=np.concatenate([np.ones(pairs), np.zeros(len(columns))]),
            lower=np.zeros(size),
            upper=np.full(size, np.inf),
            matrix=sparse.coo_array(
                (np.ones(len(rows)), (rows, cols)), shape=(pairs + fibres, size)
            ).tocsr(),
            row_lower=np.concatenate([demand, np.full(fibres, -np.inf)]),
            row_upper=np.concatenate([demand, self.caps]),
            integer=np.ones(size, dtype=bool),
        )

    def generate(self, columns: list[Column]) -> tuple[Solution, list[Column]]:
        """Add shortest paths under the fibres' duals until none serves more."""
        while True:
            relaxed = self.solver.solve(self.program(columns), relax=True)
            crowding = -np.minimum(relaxed.row_duals[len(self.pairs) :], 0.0)
            paths = shortest_paths(self.network, crowding, self.pairs)
            known = set(columns)
            fresh = [
                (pair, paths[pair].route)
                for i, pair in enumerate(self.pairs)
                if paths[pair].length < relaxed.row_duals[i] - TOLERANCE
                and (pair, paths[pair].route) not in known
            ]
            if not fresh:
                return relaxed, columns
            columns = [*columns, *fresh]

    def unserved(self, solution: Solution) -> FloatArray:
        return solution.values[: len(self.pairs)]

    def used(self, solution: Solution, columns: Sequence[Column]) -> list[Column]:
        flows = solution.values[len(self.pairs) :]
        return [column for column, flow in zip(columns, flows, strict=True) if flow > 0.5]

    def load(self, solution: Solution, columns: Sequence[Column]) -> FloatArray:
        """Requests on each fibre, shape (fibres,)."""
        load = np.zeros(self.network.fibres)
        flows = solution.values[len(self.pairs) :]
        for (_, route), flow in zip(columns, flows, strict=True):
            load[list(route.fibres)] += flow
        return load


def _shortage(
    search: _Search,
    solution: Solution,
    columns: Sequence[Column],
    level: int,
    channels: Sequence[int],
) -> str:
    """Name level, full fibres, unrouted pairs and what they lack."""
    network, topology = search.network, search.network.topology
    missing = search.unserved(solution)
    room = search.caps - search.load(solution, columns)
    full = np.flatnonzero(room < 1 - TOLERANCE).tolist()
    names = ", ".join(topology.fibre_name(e) for e in full[:12])
    pairs = ", ".join(
        f"{topology.nodes[a]}–{topology.nodes[b]}"
        for a, b in (search.pairs[i] for i in np.flatnonzero(missing > TOLERANCE)[:5])
    )
    lacking = float(missing.sum())
    limits, lacks, raises = [], [], []
    if network.max_channels is not None:
        limits.append(f"⌊|σ|/3⌋ = {network.max_channels} channels")
        lacks.append(f"{3 * lacking * max(channels[e] for e in full):.3g} QKD wavelengths")
        raises.append("network.qkd_wavelengths")
    if network.max_wavelengths is not None:
        limits.append(f"|κ| = {network.max_wavelengths} KM wavelengths")
        lacks.append(f"{lacking:.3g} KM wavelengths")
        raises.append("network.km_wavelengths")
    return (
        f"infeasible: at level k = {level} the fibres {names} are full "
        f"({' and '.join(limits)} per fibre); {lacking:.3g} requests ({pairs}) find no route and "
        f"lack {' and '.join(lacks)} on a way of theirs; raise {' or '.join(raises)}, or ask "
        "for less"
    )
