"""Branch and bound on loads, with every bound in integers.

A node says that some loads n(F) of one scenario, F a fibre or all fibres that leave a set S of
nodes, are at most or at least a number. A fibre's load is whole, and n(δ(S)) has the parity of
the requests that S separates. A relaxation's load that does not lies between two numbers, where
no plan's load lies. Such rows touch loads only: routes are priced by shortest paths, over all
simple paths, at every node. A fibre may be charged for more than its routes carry, so a least load
makes no length negative. The bound of a node is that of :class:`SafeBound`, and the best node comes
first, so no tolerance of a solver is part of the proof.
"""

from __future__ import annotations

import heapq
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.network import BLOCKED
from qnetsim.optimize.columns.generation import (
    RelaxationInfeasibleError,
    Relaxed,
    generate,
)
from qnetsim.optimize.columns.load_cuts import LoadCut, LoadCutSeparator
from qnetsim.optimize.columns.master import NO_LIMIT, Master
from qnetsim.optimize.columns.master_parts import PathColumn
from qnetsim.optimize.columns.safe_bound import SafeBound
from qnetsim.optimize.gaps import PROOF_GAP
from qnetsim.optimize.solvers.program import SolveStatus
from qnetsim.plain_text import counted

#: Distance from the nearest numbers at which a load may lie that counts as none.
LEAST_DISTANCE = 1e-5
#: Loads whose branches are tried at a node, of those that were not tried before.
TRIED = 4
#: Loads that were tried before, and are tried again at a node.
TRIED_AGAIN = 2
#: Part of the gap that a branch is taken to gain at least, when branches are compared.
LEAST_GAIN = 1e-4
#: Price at which an infeasible node may leave requests and rows out, before it is capped.
ANY_PRICE = 1e300


class Load(NamedTuple):
    """The load of fibres together in a scenario, with a weight for each distribution."""

    scenario: int
    fibres: tuple[int, ...]
    weights: tuple[int, ...]


class Limit(NamedTuple):
    """A load with the sign of its row: 1 for at most, −1 for at least."""

    load: Load
    sign: int


class Gap(NamedTuple):
    """Where a load lies: no plan has a load between two numbers."""

    distance: float
    load: Load
    low: int
    high: int


class Node(NamedTuple):
    """A node of the tree; the number orders nodes of one bound.

    Attributes
    ----------
    bound : Fraction
    number : int
    limits : dict from Limit to int
        Right sides of its rows.
    relaxed : Relaxed
    """

    bound: Fraction
    number: int
    limits: dict[Limit, int]
    relaxed: Relaxed


class LoadTree:
    """The tree of a routes problem; a search may go on where the last one ended.

    Parameters
    ----------
    master : Master
        Gives problem, base routes, columns and cuts.
    """

    def __init__(self, master: Master) -> None:
        self._real = replace(master.problem, solver=master.problem.solver.narrow())
        # a node without a solution leaves out requests or rows, which costs more than any plan
        elastic = replace(self._real, blocking_cost=ANY_PRICE)
        price = np.array([elastic.blocking(s) for s in range(elastic.scenarios)])
        problem = elastic if self._real.blocking_cost is None else self._real
        self._master = Master(problem, master.base, padding=price)
        self._master.add(master.columns)
        self._master.cut(cut for cut in master.cuts if cut.most < NO_LIMIT)
        self._safe = SafeBound(self._real, self._master.cuts)
        self._separator = LoadCutSeparator(self._real)
        each = np.eye(problem.distributions, dtype=np.int64).tolist()
        # all requests alike, and those of each distribution
        self._weights = list(dict.fromkeys([(1,) * problem.distributions, *map(tuple, each)]))
        self._rows: dict[Limit, int] = {}
        self._gains: dict[Load, float] = {}
        self._open: list[Node] = []
        #: Nodes so far.
        self.nodes = 0

    @property
    def columns(self) -> list[PathColumn]:
        """Routes of all nodes."""
        return [column for column in self._master.columns if column.route != BLOCKED]

    def search(self, target: Fraction, most_nodes: int) -> Fraction:
        """Branch until a bound is proved that reaches a target.

        Returns
        -------
        Fraction
            The proved bound. It is below the target where the nodes did not do, or where all loads
            of a node are whole and it is not known whether whole requests have them.
        """
        if not self._open:
            self._open = [self._node({}, None, target)]
        while True:
            best = self._open[0]
            if best.bound >= target or self.nodes >= most_nodes:
                return best.bound
            branches = self._branches(best, target)
            if not branches:
                return best.bound
            heapq.heappop(self._open)
            for limits in branches:
                heapq.heappush(self._open, self._node(limits, best, target))
            self._real.solver.tell(
                f"{counted(self.nodes, 'node')} on loads, bound {float(self._open[0].bound):,.6g}"
            )

    def _node(self, limits: dict[Limit, int], parent: Node | None, target: Fraction) -> Node:
        """Generate routes for a node, and prove its bound."""
        self._set(limits)
        try:
            relaxed = self._relaxed(parent, target)
        except RelaxationInfeasibleError:
            everyone = range(len(self._real.pairs))
            for s in range(self._real.scenarios):
                self._master.add(PathColumn(s, p, BLOCKED) for p in everyone)
            relaxed = self._relaxed(parent, target)
        self.nodes += 1
        bound = self._safe.of(relaxed.prices)
        if parent is not None:
            bound = max(bound, parent.bound)
        return Node(bound, self.nodes, limits, relaxed)

    def _relaxed(self, parent: Node | None, target: Fraction) -> Relaxed:
        """Relaxation of a node; routes are sought under the master's prices near known ones."""
        enough = float(target / Fraction(self._real.scale)) * (1 + PROOF_GAP)
        if parent is None:
            return generate(self._master, enough=enough)
        return generate(self._master, parent.relaxed, smoothing=0.0, enough=enough)

    def _set(self, limits: dict[Limit, int]) -> None:
        """Let the master have the rows of a node, and no others."""
        cuts = self._master.cuts
        for limit in limits:
            if limit not in self._rows:
                scenario, fibres, weights = limit.load
                row = LoadCut(scenario, fibres, NO_LIMIT, weights, sign=limit.sign)
                self._master.cut([row])
                self._rows[limit] = len(cuts) - 1
        for limit, i in self._rows.items():
            cuts[i] = cuts[i]._replace(most=limits.get(limit, NO_LIMIT))

    def _branches(self, node: Node, target: Fraction) -> list[dict[Limit, int]]:
        """The two children whose relaxations promise most; none where all loads are whole."""
        self._set(node.limits)
        scale = self._real.scale
        room = max(float(target - node.bound) / scale, 0.0)
        best = -1.0
        chosen: list[dict[Limit, int]] = []
        for gap in self._candidates(node.relaxed):
            children = [
                {**node.limits, Limit(gap.load, 1): gap.low},
                {**node.limits, Limit(gap.load, -1): -gap.high},
            ]
            gains = [self._promise(child, node.relaxed) / max(room, 1e-300) for child in children]
            gains = [min(max(gain, LEAST_GAIN), 1.0) for gain in gains]
            score = gains[0] * gains[1]
            self._gains[gap.load] = score
            if score > best:
                best = score
                chosen = children
            if score == 1.0:
                break
        return chosen

    def _promise(self, limits: dict[Limit, int], relaxed: Relaxed) -> float:
        """What the relaxation over the known routes gains by further rows."""
        self._set(limits)
        program = self._master.program()
        basis = relaxed.solution.basis
        if basis is not None:
            basis = basis.grown(program.variables, program.rows, feasible=False)
        found = self._real.solver.solve(program, relax=True, basis=basis)
        if found.status is not SolveStatus.OPTIMAL:
            return np.inf
        return found.objective - relaxed.solution.objective

    def _candidates(self, relaxed: Relaxed) -> list[Gap]:
        """Loads to branch on: some that did well before, then some of the farthest off."""
        loads = self._master.loads(relaxed.solution.values)
        gaps = [
            gap
            for weights in self._weights
            for s, load in enumerate(loads)
            for gap in self._gaps(s, weights, load)
        ]
        gaps.sort(key=lambda gap: (-gap.distance, len(gap.load.fibres)))
        known = [gap for gap in gaps if self._gains.get(gap.load, 0.0) > LEAST_GAIN**2]
        known.sort(key=lambda gap: -self._gains[gap.load])
        new = [gap for gap in gaps if gap.load not in self._gains]
        return [*known[:TRIED_AGAIN], *new[:TRIED]] or gaps[:1]

    def _gaps(self, s: int, weights: tuple[int, ...], loads: FloatArray) -> list[Gap]:
        """Fibres and sets of a scenario whose weighted load no plan has."""
        found = []
        load = np.asarray(weights) @ loads
        whole = np.floor(load)
        distance = np.minimum(load - whole, whole + 1 - load)
        for e in np.flatnonzero(distance > LEAST_DISTANCE).tolist():
            low = int(whole[e])
            found.append(Gap(2 * float(distance[e]), Load(s, (e,), weights), low, low + 1))
        if self._real.blocking_cost is not None:
            return found
        across = self._separator.across(loads, weights)
        for i in np.argsort(-across.distance, kind="stable")[:TRIED].tolist():
            distance_i = float(across.distance[i])
            if distance_i <= LEAST_DISTANCE:
                break
            low = int(across.below[i])
            load_i = Load(s, self._separator.fibres(i), weights)
            found.append(Gap(distance_i, load_i, low, low + 2))
        return found
