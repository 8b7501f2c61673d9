"""The restricted master program: first stage, second stage, and shifts of flow between routes.

In every scenario all requests of a kind start on one base route. A column is another route; its
variable counts the requests that are shifted to it. So a kind that nobody shifts needs neither a
variable nor a row, and Eq (22) holds by construction. Costs are divided by ``problem.scale``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.network import BLOCKED, Route, Topology
from qnetsim.optimize.columns.load_cuts import LoadCut
from qnetsim.optimize.columns.master_layout import MasterLayout
from qnetsim.optimize.columns.master_parts import CutRow, Entries, Group, PathColumn, RouteFlow
from qnetsim.optimize.columns.pricing import DualPrices
from qnetsim.optimize.columns.problem import RoutesProblem
from qnetsim.optimize.solvers.program import Names, Program, Solution

#: Right side of a cut that says nothing.
NO_LIMIT = 10**9
#: Names of the rows of limits: of channels where ρ differs, and of requests.
LIMIT_ROWS = ("limit_29", "limit_28_29")


class Master:
    """Builds the program for the columns so far.

    Parameters
    ----------
    problem : RoutesProblem
    base : sequence of sequence of Route
        Base route by scenario and kind of request.
    padding : ndarray, shape (scenarios,), optional
        Lets fibres carry more than the requests on them, which rows with the sign −1 need so that
        no fibre has a negative length; and leave a unit of such a row aside at this scaled price.
    """

    def __init__(
        self,
        problem: RoutesProblem,
        base: Sequence[Sequence[Route]],
        padding: FloatArray | None = None,
    ) -> None:
        self.problem = problem
        self.base = base
        self.columns: dict[PathColumn, None] = {}
        s = problem.scenarios
        known: dict[int, FloatArray] = {}
        for routes in base:
            if id(routes) not in known:
                known[id(routes)] = problem.loads_on(routes)
        #: Requests on the base routes, shape (scenarios, distributions, fibres).
        self._base_load = np.array([known[id(routes)] for routes in base])
        self._layout = MasterLayout.of(problem, padded=padding is not None)
        #: First of the variables of columns.
        self.first_shift = self._layout.first_shift
        #: Row of each scenario and kind that has columns, and of each cut.
        self._group: dict[Group, int] = {}
        self.cuts: list[LoadCut] = []
        self._cut_rows: list[int] = []
        self._cuts_of: list[list[CutRow]] = [[] for _ in range(s)]
        self._columns_of: list[list[int]] = [[] for _ in range(s)]
        self._listed: list[PathColumn] = []
        self._entries: list[Entries] = [self._layout.stages()]
        self._padding = padding
        if padding is not None:
            self._entries.append(self._layout.more(problem))

    @property
    def rows(self) -> int:
        """Rows of the program."""
        return self._layout.first_group + len(self._group) + len(self.cuts)

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
            made = CutRow(row, frozenset(cut.fibres), frozenset(cut.blocked), cut.weights, cut.sign)
            self._cuts_of[cut.scenario].append(made)
            entries = [
                (i, value)
                for i in self._columns_of[cut.scenario]
                if (value := self._crossing(self._listed[i], made))
            ]
            places = [self.first_shift + i for i, _ in entries]
            values = [float(value) for _, value in entries]
            for place, value in self._layout.padding_of(cut) if self._padding is not None else ():
                places.append(place)
                values.append(float(value))
            self._entries.append(
                Entries(
                    np.full(len(places), row),
                    np.array(places, dtype=np.int64),
                    np.array(values, dtype=np.float64),
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
        added *= cut.weights[int(self.problem.distribution[column.kind])]
        return cut.sign * (added - (column.route == BLOCKED and column.kind in cut.blocked))

    def _base_of(self, column: PathColumn) -> Route:
        return self.base[column.scenario][column.kind]

    def _entries_of(self, column: PathColumn, number: int) -> Entries:
        """What shifting one request from its base route changes, and its row of (22)."""
        problem = self.problem
        s = problem.scenarios
        e = problem.fibres
        change = np.zeros(e)
        change[list(self._base_of(column).fibres)] -= 1.0
        change[list(column.route.fibres)] += 1.0
        fibres = np.flatnonzero(change)
        at = column.scenario * e + fibres
        change = change[fibres]
        key = Group(column.scenario, column.kind)
        group = self._group.setdefault(key, self.rows)
        mine = problem.distribution[column.kind]
        rho = problem.channels[column.scenario, mine, fibres]
        limits = self._layout.limit_row.reshape(s, 2, e)[column.scenario][:, fibres]
        taken = problem.limits.weights[column.scenario][:, mine, fibres] * change
        within = (limits >= 0) & (taken != 0)
        crossing = [
            (cut.row, value)
            for cut in self._cuts_of[column.scenario]
            if (value := self._crossing(column, cut))
        ]
        cut_rows = np.array([row for row, _ in crossing], dtype=np.int64)
        cut_values = np.array([value for _, value in crossing], dtype=np.float64)
        rows = np.concatenate([at, s * e + at, limits[within], [group], cut_rows])
        values = np.concatenate([-rho * change, -change, taken[within], [1.0], cut_values])
        return Entries(rows, np.full(rows.size, self.first_shift + number), values)

    def program(self) -> Program:
        """Program with all columns so far."""
        from scipy import sparse

        variables = self.first_shift + len(self.columns)
        cost, lower, upper = self._variables(variables)
        row_lower, row_upper = self._row_bounds()
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

    def _variables(self, count: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Costs and bounds of so many variables."""
        problem = self.problem
        e = problem.fibres
        cost = np.zeros(count)
        lower = np.zeros(count)
        upper = np.full(count, np.inf)
        cost[: 2 * e] = np.concatenate(problem.scaled_reserved)
        extra = slice(2 * e, self._layout.first_more)
        if problem.scaled_on_demand is None:
            upper[extra] = 0.0
        else:
            cost[extra] = np.concatenate([price.ravel() for price in problem.scaled_on_demand])
        if self._padding is not None:
            cost[self._layout.first_aside : self.first_shift] = np.repeat(self._padding, e)
        if problem.fixed is not None:
            lower[: 2 * e] = upper[: 2 * e] = problem.fixed.vector()
        for i, column in enumerate(self.columns):
            if column.route == BLOCKED:
                cost[self.first_shift + i] = problem.blocking(column.scenario)
        return cost, lower, upper

    def _row_bounds(self) -> tuple[FloatArray, FloatArray]:
        """Left and right sides of the rows."""
        problem = self.problem
        load = self._base_load
        size = problem.scenarios * problem.fibres
        row_lower = np.full(self.rows, -np.inf)
        row_upper = np.full(self.rows, np.inf)
        row_lower[:size] = (problem.channels * load).sum(axis=1).ravel()
        row_lower[size : 2 * size] = load.sum(axis=1).ravel()
        room = problem.limits.caps - problem.limits.used(load)
        limits = slice(self._layout.first_limit, self._layout.first_group)
        row_upper[limits] = room.ravel()[self._layout.limited]
        for group, row in self._group.items():
            row_upper[row] = problem.demand[group.kind]
        for cut, row in zip(self.cuts, self._cut_rows, strict=True):
            row_upper[row] = cut.most - cut.sign * cut.used(load[cut.scenario])
        return row_lower, row_upper

    def loads(self, values: FloatArray) -> FloatArray:
        """Requests of each distribution, shape (scenarios, distributions, fibres)."""
        load = self._base_load.copy()
        if self._padding is not None:
            load += values[self._layout.first_more : self._layout.first_aside].reshape(load.shape)
        for column, amount in zip(self.columns, values[self.first_shift :].tolist(), strict=False):
            if amount:
                here = load[column.scenario, self.problem.distribution[column.kind]]
                here[list(column.route.fibres)] += amount
                here[list(self._base_of(column).fibres)] -= amount
        return load

    def raw_prices(self, solution: Solution) -> DualPrices:
        """Duals of a relaxation as the solver gives them."""
        s = self.problem.scenarios
        e = self.problem.fibres
        duals = solution.row_duals
        delta = np.zeros(2 * s * e)
        delta[self._layout.limited] = -duals[self._layout.first_limit : self._layout.first_group]
        return DualPrices(
            duals[: s * e].reshape(s, e),
            duals[s * e : 2 * s * e].reshape(s, e),
            delta.reshape(s, 2, e),
            -duals[self._cut_rows],
        )

    def targets(self, solution: Solution, lengths: FloatArray) -> FloatArray:
        """Length below which a path would improve the relaxation, shape (scenarios, kinds)."""
        of = self.problem.distribution.tolist()
        target = np.array(
            [
                [rows[d][list(route.fibres)].sum() for d, route in zip(of, routes, strict=True)]
                for rows, routes in zip(lengths, self.base, strict=True)
            ]
        )
        for (scenario, kind), row in self._group.items():
            target[scenario, kind] -= max(-solution.row_duals[row], 0.0)
        return target

    def amounts(self, values: FloatArray) -> list[list[list[RouteFlow]]]:
        """Requests on each route, by scenario and kind of request; base routes first."""
        shifted = values[self.first_shift :]
        moved: dict[Group, list[RouteFlow]] = {}
        # columns that came after the values are not in use
        for column, amount in zip(self.columns, shifted, strict=False):
            if amount > 0:
                group = Group(column.scenario, column.kind)
                moved.setdefault(group, []).append(RouteFlow(column.route, amount))
        return [
            [
                [RouteFlow(route, count - sum(flow.amount for flow in others)), *others]
                for kind, (route, count) in enumerate(zip(routes, self.problem.demand, strict=True))
                for others in [moved.get(Group(scenario, kind), [])]
            ]
            for scenario, routes in enumerate(self.base)
        ]

    def _names(self) -> Names:
        problem = self.problem
        topology = problem.network.topology
        levels = problem.levels
        fibres = [topology.fibre_name(e) for e in range(problem.fibres)]
        kinds = [f"{topology.nodes[a]}~{topology.nodes[b]}" for a, b in problem.pairs]
        both = [(k, f) for k in levels for f in fibres]
        limited = [(k, kind, f) for k in levels for kind in LIMIT_ROWS for f in fibres]
        limited = [limited[i] for i in self._layout.limited]
        variables = [f"{kind}[{f}]" for kind in ("F_b", "X_b") for f in fibres]
        variables += [f"{kind}[k={k},{f}]" for kind in ("F_o", "X_o") for k, f in both]
        variables += [
            f"shift[k={levels[c.scenario]},{kinds[c.kind]},{_route_name(c.route, topology)}]"
            for c in self.columns
        ]
        rows = [f"{kind}[k={k},{f}]" for kind in ("qkd_24", "km_23") for k, f in both]
        rows += [f"{kind}[k={k},{f}]" for k, kind, f in limited]
        later = {
            row: f"requests_22[k={levels[s]},{kinds[p]}]" for (s, p), row in self._group.items()
        }
        for i, (cut, row) in enumerate(zip(self.cuts, self._cut_rows, strict=True)):
            later[row] = f"cut_{i}[k={levels[cut.scenario]}]"
        rows += [later[row] for row in range(self._layout.first_group, self.rows)]
        return Names(tuple(variables), tuple(rows))


def _route_name(route: Route, topology: Topology) -> str:
    """Nodes of a route, and the names of fibres of which there are others beside them."""
    steps = [topology.nodes[n] for n in route.nodes[:1]]
    for node, fibre in zip(route.nodes[1:], route.fibres, strict=True):
        own = f"({topology.label(fibre)})" if fibre in topology.twins else ""
        steps.append(own + topology.nodes[node])
    return "-".join(steps) or "blocked"
