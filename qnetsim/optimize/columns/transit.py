"""Rows on what passes a node, which wavelength continuity asks for beyond the loads.

Of three fibres of a node, a wavelength serves at most one request that takes two of them. So of σ
wavelengths, w to a request, at most ⌊σ/w⌋ requests take two of the three. Loads do not show who
takes two, so these rows are not priced; they tighten a program over all routes that a better plan
can use.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.network import Route
from qnetsim.optimize.columns.load_cuts import LEAST_VIOLATION, wavelength_limits
from qnetsim.optimize.columns.master import Master
from qnetsim.optimize.solvers.program import Program, SolveStatus

#: Rounds in which broken rows are added.
ROUNDS = 20


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
        bases = [master.base[column.scenario][column.pair] for column in columns]
        taken = self._taking([column.route for column in columns])
        self._values = taken - self._taking(bases)
        self._room = [self._room_of(s) for s in range(problem.scenarios)]

    def _taking(self, routes: list[Route]) -> FloatArray:
        """Whether each route takes two of the three fibres, shape (routes, triples)."""
        uses = np.zeros((len(routes), self._master.problem.fibres), dtype=np.int64)
        for i, route in enumerate(routes):
            uses[i, list(route.fibres)] = 1
        return np.asarray(uses[:, self._triples].sum(axis=2) >= 2, dtype=np.float64)

    def _room_of(self, s: int) -> FloatArray | None:
        """What the base routes leave of each row; None where nothing is limited."""
        problem = self._master.problem
        kinds = wavelength_limits(problem, s)
        if not kinds:
            return None
        most = min(kind.wavelengths // kind.width for kind in kinds)
        return np.asarray(most - problem.demand @ self._taking(list(self._master.base[s])))

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
            for s, room in enumerate(self._room):
                if room is None:
                    continue
                here = self._scenario == s
                over = shifts[here] @ self._values[here] - room
                found = np.flatnonzero(over > LEAST_VIOLATION).tolist()
                broken += [(s, i) for i in found if (s, i) not in known]
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
        for row, (s, i) in enumerate(broken):
            here = np.flatnonzero(self._scenario == s)
            rows[row, master.first_shift + here] = self._values[here, i]
            room = self._room[s]
            assert room is not None
            upper[row] = room[i]
        return replace(
            program,
            matrix=sparse.csr_array(sparse.vstack([program.matrix, sparse.csr_array(rows)])),
            row_lower=np.concatenate([program.row_lower, np.full(upper.size, -np.inf)]),
            row_upper=np.concatenate([program.row_upper, upper]),
            naming=None,
        )
