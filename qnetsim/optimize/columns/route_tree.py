"""Branch and bound on routes, with every bound in whole numbers.

Over all routes that a cheaper plan can use, a program is finite: :class:`SafeProgram` bounds each
node, and no tolerance of a solver is part of the proof. A node limits how many requests take some
routes. Where all of a relaxation's are whole, they are a plan; what it costs is known exactly, and
whether its wavelengths keep continuity can be asked for. The node is then split around it.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from scipy import sparse

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.optimize.columns.master import Master
from qnetsim.optimize.columns.rounding import Rounded, Routing, completed, plan_cost, routings
from qnetsim.optimize.gaps import PROOF_GAP
from qnetsim.optimize.solvers.program import Basis, Program, SolveStatus
from qnetsim.optimize.solvers.safe_program import SafeProgram
from qnetsim.plain_text import counted

#: Distance from a whole number up to which an amount counts as one.
WHOLE = 1e-6
#: Amounts whose branches are tried at a node, of those not tried before, and of the others.
TRIED = 4
TRIED_AGAIN = 2
#: Part of the gap that a branch is taken to gain at least, when branches are compared.
LEAST_GAIN = 1e-4

#: Whether wavelengths on a routing of a scenario keep continuity; None where it is not known.
Check = Callable[[int, Routing], bool | None]


class _Node(NamedTuple):
    """A node; the number orders nodes of one bound."""

    bound: Fraction
    number: int
    lower: FloatArray
    upper: FloatArray
    values: FloatArray
    prices: FloatArray
    basis: Basis | None


class RouteTree:
    """The tree of a finite routes program.

    Parameters
    ----------
    master : Master
        With all routes that a plan cheaper than the best one can use.
    program : Program
        Of the master, or one with further rows.
    best : Rounded or None
        The best plan so far; None where none is known.
    most : Fraction
        True cost that a plan must stay below to matter.
    check : callable, optional
        With it, only plans count whose wavelengths keep continuity.
    """

    def __init__(
        self,
        master: Master,
        program: Program,
        best: Rounded | None,
        most: Fraction,
        check: Check | None = None,
    ) -> None:
        self._master = master
        problem = master.problem
        self._solver = problem.solver.narrow()
        self._first = master.first_shift
        # no more of a fibre is worth holding than all requests can use
        room = float(problem.demand.sum() * max(int(problem.channels.max(initial=0)), 1))
        upper = program.upper.copy()
        stages = upper[: self._first]
        stages[np.isinf(stages)] = room
        demand = [problem.demand[column.kind] for column in master.columns]
        upper[self._first :] = np.minimum(upper[self._first :], demand)
        self._program = replace(program, upper=upper, naming=None)
        self._safe = SafeProgram(self._program)
        self._scenario = np.array([c.scenario for c in master.columns], dtype=np.int64)
        self._check = check
        self._verdicts: dict[tuple[int, bytes], bool | None] = {}
        self._gap = 1 - Fraction(max(PROOF_GAP, problem.solver.settings.gap))
        self._gains: dict[int, float] = {}
        self._open: list[_Node] = []
        self._target = most * self._gap / Fraction(problem.scale)
        self._cost = most
        #: The best plan so far.
        self.best = best
        #: Nodes so far.
        self.nodes = 0

    def search(self, most_nodes: int) -> Fraction:
        """Branch until no plan below the best one is left, or the nodes are used up.

        Returns
        -------
        Fraction
            Proved bound on the cost of every plan.
        """
        scale = Fraction(self._master.problem.scale)
        root = self._node(self._program.lower, self._program.upper, None)
        self._open = [] if root is None else [root]
        while self._open and self._open[0].bound < self._target and self.nodes < most_nodes:
            node = heapq.heappop(self._open)
            children = self._children(node)
            if children is None:
                return node.bound * scale
            for child in children:
                heapq.heappush(self._open, child)
            if self._open:
                here = float(self._open[0].bound * scale)
                self._solver.tell(f"{counted(self.nodes, 'node')} on routes, bound {here:,.6g}")
        bound = self._target if not self._open else min(self._open[0].bound, self._target)
        return bound * scale

    def _node(self, lower: FloatArray, upper: FloatArray, parent: _Node | None) -> _Node | None:
        """Solve a node; None where it is empty, or not below the target."""
        if parent is not None:
            known = max(parent.bound, self._safe.bound(parent.prices, lower, upper))
            if known >= self._target:
                return None
        self.nodes += 1
        program = replace(self._program, lower=lower, upper=upper)
        basis = None if parent is None or parent.basis is None else parent.basis
        if basis is not None:
            basis = replace(basis, feasible=False)
        found = self._solver.solve(program, relax=True, basis=basis)
        if found.status is not SolveStatus.OPTIMAL:
            return self._unless_empty(program, parent)
        bound = self._safe.bound(found.row_duals, lower, upper)
        if parent is not None:
            bound = max(bound, parent.bound)
        if bound >= self._target:
            return None
        return _Node(bound, self.nodes, lower, upper, found.values, found.row_duals, found.basis)

    def _unless_empty(self, program: Program, parent: _Node | None) -> _Node | None:
        """None where it is proved that a program has no point; else a node without one."""
        rows = program.rows
        below = np.isfinite(program.row_lower)
        signs = sparse.diags_array(np.where(below, 1.0, -1.0)).tocsr()
        relaxed = self._solver.solve(
            replace(
                program,
                cost=np.concatenate([np.zeros(program.variables), np.ones(rows)]),
                lower=np.concatenate([program.lower, np.zeros(rows)]),
                upper=np.concatenate([program.upper, np.full(rows, np.inf)]),
                matrix=sparse.csr_array(sparse.hstack([program.matrix, signs])),
                integer=np.zeros(program.variables + rows, dtype=bool),
            ),
            relax=True,
        )
        if self._safe.is_empty(relaxed.row_duals, program.lower, program.upper):
            return None
        bound = Fraction(0) if parent is None else parent.bound
        nowhere = np.full(program.variables, np.nan)
        return _Node(
            bound, self.nodes, program.lower, program.upper, nowhere, relaxed.row_duals, None
        )

    def _children(self, node: _Node) -> list[_Node] | None:
        """Nodes that a node is split into; None where it cannot be."""
        shifts = node.values[self._first :]
        if np.isnan(shifts).any():
            return None
        off = np.abs(shifts - np.round(shifts))
        if off.max(initial=0.0) > WHOLE:
            return self._branched(node, off)
        point = np.round(shifts)
        refuted = self._judged(point)
        if refuted is None:
            return None
        mine = np.arange(point.size)
        if refuted >= 0:
            mine = np.flatnonzero(self._scenario == refuted)
        return [child for child in self._around(node, point, mine) if child is not None]

    def _branched(self, node: _Node, off: FloatArray) -> list[_Node]:
        """The children of the amount that promises most."""
        room = max(float(self._target - node.bound), 1e-300)
        best = -1.0
        chosen: list[_Node] = []
        for i in self._candidates(off):
            at = self._first + i
            value = float(node.values[at])
            upper, lower = node.upper.copy(), node.lower.copy()
            upper[at] = np.floor(value)
            lower[at] = np.ceil(value)
            children = [self._node(node.lower, upper, node), self._node(lower, node.upper, node)]
            gains = [
                1.0 if child is None else float(child.bound - node.bound) / room
                for child in children
            ]
            score = float(np.prod(np.clip(gains, LEAST_GAIN, 1.0)))
            self._gains[i] = score
            if score > best:
                best = score
                chosen = [child for child in children if child is not None]
            if score == 1.0:
                break
        return chosen

    def _candidates(self, off: FloatArray) -> list[int]:
        """Amounts to branch on: some that did well before, then some of the farthest off."""
        far = [i for i in np.argsort(-off, kind="stable").tolist() if off[i] > WHOLE]
        known = [i for i in far if self._gains.get(i, 0.0) > LEAST_GAIN**2]
        known.sort(key=lambda i: -self._gains[i])
        new = [i for i in far if i not in self._gains]
        return [*known[:TRIED_AGAIN], *new[:TRIED]] or far[:1]

    def _judged(self, point: FloatArray) -> int | None:
        """Take note of a plan: −1 where it counts, else the scenario that refutes it, or None."""
        found = completed(self._master, self._master.program(), point, self.nodes)
        if self._check is not None:
            for s, routing in enumerate(routings(self._master, found.values)):
                key = (s, point[self._scenario == s].tobytes())
                if key not in self._verdicts:
                    self._verdicts[key] = self._check(s, routing)
                verdict = self._verdicts[key]
                if verdict is None:
                    return None
                if not verdict:
                    return s
        cost = plan_cost(self._master, found.values)
        if self.best is None or cost < self._cost:
            self.best = found
            self._cost = cost
        capped = Fraction(found.objective) * self._gap
        self._target = min(self._target, cost * self._gap / Fraction(self._master.problem.scale))
        self._target = min(self._target, capped)
        return -1

    def _around(self, node: _Node, point: FloatArray, mine: IntArray) -> Iterator[_Node | None]:
        """Nodes that hold all points of a node but those with these amounts."""
        lower, upper = node.lower.copy(), node.upper.copy()
        # amounts of something first: what keeps them is bound to be near the point
        for i in sorted(mine.tolist(), key=lambda i: -point[i]):
            at = self._first + i
            value = point[i]
            if value > lower[at]:
                below = upper.copy()
                below[at] = value - 1
                yield self._node(lower.copy(), below, node)
            if value < upper[at]:
                above = lower.copy()
                above[at] = value + 1
                yield self._node(above, upper.copy(), node)
            lower[at] = upper[at] = value
