"""The paper's wavelength-indexed stochastic integer program, (21)-(31), equation by equation.

Binary variables x[r, a, p, k] and f[r, a, q, k] say that request r uses KM wavelength p, or QKD
wavelength q, on the directed link a in scenario k. A link is named by its two nodes, and where
several fibres join these by its fibre too. The program grows with every one of these
indices, so it is for small instances; tests compare the routes program and the colouring with it.
One scenario of probability one, without an on-demand stage, is the deterministic program (8)-(18).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.errors import InfeasibleError, SolverError, UsageError
from qnetsim.network.model import WAVELENGTHS_PER_CHANNEL
from qnetsim.optimize.columns.problem import Size
from qnetsim.optimize.full.full_prices import lightpath_cost, solver_prices
from qnetsim.optimize.full.full_problem import (
    DirectedFibre,
    FullProblem,
    FullSolution,
    Name,
    links_of,
)
from qnetsim.optimize.lightpaths.lightpaths import Lightpaths
from qnetsim.optimize.solvers.program import Names, Program, SolveStatus
from qnetsim.optimize.solvers.solver import HIGHS, Solver
from qnetsim.plain_text import counted

#: Most variables for which the program is built.
MAX_VARIABLES = 200_000


class ProgramRow(NamedTuple):
    """``lower ≤ Σ terms[name]·name ≤ upper``."""

    terms: Mapping[Name, float]
    lower: float
    upper: float


class FullProgram:
    """Builds and solves the program.

    Raises
    ------
    UsageError
        The instance is too large; says how many variables it would need.
    """

    def __init__(self, problem: FullProblem, solver: Solver = HIGHS) -> None:
        network = problem.network
        if problem.variables > MAX_VARIABLES:
            raise UsageError(
                f"the full program would need {counted(problem.variables, 'variable')} for "
                f"{counted(len(problem.pairs), 'request')}, "
                f"{counted(len(problem.probabilities), 'scenario')}, "
                f"|σ| = {network.qkd_wavelengths or 'unlimited'} and |κ| = "
                f"{network.km_wavelengths or 'unlimited'} (at most "
                f"{MAX_VARIABLES:,}); use the routes program (policy sip) instead"
            )
        self.problem = problem
        self.solver = solver
        topology = problem.network.topology
        self.nodes = range(len(topology.nodes))
        self.fibres = range(len(topology.fibres))
        self.links = links_of(topology)
        self.requests = range(len(problem.pairs))
        self.scenarios = range(len(problem.probabilities))
        self.sigma = range(problem.qkd_variables)
        self.kappa = range(problem.km_variables)
        channels = problem.channels
        self._alike = (channels == channels[:, :, :1]).all(axis=(1, 2)).tolist()

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
                    for link in self.links:
                        sign = (link.source == n) - (link.target == n)
                        if sign:
                            terms |= {("x", r, *link.name, p, k): sign for p in self.kappa}
                    balance = (n == source) - (n == target)
                    if balance and self.problem.blocking_cost is not None:
                        terms["blocked", r, k] = balance
                    yield ProgramRow(terms, balance, balance)

    def km_demand_23(self) -> Iterator[ProgramRow]:
        """Eq (23), and (10): KM wavelengths in use are reserved or bought."""
        for k in self.scenarios:
            for e in self.fibres:
                used = self._both_directions("x", e, self.kappa, k, sign=-1.0)
                terms = {**used, ("X", e): 1.0, ("Xo", e, k): 1.0}
                yield ProgramRow(terms, 0.0, np.inf)

    def qkd_demand_24(self) -> Iterator[ProgramRow]:
        """Eq (24), and (11): QKD wavelengths in use are reserved or bought."""
        for k in self.scenarios:
            for e in self.fibres:
                if self.sigma and self._alike[k]:
                    used = self._both_directions("f", e, self.sigma, k, sign=-1.0)
                else:
                    used = {
                        ("x", r, *link.name, p, k): -float(self._need(k, r, e))
                        for r in self.requests
                        for link in self._directions(e)
                        for p in self.kappa
                    }
                terms = {**used, ("F", e): 1.0, ("Fo", e, k): 1.0}
                yield ProgramRow(terms, 0.0, np.inf)

    def channel_number_25(self) -> Iterator[ProgramRow]:
        """Eq (25), and (12): 3·ρ QKD wavelengths wherever there is a KM wavelength.

        Where ρ differs between fibres, continuity gives all fibres of a route as many as the one
        that needs most; each pays for its own, so here (25) is a lower limit and (24) counts x.
        """
        for k in self.scenarios if self.sigma else ():
            for r in self.requests:
                for link in self.links:
                    need = float(self._need(k, r, link.fibre))
                    terms: dict[Name, float] = {("f", r, *link.name, q, k): 1.0 for q in self.sigma}
                    terms |= {("x", r, *link.name, p, k): -need for p in self.kappa}
                    yield ProgramRow(terms, 0.0, 0.0 if self._alike[k] else np.inf)
                    if not self._alike[k]:
                        # none where there is no KM wavelength
                        most = max(self._need(k, r, other) for other in self.fibres)
                        none = {name: -float(most) for name in terms if name[0] == "x"}
                        yield ProgramRow({**terms, **none}, -np.inf, 0.0)

    def qkd_continuity_26(self) -> Iterator[ProgramRow]:
        """Eq (26), and (13): the same QKD wavelengths into and out of intermediate nodes."""
        return self._continuity("f", self.sigma)

    def km_continuity_27(self) -> Iterator[ProgramRow]:
        """Eq (27), and (14): the same KM wavelength into and out of intermediate nodes."""
        limited = self.problem.network.km_wavelengths is not None
        return self._continuity("x", self.kappa if limited else range(0))

    def km_capacity_28(self) -> Iterator[ProgramRow]:
        """Eq (28), and (15): at most |κ| KM wavelengths on a fibre."""
        limited = self.problem.network.km_wavelengths is not None
        for k in self.scenarios if limited else ():
            for e in self.fibres:
                used = self._both_directions("x", e, self.kappa, k)
                yield ProgramRow(used, -np.inf, float(len(self.kappa)))

    def qkd_capacity_29(self) -> Iterator[ProgramRow]:
        """Eq (29), and (16): at most |σ| QKD wavelengths on a fibre."""
        for k in self.scenarios if self.sigma else ():
            for e in self.fibres:
                used = self._both_directions("f", e, self.sigma, k)
                yield ProgramRow(used, -np.inf, float(len(self.sigma)))

    def qkd_uniqueness_30(self) -> Iterator[ProgramRow]:
        """Eq (30), and (18): a QKD wavelength of a fibre serves one request."""
        return self._uniqueness("f", self.sigma)

    def km_uniqueness_31(self) -> Iterator[ProgramRow]:
        """Eq (31), and (17): a KM wavelength of a fibre serves one request."""
        limited = self.problem.network.km_wavelengths is not None
        return self._uniqueness("x", self.kappa if limited else range(0))

    # --- what they share -------------------------------------------------------------------

    def _need(self, k: int, r: int, e: int) -> int:
        """QKD wavelengths of a request on a fibre."""
        return WAVELENGTHS_PER_CHANNEL * int(self.problem.channels[k, r, e])

    def _directions(self, e: int) -> list[DirectedFibre]:
        """Both links of a fibre."""
        return self.links[2 * e : 2 * e + 2]

    def _both_directions(
        self, kind: str, e: int, wavelengths: range, k: int, *, sign: float = 1.0
    ) -> dict[Name, float]:
        """Terms of all requests on both links of a fibre."""
        return {
            (kind, r, *link.name, w, k): sign
            for r in self.requests
            for link in self._directions(e)
            for w in wavelengths
        }

    def _continuity(self, kind: str, wavelengths: range) -> Iterator[ProgramRow]:
        for k in self.scenarios:
            for r, ends in enumerate(self.problem.pairs):
                for n in set(self.nodes) - set(ends):
                    for w in wavelengths:
                        terms: dict[Name, float] = {}
                        for link in self.links:
                            if n in (link.source, link.target):
                                sign = 1.0 if link.source == n else -1.0
                                terms[kind, r, *link.name, w, k] = sign
                        yield ProgramRow(terms, 0.0, 0.0)

    def _uniqueness(self, kind: str, wavelengths: range) -> Iterator[ProgramRow]:
        for k in self.scenarios:
            for e in self.fibres:
                for w in wavelengths:
                    used = self._both_directions(kind, e, range(w, w + 1), k)
                    yield ProgramRow(used, -np.inf, 1.0)

    def program(self) -> tuple[Program, dict[Name, int]]:
        """Assemble all equations; returns the program and the position of each variable."""
        from scipy import sparse

        cost = self.objective_21()
        names = self._positions(cost)
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
        return (
            Program(
                cost=np.array([cost.get(name, 0.0) for name in names]),
                lower=np.zeros(len(names)),
                upper=self._upper(names),
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

    def _positions(self, cost: Mapping[Name, float]) -> dict[Name, int]:
        """Positions of the variables: those that cost something, then those of wavelengths."""
        names: dict[Name, int] = {name: i for i, name in enumerate(cost)}
        for k in self.scenarios:
            for r in self.requests:
                for link in self.links:
                    for kind, wavelengths in (("x", self.kappa), ("f", self.sigma)):
                        for w in wavelengths:
                            names[kind, r, *link.name, w, k] = len(names)
        return names

    def _upper(self, names: Mapping[Name, int]) -> FloatArray:
        """Upper bounds of the variables."""
        upper = np.full(len(names), np.inf)
        for name, at in names.items():
            if name[0] in ("x", "f", "blocked"):
                upper[at] = 1.0
            elif name[0] in ("Xo", "Fo") and not self.problem.on_demand:
                upper[at] = 0.0
        return upper

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
        prices = solver_prices(self.problem)
        costs = np.array([prices.costs.get(name, 0.0) for name in names])
        found = self.solver.solve(replace(program, cost=costs))
        if found.status is SolveStatus.INFEASIBLE:
            raise InfeasibleError(
                "infeasible: the full program (21)-(31) has no solution: no lightpaths that keep "
                f"continuity fit into {self._limits()}; raise the limits, ask for less, or give "
                "cost.blocking_cost"
            )
        if not np.isfinite(found.objective):
            raise SolverError(f"{found.solver} found no solution in {counted(found.nodes, 'node')}")
        on = {name for name, at in names.items() if len(name) != 2 and found.values[at] > 0.5}
        lightpaths = tuple(
            tuple(self._lightpaths(on, r, k) for r in self.requests) for k in self.scenarios
        )
        # where the price of blocking was capped, no optimum blocks more than it must
        blocked = np.array([sum(not paths.links for paths in line) for line in lightpaths])
        forced = float(prices.blocking @ blocked) if found.status is SolveStatus.OPTIMAL else 0.0
        objective = float(lightpath_cost(self.problem, lightpaths))
        return FullSolution(
            status=found.status,
            objective=objective,
            bound=min(found.bound * prices.scale + forced, objective),
            qkd_reserved=np.round([found.values[names["F", e]] for e in self.fibres]),
            km_reserved=np.round([found.values[names["X", e]] for e in self.fibres]),
            lightpaths=lightpaths,
            solver=found.by,
            size=Size(program.variables, program.rows, found.nodes),
        )

    def _limits(self) -> str:
        network = self.problem.network
        given = {"|σ|": network.qkd_wavelengths, "|κ|": network.km_wavelengths}
        return " and ".join(f"{name} = {n}" for name, n in given.items() if n is not None)

    def _lightpaths(self, on: set[Name], r: int, k: int) -> Lightpaths:
        network = self.problem.network
        width = [self._need(k, other, e) for other in range(r + 1) for e in self.fibres]
        peaks = [max(width[i : i + network.fibres]) for i in range(0, len(width), network.fibres)]
        links = []
        fibres = []
        km = []
        qkd = []
        for a, b, e, name in self.links:
            here = tuple(p for p in self.kappa if ("x", r, *name, p, k) in on)
            if not here or ("blocked", r, k) in on:
                continue
            links.append((a, b))
            fibres.append(e)
            # wavelengths without a limit have no variables: each request has its own
            km.append(here if network.km_wavelengths is not None else (r,))
            if self.sigma:
                qkd.append(tuple(q for q in self.sigma if ("f", r, *name, q, k) in on))
            else:
                first = sum(peaks[:r])
                qkd.append(tuple(range(first, first + self._need(k, r, e))))
        if self.sigma and not self._alike[k]:
            most = max((self._need(k, r, e) for e in fibres), default=0)
            qkd = [wavelengths[:most] for wavelengths in qkd]
        return Lightpaths(tuple(links), tuple(fibres), tuple(km), tuple(qkd))
