"""Rows on what passes a node, which wavelength continuity asks for beyond the loads.

Of three fibres of a node, a wavelength serves at most one request that takes two of them. So of σ
wavelengths, w to a request, at most ⌊σ/w⌋ requests take two of the three; where the w differ, the
same holds for weighted sums. Loads do not show who takes two, so these rows are not priced; they
tighten a program over all routes that a better plan can use.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import NamedTuple

import numpy as np

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.network import Route
from qnetsim.optimize.columns.load_cuts import LEAST_VIOLATION, measures
from qnetsim.optimize.columns.master import Master
from qnetsim.optimize.solvers.program import Program, SolveStatus

#: Rounds in which broken rows are added.
ROUNDS = 20


class _Rows(NamedTuple):
    """Rows of one scenario for one weighted sum of requests.

    Attributes
    ----------
    scenario : int
    weights : ndarray of int64, shape (distributions,)
    room : ndarray, shape (triples,)
        What the base routes leave of each row.
    """

    scenario: int
    weights: IntArray
    room: FloatArray


class TransitRows:
    """The rows of a master's columns, three fibres of a node in each scenario at a time.

    Parameters
    ----------
    master : Master
        With all columns that it will have.
    """

    def __init__(self, master: Master) -> None:
        self._master = master
        problem = master.problem
        near = problem.network.topology.neighbours
        triples = [t for ends in near for t in combinations([n.fibre for n in ends], 3)]
        self._triples = np.array(triples, dtype=np.int64).reshape(-1, 3)
        columns = list(master.columns)
        self._scenario = np.array([column.scenario for column in columns], dtype=np.int64)
        kinds = np.array([column.kind for column in columns], dtype=np.int64)
        self._distribution = problem.distribution[kinds]
        bases = [master.base[column.scenario][column.kind] for column in columns]
        taken = self._taking([column.route for column in columns])
        self._values = taken - self._taking(bases)
        self._rows = [row for s in range(problem.scenarios) for row in self._rows_of(s)]

    def _taking(self, routes: list[Route]) -> FloatArray:
        """Whether each route takes two of the three fibres, shape (routes, triples)."""
        uses = np.zeros((len(routes), self._master.problem.fibres), dtype=np.int64)
        for i, route in enumerate(routes):
            uses[i, list(route.fibres)] = 1
        return np.asarray(uses[:, self._triples].sum(axis=2) >= 2, dtype=np.float64)

    def _rows_of(self, s: int) -> list[_Rows]:
        """Rows of a scenario, one set of them for each sum that wavelengths bound."""
        problem = self._master.problem
        found = []
        base: FloatArray | None = None
        for measure in measures(problem, s):
            if not measure.wavelengths:
                continue
            if base is None:
                base = self._taking(list(self._master.base[s]))
            most = min(limit.wavelengths // limit.unit for limit in measure.wavelengths)
            weights = np.array(measure.weights)
            mine = problem.demand * weights[problem.distribution]
            found.append(_Rows(s, weights, most - mine @ base))
        return found

    def tightened(self, program: Program) -> Program:
        """Add the rows that the relaxation breaks, round by round, until it breaks none."""
        master = self._master
        known: set[tuple[int, int]] = set()
        for _ in range(ROUNDS):
            relaxed = master.problem.solver.solve(program, relax=True)
            if relaxed.status is not SolveStatus.OPTIMAL:
                break
            shifts = relaxed.values[master.first_shift :]
            broken = []
            for number, rows in enumerate(self._rows):
                here = self._scenario == rows.scenario
                paid = shifts[here] * rows.weights[self._distribution[here]]
                over = paid @ self._values[here] - rows.room
                found = np.flatnonzero(over > LEAST_VIOLATION).tolist()
                broken += [(number, i) for i in found if (number, i) not in known]
            if not broken:
                break
            known.update(broken)
            program = self._with(program, broken)
        return program

    def _with(self, program: Program, broken: list[tuple[int, int]]) -> Program:
        """Append rows to a program."""
        from scipy import sparse

        master = self._master
        rows = np.zeros((len(broken), program.variables))
        upper = np.zeros(len(broken))
        for row, (number, i) in enumerate(broken):
            kind = self._rows[number]
            here = np.flatnonzero(self._scenario == kind.scenario)
            weights = kind.weights[self._distribution[here]]
            rows[row, master.first_shift + here] = weights * self._values[here, i]
            upper[row] = kind.room[i]
        return replace(
            program,
            matrix=sparse.csr_array(sparse.vstack([program.matrix, sparse.csr_array(rows)])),
            row_lower=np.concatenate([program.row_lower, np.full(upper.size, -np.inf)]),
            row_upper=np.concatenate([program.row_upper, upper]),
            naming=None,
        )
