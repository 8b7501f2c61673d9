"""The paper's wavelength-indexed stochastic integer program, (21)-(31), equation by equation.

Binary variables x[r, a, p, k] and f[r, a, q, k] say that request r uses KM wavelength p, or QKD
wavelength q, on the directed link a in scenario k. The program grows with every one of these
indices, so it is for small instances; tests compare the routes program and the colouring with it.
One scenario of probability one, without an on-demand stage, is the deterministic program (8)-(18).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import sparse

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.errors import InfeasibleError, SolverError, UsageError
from qnetsim.network import Network
from qnetsim.network.model import WAVELENGTHS_PER_CHANNEL
from qnetsim.network.routes import NodePair
from qnetsim.optimize.columns.problem import Size
from qnetsim.optimize.lightpaths.lightpaths import Lightpaths
from qnetsim.optimize.solvers.program import Names, Program, SolveStatus
from qnetsim.optimize.solvers.solver import HIGHS, Solver

#: Most variables for which the program is built.
MAX_VARIABLES = 200_000

#: Kind and indices of a variable, such as ``("x", request, source, target, wavelength, scenario)``.
Name = tuple[str | int, ...]


class ProgramRow(NamedTuple):
    """``lower ≤ Σ terms[name]·name ≤ upper``."""

    terms: Mapping[Name, float]
    lower: float
    upper: float


@dataclass(frozen=True)
class FullProblem:
    """What the full program is asked.

    Attributes
    ----------
    network : Network
    pairs : sequence of (int, int)
        Source s_r and destination d_r of each request.
    probabilities : ndarray, shape (scenarios,)
    channels : ndarray of int64, shape (scenarios, requests, fibres)
        Channels ρ_r(k) that each request needs on each fibre; for one request the same on all
        fibres, as (25) and (26) demand.
    on_demand : bool
        Whether a second stage may buy; without it this is (8)-(18).
    blocking_cost : float or None
        Price of a request that is not served; None where all must be.
    """

    network: Network
    pairs: Sequence[NodePair]
    probabilities: FloatArray
    channels: IntArray
    on_demand: bool = True
    blocking_cost: float | None = None

    @property
    def qkd_wavelengths(self) -> int:
        """|σ|; where unlimited, as many as all requests together can use."""
        if self.network.qkd_wavelengths is not None:
            return self.network.qkd_wavelengths
        peak = int(self.channels.max(axis=2).sum(axis=1).max(initial=0))
        return WAVELENGTHS_PER_CHANNEL * int(peak)

    @property
    def km_wavelengths(self) -> int:
        """|κ|; where unlimited, one for each request."""
        most = self.network.km_wavelengths
        return len(self.pairs) if most is None else most

    @property
    def variables(self) -> int:
        """Variables that the program needs."""
        scenarios, requests, fibres = self.channels.shape
        wavelengths = self.qkd_wavelengths + self.km_wavelengths
        scenarios = int(scenarios)
        requests = int(requests)
        fibres = int(fibres)
        blocked = 0 if self.blocking_cost is None else 1
        per_request = 2 * fibres * wavelengths + blocked
        return 2 * fibres * (1 + scenarios) + scenarios * requests * per_request


@dataclass(frozen=True, kw_only=True)
class FullSolution:
    """Solution of the full program.

    Attributes
    ----------
    status : SolveStatus
    objective, bound : float
        Expected cost per slot, and the proved lower bound on it.
    qkd_reserved, km_reserved : ndarray of float64, shape (fibres,)
        Reserved wavelengths: F^b (three to a channel) and X^b.
    lightpaths : tuple of tuple of Lightpaths
        By scenario and request.
    solver : str
    size : Size
    """

    status: SolveStatus
    objective: float
    bound: float
    qkd_reserved: FloatArray
    km_reserved: FloatArray
    lightpaths: tuple[tuple[Lightpaths, ...], ...]
    solver: str
    size: Size


class FullProgram:
    """Builds and solves the program.

    Raises
    ------
    UsageError
        The instance is too large; says how many variables it would need.
    """

    def __init__(self, problem: FullProblem, solver: Solver = HIGHS) -> None:
        if problem.variables > MAX_VARIABLES:
            raise UsageError(
                f"the full program would need {problem.variables:,} variables for "
                f"{len(problem.pairs)} requests, {len(problem.probabilities)} scenarios, "
                f"|σ| = {problem.qkd_wavelengths} and |κ| = {problem.km_wavelengths} (at most "
                f"{MAX_VARIABLES:,}); use the routes program (policy sip) instead"
            )
        self.problem = problem
        self.solver = solver
        topology = problem.network.topology
        self.nodes = range(len(topology.nodes))
        self.fibres = range(len(topology.fibres))
        self.links = [
            (a, b, e) for e, ends in enumerate(topology.fibres) for a, b in (ends, ends[::-1])
        ]
        self.requests = range(len(problem.pairs))
        self.scenarios = range(len(problem.probabilities))
        self.sigma = range(problem.qkd_wavelengths)
        self.kappa = range(problem.km_wavelengths)

    # --- the equations ---------------------------------------------------------------------

    def objective_21(self) -> dict[Name, float]:
        """Eq (21): reserved and expected on-demand cost; a wavelength is a third of a channel."""
        costs = self.problem.network.costs
        cost: dict[Name, float] = {}
        for e in self.fibres:
            cost["F", e] = costs.qkd_reserved[e] / WAVELENGTHS_PER_CHANNEL
            cost["X", e] = costs.km_reserved[e]
            for k, p in enumerate(self.problem.probabilities):
                cost["Fo", e, k] = p * costs.qkd_on_demand[e] / WAVELENGTHS_PER_CHANNEL
                cost["Xo", e, k] = p * costs.km_on_demand[e]
        if self.problem.blocking_cost is not None:
            for k, p in enumerate(self.problem.probabilities):
                cost |= {("blocked", r, k): p * self.problem.blocking_cost for r in self.requests}
        return cost

    def flow_conservation_22(self) -> Iterator[ProgramRow]:
        """Eq (22), and (9): one unit of KM flow from source to destination, unless blocked."""
        for k in self.scenarios:
            for r, (source, target) in enumerate(self.problem.pairs):
                for n in self.nodes:
                    terms: dict[Name, float] = {}
                    for a, b, _ in self.links:
                        sign = (a == n) - (b == n)
                        if sign:
                            terms |= {("x", r, a, b, p, k): sign for p in self.kappa}
                    balance = (n == source) - (n == target)
                    if balance and self.problem.blocking_cost is not None:
                        terms["blocked", r, k] = balance
                    yield ProgramRow(terms, balance, balance)

    def km_demand_23(self) -> Iterator[ProgramRow]:
        """Eq (23), and (10): KM wavelengths in use are reserved or bought."""
        for k in self.scenarios:
            for a, b, e in self.links[::2]:
                used = self._both_directions("x", a, b, self.kappa, k, sign=-1.0)
                terms = {**used, ("X", e): 1.0, ("Xo", e, k): 1.0}
                yield ProgramRow(terms, 0.0, np.inf)

    def qkd_demand_24(self) -> Iterator[ProgramRow]:
        """Eq (24), and (11): QKD wavelengths in use are reserved or bought."""
        for k in self.scenarios:
            for a, b, e in self.links[::2]:
                used = self._both_directions("f", a, b, self.sigma, k, sign=-1.0)
                terms = {**used, ("F", e): 1.0, ("Fo", e, k): 1.0}
                yield ProgramRow(terms, 0.0, np.inf)

    def channel_number_25(self) -> Iterator[ProgramRow]:
        """Eq (25), and (12): 3·ρ QKD wavelengths wherever there is a KM wavelength."""
        for k in self.scenarios:
            for r in self.requests:
                for a, b, e in self.links:
                    need = WAVELENGTHS_PER_CHANNEL * int(self.problem.channels[k, r, e])
                    terms: dict[Name, float] = {("f", r, a, b, q, k): 1.0 for q in self.sigma}
                    terms |= {("x", r, a, b, p, k): -float(need) for p in self.kappa}
                    yield ProgramRow(terms, 0.0, 0.0)

    def qkd_continuity_26(self) -> Iterator[ProgramRow]:
        """Eq (26), and (13): the same QKD wavelengths into and out of intermediate nodes."""
        return self._continuity("f", self.sigma)

    def km_continuity_27(self) -> Iterator[ProgramRow]:
        """Eq (27), and (14): the same KM wavelength into and out of intermediate nodes."""
        return self._continuity("x", self.kappa)

    def km_capacity_28(self) -> Iterator[ProgramRow]:
        """Eq (28), and (15): at most |κ| KM wavelengths on a fibre."""
        for k in self.scenarios:
            for a, b, _ in self.links[::2]:
                used = self._both_directions("x", a, b, self.kappa, k)
                yield ProgramRow(used, -np.inf, float(len(self.kappa)))

    def qkd_capacity_29(self) -> Iterator[ProgramRow]:
        """Eq (29), and (16): at most |σ| QKD wavelengths on a fibre."""
        for k in self.scenarios:
            for a, b, _ in self.links[::2]:
                used = self._both_directions("f", a, b, self.sigma, k)
                yield ProgramRow(used, -np.inf, float(len(self.sigma)))

    def qkd_uniqueness_30(self) -> Iterator[ProgramRow]:
        """Eq (30), and (18): a QKD wavelength of a fibre serves one request."""
        return self._uniqueness("f", self.sigma)

    def km_uniqueness_31(self) -> Iterator[ProgramRow]:
        """Eq (31), and (17): a KM wavelength of a fibre serves one request."""
        return self._uniqueness("x", self.kappa)

    # --- what they share -------------------------------------------------------------------

    def _both_directions(
        self, kind: str, a: int, b: int, wavelengths: range, k: int, *, sign: float = 1.0
    ) -> dict[Name, float]:
        """Terms of all requests on both links of a fibre."""
        return {
            (kind, r, *ends, w, k): sign
            for r in self.requests
            for ends in ((a, b), (b, a))
            for w in wavelengths
        }

    def _continuity(self, kind: str, wavelengths: range) -> Iterator[ProgramRow]:
        for k in self.scenarios:
            for r, ends in enumerate(self.problem.pairs):
                for n in set(self.nodes) - set(ends):
                    for w in wavelengths:
                        terms: dict[Name, float] = {}
                        for a, b, _ in self.links:
                            if n in (a, b):
                                terms[kind, r, a, b, w, k] = 1.0 if a == n else -1.0
                        yield ProgramRow(terms, 0.0, 0.0)

    def _uniqueness(self, kind: str, wavelengths: range) -> Iterator[ProgramRow]:
        for k in self.scenarios:
            for a, b, _ in self.links[::2]:
                for w in wavelengths:
                    used = self._both_directions(kind, a, b, range(w, w + 1), k)
                    yield ProgramRow(used, -np.inf, 1.0)

    def program(self) -> tuple[Program, dict[Name, int]]:
        """Assemble all equations; returns the program and the position of each variable."""
        cost = self.objective_21()
        names: dict[Name, int] = {name: i for i, name in enumerate(cost)}
        for k in self.scenarios:
            for r in self.requests:
                for a, b, _ in self.links:
                    for kind, wavelengths in (("x", self.kappa), ("f", self.sigma)):
                        for w in wavelengths:
                            names[kind, r, a, b, w, k] = len(names)
        equations = (
            self.flow_conservation_22,
            self.km_demand_23,
            self.qkd_demand_24,
            self.channel_number_25,
            self.qkd_continuity_26,
            self.km_continuity_27,
            self.km_capacity_28,
            self.qkd_capacity_29,
            self.qkd_uniqueness_30,
            self.km_uniqueness_31,
        )
        rows: list[ProgramRow] = []
        places: list[tuple[str, int]] = []
        for equation in equations:
            here = list(equation())
            rows += here
            places += [(equation.__name__, i) for i in range(len(here))]
        entries = [(i, names[n], v) for i, row in enumerate(rows) for n, v in row.terms.items()]
        i, j, v = (np.array(part) for part in zip(*entries, strict=True))
        upper = np.full(len(names), np.inf)
        for name, at in names.items():
            if name[0] in ("x", "f", "blocked"):
                upper[at] = 1.0
            elif name[0] in ("Xo", "Fo") and not self.problem.on_demand:
                upper[at] = 0.0
        return (
            Program(
                cost=np.array([cost.get(name, 0.0) for name in names]),
                lower=np.zeros(len(names)),
                upper=upper,
                matrix=sparse.coo_array((v, (i, j)), shape=(len(rows), len(names))).tocsr(),
                row_lower=np.array([row.lower for row in rows], dtype=np.float64),
                row_upper=np.array([row.upper for row in rows], dtype=np.float64),
                integer=np.ones(len(names), dtype=bool),
                naming=lambda: Names(
                    tuple("_".join(map(str, name)) for name in names),
                    tuple(f"{equation}_{i}" for equation, i in places),
                ),
            ),
            names,
        )

    def solve(self) -> FullSolution:
        """Solve to a proof.

        Raises
        ------
        InfeasibleError
            No lightpaths within the limits serve every scenario.
        SolverError
            The node limit came first.
        """
        program, names = self.program()
        found = self.solver.solve(program)
        if found.status is SolveStatus.INFEASIBLE:
            raise InfeasibleError(
                "infeasible: the full program (21)-(31) has no solution: no lightpaths that keep "
                f"continuity fit into {self._limits()}; raise the limits, ask for less, or give "
                "cost.blocking_cost"
            )
        if not np.isfinite(found.objective):
            raise SolverError(f"{found.solver} found no solution in {found.nodes} nodes")
        on = {name for name, at in names.items() if len(name) != 2 and found.values[at] > 0.5}
        return FullSolution(
            status=found.status,
            objective=found.objective,
            bound=found.bound,
            qkd_reserved=np.round([found.values[names["F", e]] for e in self.fibres]),
            km_reserved=np.round([found.values[names["X", e]] for e in self.fibres]),
            lightpaths=tuple(
                tuple(self._lightpaths(on, r, k) for r in self.requests) for k in self.scenarios
            ),
            solver=found.by,
            size=Size(program.variables, program.rows, found.nodes),
        )

    def _limits(self) -> str:
        network = self.problem.network
        given = {"|σ|": network.qkd_wavelengths, "|κ|": network.km_wavelengths}
        return " and ".join(f"{name} = {n}" for name, n in given.items() if n is not None)

    def _lightpaths(self, on: set[Name], r: int, k: int) -> Lightpaths:
        links = []
        km = []
        qkd = []
        for a, b, _ in self.links:
            here = tuple(p for p in self.kappa if ("x", r, a, b, p, k) in on)
            if here and ("blocked", r, k) not in on:
                links.append((a, b))
                km.append(here)
                qkd.append(tuple(q for q in self.sigma if ("f", r, a, b, q, k) in on))
        return Lightpaths(tuple(links), tuple(km), tuple(qkd))
