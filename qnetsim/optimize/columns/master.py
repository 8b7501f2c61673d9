"""The restricted master program: first stage, second stage, and shifts of flow between routes.

In every scenario all requests of a pair start on one base route. A column is another route; its
variable counts the requests that are shifted to it. So a pair that nobody shifts needs neither a
variable nor a row, and Eq (22) holds by construction. Costs are divided by ``problem.scale``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.network import BLOCKED, Route
from qnetsim.optimize.columns.load_cuts import LoadCut
from qnetsim.optimize.columns.pricing import DualPrices
from qnetsim.optimize.columns.problem import RoutesProblem
from qnetsim.optimize.solvers.program import Names, Program, Solution

#: Right side of a cut that says nothing.
NO_LIMIT = 10**9


@dataclass(frozen=True)
class PathColumn:
    """Another route for a pair (by its position) in a scenario."""

    scenario: int
    pair: int
    route: Route


class RouteFlow(NamedTuple):
    """A route, and the requests on it."""

    route: Route
    amount: float


class Entries(NamedTuple):
    """Entries of a sparse matrix: ``matrix[rows[i], columns[i]] = values[i]``."""

    rows: IntArray
    columns: IntArray
    values: FloatArray


class Group(NamedTuple):
    """A scenario and a pair (by its position): one row of (22)."""

    scenario: int
    pair: int


class CutRow(NamedTuple):
    """A cut of one scenario: its row, its fibres, and the pairs whose blocked requests count."""

    row: int
    fibres: frozenset[int]
    blocked: frozenset[int]


class Master:
    """Builds the program for the columns so far.

    Parameters
    ----------
    problem : RoutesProblem
    base : sequence of sequence of Route
        Base route by scenario and pair.
    """

    def __init__(self, problem: RoutesProblem, base: Sequence[Sequence[Route]]) -> None:
        self.problem = problem
        self.base = base
        self.columns: dict[PathColumn, None] = {}
        s = problem.scenarios
        e = problem.fibres
        self._base_load = np.array([requests_on(routes, problem.demand, e) for routes in base])
        self._limited = np.flatnonzero(np.isfinite(problem.caps).ravel())
        self._limit_row = np.full(s * e, -1)
        self._first_limit = 2 * s * e
        self._first_group = 2 * s * e + self._limited.size
        self._limit_row[self._limited] = self._first_limit + np.arange(self._limited.size)
        self.first_shift = 2 * e * (1 + s)
        #: Row of each scenario and pair that has columns, and of each cut.
        self._group: dict[Group, int] = {}
        self.cuts: list[LoadCut] = []
        self._cut_rows: list[int] = []
        self._cuts_of: list[list[CutRow]] = [[] for _ in range(s)]
        self._columns_of: list[list[int]] = [[] for _ in range(s)]
        self._listed: list[PathColumn] = []
        self._entries: list[Entries] = [self._stages()]

    @property
    def rows(self) -> int:
        """Rows of the program."""
        return self._first_group + len(self._group) + len(self.cuts)

    def add(self, columns: Iterable[PathColumn]) -> int:
        """Add columns that are not there yet; returns how many were new."""
        before = len(self.columns)
        for column in columns:
            if column not in self.columns and column.route != self._base_of(column):
                number = len(self.columns)
                self._entries.append(self._entries_of(column, number))
                self._columns_of[column.scenario].append(number)
                self._listed.append(column)
                self.columns[column] = None
        return len(self.columns) - before

    def cut(self, cuts: Iterable[LoadCut]) -> int:
        """Add cuts that are not there yet; returns how many were new."""
        before = len(self.cuts)
        known = set(self.cuts)
        for cut in cuts:
            if cut in known:
                continue
            row = self.rows
            self.cuts.append(cut)
            self._cut_rows.append(row)
            made = CutRow(row, frozenset(cut.fibres), frozenset(cut.blocked))
            self._cuts_of[cut.scenario].append(made)
            entries = [
                (i, value)
                for i in self._columns_of[cut.scenario]
                if (value := self._crossing(self._listed[i], made))
            ]
            places = np.array([i for i, _ in entries], dtype=np.int64)
            self._entries.append(
                Entries(
                    np.full(places.size, row),
                    self.first_shift + places,
                    np.array([value for _, value in entries], dtype=np.float64),
                )
            )
        return len(self.cuts) - before

    def free_cuts(self, count: int) -> None:
        """Take the limits from the last cuts; their rows stay."""
        for i in range(len(self.cuts) - count, len(self.cuts)):
            self.cuts[i] = self.cuts[i]._replace(most=NO_LIMIT)

    def _crossing(self, column: PathColumn, cut: CutRow) -> int:
        """What shifting one request to a column adds to the left side of a cut."""
        added = sum(fibre in cut.fibres for fibre in column.route.fibres)
        added -= sum(fibre in cut.fibres for fibre in self._base_of(column).fibres)
        return added - (column.route == BLOCKED and column.pair in cut.blocked)

    def _base_of(self, column: PathColumn) -> Route:
        return self.base[column.scenario][column.pair]

    def _stages(self) -> Entries:
        """Entries of the first and the second stage in (23) and (24)."""
        s = self.problem.scenarios
        e = self.problem.fibres
        rows = np.arange(2 * s * e)
        first = np.concatenate([np.tile(np.arange(e), s), np.tile(np.arange(e, 2 * e), s)])
        ones = np.ones(2 * rows.size)
        return Entries(np.tile(rows, 2), np.concatenate([first, 2 * e + rows]), ones)

    def _entries_of(self, column: PathColumn, number: int) -> Entries:
        """What shifting one request from its base route changes, and its row of (22)."""
        s = self.problem.scenarios
        e = self.problem.fibres
        change = np.zeros(e)
        change[list(self._base_of(column).fibres)] -= 1.0
        change[list(column.route.fibres)] += 1.0
        fibres = np.flatnonzero(change)
        at = column.scenario * e + fibres
        change = change[fibres]
        key = Group(column.scenario, column.pair)
        group = self._group.setdefault(key, self.rows)
        rho = self.problem.channels[column.scenario, fibres]
        limits = self._limit_row[at]
        within = limits >= 0
        crossing = [
            (cut.row, value)
            for cut in self._cuts_of[column.scenario]
            if (value := self._crossing(column, cut))
        ]
        cut_rows = np.array([row for row, _ in crossing], dtype=np.int64)
        cut_values = np.array([value for _, value in crossing], dtype=np.float64)
        rows = np.concatenate([at, s * e + at, limits[within], [group], cut_rows])
        values = np.concatenate([-rho * change, -change, change[within], [1.0], cut_values])
        return Entries(rows, np.full(rows.size, self.first_shift + number), values)

    def program(self) -> Program:
        """Program with all columns so far."""
        from scipy import sparse

        problem = self.problem
        s = problem.scenarios
        e = problem.fibres
        variables = self.first_shift + len(self.columns)
        cost = np.zeros(variables)
        lower = np.zeros(variables)
        upper = np.full(variables, np.inf)
        cost[: 2 * e] = np.concatenate(problem.scaled_reserved)
        extra = slice(2 * e, self.first_shift)
        if problem.scaled_on_demand is None:
            upper[extra] = 0.0
        else:
            cost[extra] = np.concatenate([price.ravel() for price in problem.scaled_on_demand])
        if problem.fixed is not None:
            lower[: 2 * e] = upper[: 2 * e] = problem.fixed.vector()
        for i, column in enumerate(self.columns):
            if column.route == BLOCKED:
                cost[self.first_shift + i] = problem.blocking(column.scenario)
        row_lower = np.full(self.rows, -np.inf)
        row_upper = np.full(self.rows, np.inf)
        row_lower[: s * e] = (problem.channels * self._base_load).ravel()
        row_lower[s * e : 2 * s * e] = self._base_load.ravel()
        room = (problem.caps - self._base_load).ravel()[self._limited]
        row_upper[self._first_limit : self._first_group] = room
        for group, row in self._group.items():
            row_upper[row] = problem.demand[group.pair]
        for cut, row in zip(self.cuts, self._cut_rows, strict=True):
            row_upper[row] = cut.most - self._base_load[cut.scenario, list(cut.fibres)].sum()
        integer = np.zeros(variables, dtype=bool)
        integer[self.first_shift :] = True
        entries = Entries(
            rows=np.concatenate([part.rows for part in self._entries]),
            columns=np.concatenate([part.columns for part in self._entries]),
            values=np.concatenate([part.values for part in self._entries]),
        )
        self._entries = [entries]
        places = (entries.rows, entries.columns)
        matrix = sparse.coo_array((entries.values, places), shape=(self.rows, variables))
        return Program(
            cost=cost,
            lower=lower,
            upper=upper,
            matrix=matrix.tocsr(),
            row_lower=row_lower,
            row_upper=row_upper,
            integer=integer,
            naming=self._names,
        )

    def loads(self, values: FloatArray) -> FloatArray:
        """Requests on each fibre, shape (scenarios, fibres)."""
        load = self._base_load.copy()
        for column, amount in zip(self.columns, values[self.first_shift :].tolist(), strict=False):
            if amount:
                load[column.scenario, list(column.route.fibres)] += amount
                load[column.scenario, list(self._base_of(column).fibres)] -= amount
        return load

    def raw_prices(self, solution: Solution) -> DualPrices:
        """Duals of a relaxation as the solver gives them."""
        s = self.problem.scenarios
        e = self.problem.fibres
        duals = solution.row_duals
        delta = np.zeros(s * e)
        delta[self._limited] = -duals[self._first_limit : self._first_group]
        return DualPrices(
            duals[: s * e].reshape(s, e),
            duals[s * e : 2 * s * e].reshape(s, e),
            delta.reshape(s, e),
            -duals[self._cut_rows],
        )

    def targets(self, solution: Solution, lengths: FloatArray) -> FloatArray:
        """Length below which a path would improve the relaxation, shape (scenarios, pairs)."""
        target = np.array(
            [
                [row[list(route.fibres)].sum() for route in routes]
                for row, routes in zip(lengths, self.base, strict=True)
            ]
        )
        for (scenario, pair), row in self._group.items():
            target[scenario, pair] -= max(-solution.row_duals[row], 0.0)
        return target

    def amounts(self, values: FloatArray) -> list[list[list[RouteFlow]]]:
        """Requests on each route, by scenario and pair; base routes first."""
        shifted = values[self.first_shift :]
        moved: dict[Group, list[RouteFlow]] = {}
        # columns that came after the values are not in use
        for column, amount in zip(self.columns, shifted, strict=False):
            if amount > 0:
                group = Group(column.scenario, column.pair)
                moved.setdefault(group, []).append(RouteFlow(column.route, amount))
        return [
            [
                [RouteFlow(route, count - sum(flow.amount for flow in others)), *others]
                for pair, (route, count) in enumerate(zip(routes, self.problem.demand, strict=True))
                for others in [moved.get(Group(scenario, pair), [])]
            ]
            for scenario, routes in enumerate(self.base)
        ]

    def _names(self) -> Names:
        problem = self.problem
        topology = problem.network.topology
        levels = problem.levels
        fibres = [topology.fibre_name(e) for e in range(problem.fibres)]
        pairs = [f"{topology.nodes[a]}~{topology.nodes[b]}" for a, b in problem.pairs]
        both = [(k, f) for k in levels for f in fibres]
        limited = [both[i] for i in self._limited]
        variables = [f"{kind}[{f}]" for kind in ("F_b", "X_b") for f in fibres]
        variables += [f"{kind}[k={k},{f}]" for kind in ("F_o", "X_o") for k, f in both]
        variables += [
            f"shift[k={levels[c.scenario]},{pairs[c.pair]},{_route_name(c.route, topology.nodes)}]"
            for c in self.columns
        ]
        rows = [f"{kind}[k={k},{f}]" for kind in ("qkd_24", "km_23") for k, f in both]
        rows += [f"limit_28_29[k={k},{f}]" for k, f in limited]
        later = {
            row: f"requests_22[k={levels[s]},{pairs[p]}]" for (s, p), row in self._group.items()
        }
        for i, (cut, row) in enumerate(zip(self.cuts, self._cut_rows, strict=True)):
            later[row] = f"cut_{i}[k={levels[cut.scenario]}]"
        rows += [later[row] for row in range(self._first_group, self.rows)]
        return Names(tuple(variables), tuple(rows))


def _route_name(route: Route, nodes: Sequence[str]) -> str:
    return "-".join(nodes[n] for n in route.nodes) or "blocked"


def requests_on(routes: Sequence[Route], demand: FloatArray, fibres: int) -> FloatArray:
    """Requests on each fibre if all of a pair take its route, shape (fibres,)."""
    load = np.zeros(fibres)
    for route, count in zip(routes, demand, strict=True):
        load[list(route.fibres)] += count
    return load
