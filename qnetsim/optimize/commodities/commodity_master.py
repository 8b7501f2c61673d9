"""The restricted program: first stage, second stage, and shifts of requests between routes.

As in ``columns/master.py``: in every state all requests of a commodity start on one base route, and
the variable of a further route counts the requests that are shifted to it, so that (22) holds by
construction. Costs are divided by ``problem.scale``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.network import BLOCKED, Route
from qnetsim.optimize.columns.master import Entries
from qnetsim.optimize.commodities.commodity_pricing import RowPrices
from qnetsim.optimize.commodities.commodity_problem import CommodityProblem, RequestKind
from qnetsim.optimize.newsvendor import reserve
from qnetsim.optimize.solvers.program import Program, Solution

if TYPE_CHECKING:
    from scipy import sparse


class CommodityColumn(NamedTuple):
    """Another route for a commodity (by its position) in a state."""

    state: int
    commodity: int
    route: Route


class CommodityMaster:
    """Builds the program for the columns so far.

    Rows are (24) and (23) for each state and fibre, then the limits (29) and (28) where there are
    any, then one for each commodity and state with columns: no more is shifted than there is.

    Parameters
    ----------
    problem : CommodityProblem
    base : sequence of Route
        Base route of each commodity.
    """

    def __init__(self, problem: CommodityProblem, base: Sequence[Route]) -> None:
        self.problem = problem
        self.base = base
        self.columns: dict[CommodityColumn, None] = {}
        self.first_shift = 2 * problem.fibres * (1 + problem.states)
        self._cells = problem.states * problem.fibres
        self._limits = [kind for kind, cap in enumerate(problem.caps) if np.isfinite(cap)]
        self._first_group = (2 + len(self._limits)) * self._cells
        self._groups: dict[tuple[int, int], int] = {}
        crossing = np.zeros((problem.states, int(problem.kind.max()) + 1, problem.fibres))
        for route, kind, count in zip(base, problem.kind, problem.demand, strict=True):
            crossing[:, kind, list(route.fibres)] += count
        known = problem.channels[:, : crossing.shape[1]]
        #: Channels and KM wavelengths in use on the base routes, shape (2, states, fibres).
        self.base_loads = np.stack([(known * crossing).sum(axis=1), crossing.sum(axis=1)])

    def add(self, columns: Iterable[CommodityColumn]) -> int:
        """Add columns that are not there yet; returns how many were new."""
        before = len(self.columns)
        for column in columns:
            if column.route != self.base[column.commodity]:
                self.columns.setdefault(column)
        for column in list(self.columns)[before:]:
            self._groups.setdefault(column[:2], len(self._groups))
        return len(self.columns) - before

    @property
    def rows(self) -> int:
        """Rows of the program."""
        return self._first_group + len(self._groups)

    def _shifts(self) -> Entries:
        """What one shifted request adds to the loads of (24) and (23), by row and shift."""
        problem = self.problem
        rows: list[int] = []
        columns: list[int] = []
        values: list[float] = []
        for i, (state, commodity, route) in enumerate(self.columns):
            base = set(self.base[commodity].fibres)
            mine = set(route.fibres)
            rho = problem.channels[state, problem.kind[commodity]]
            for sign, fibres in ((1.0, mine - base), (-1.0, base - mine)):
                for fibre in sorted(fibres):
                    cell = state * problem.fibres + fibre
                    rows += [cell, self._cells + cell]
                    columns += [i, i]
                    values += [sign * float(rho[fibre]), sign]
        return Entries(
            np.array(rows, dtype=np.int64),
            np.array(columns, dtype=np.int64),
            np.array(values, dtype=np.float64),
        )

    def program(self) -> Program:
        """Program with all columns so far."""
        problem = self.problem
        fibres = problem.fibres
        reserved, bought = problem.unit_prices
        variables = self.first_shift + len(self.columns)
        cost = np.zeros(variables)
        lower = np.zeros(variables)
        upper = np.full(variables, np.inf)
        cost[: 2 * fibres] = np.concatenate(reserved) / problem.scale
        second = slice(2 * fibres, self.first_shift)
        if bought is None:
            upper[second] = 0.0
        else:
            cost[second] = np.concatenate([price.ravel() for price in bought]) / problem.scale
        if problem.fixed is not None:
            lower[: 2 * fibres] = upper[: 2 * fibres] = problem.fixed.vector()
        for i, column in enumerate(self.columns):
            if column.route == BLOCKED:
                cost[self.first_shift + i] = problem.blocking[column.state]
        row_lower = np.full(self.rows, -np.inf)
        row_upper = np.full(self.rows, np.inf)
        row_lower[: 2 * self._cells] = self.base_loads.ravel()
        for place, kind in enumerate(self._limits):
            limit = slice((2 + place) * self._cells, (3 + place) * self._cells)
            row_upper[limit] = problem.caps[kind] - self.base_loads[kind].ravel()
        row_upper[self._first_group :] = [problem.demand[c] for _, c in self._groups]
        integer = np.zeros(variables, dtype=bool)
        integer[self.first_shift :] = True
        return Program(
            cost=cost,
            lower=lower,
            upper=upper,
            matrix=self._matrix(variables),
            row_lower=row_lower,
            row_upper=row_upper,
            integer=integer,
        )

    def _matrix(self, variables: int) -> sparse.csr_array:
        from scipy import sparse

        fibres = self.problem.fibres
        states = self.problem.states
        cells = np.arange(2 * self._cells)
        first = np.concatenate(
            [np.tile(np.arange(k * fibres, (k + 1) * fibres), states) for k in (0, 1)]
        )
        rows, columns, values = self._shifts()
        parts = [
            (cells, first, np.ones(cells.size)),
            (cells, 2 * fibres + cells, np.ones(cells.size)),
            (rows, self.first_shift + columns, -values),
        ]
        for place, kind in enumerate(self._limits):
            mine = (rows >= kind * self._cells) & (rows < (kind + 1) * self._cells)
            moved = rows[mine] + (2 + place - kind) * self._cells
            parts.append((moved, self.first_shift + columns[mine], values[mine]))
        groups = [self._first_group + self._groups[column[:2]] for column in self.columns]
        shifts = self.first_shift + np.arange(len(self.columns))
        parts.append((np.array(groups), shifts, np.ones(len(groups))))
        i, j, v = (np.concatenate([part[k] for part in parts]) for k in range(3))
        shape = (self.rows, variables)
        return sparse.coo_array((v, (i.astype(np.int64), j.astype(np.int64))), shape=shape).tocsr()

    def raw_prices(self, solution: Solution) -> RowPrices:
        """Duals of a relaxation as the solver gives them."""
        shape = (self.problem.states, self.problem.fibres)
        duals = solution.row_duals
        parts = [np.zeros(shape) for _ in range(4)]
        for kind in (0, 1):
            parts[kind] = duals[kind * self._cells : (kind + 1) * self._cells].reshape(shape)
        for place, kind in enumerate(self._limits):
            limit = slice((2 + place) * self._cells, (3 + place) * self._cells)
            parts[2 + kind] = -duals[limit].reshape(shape)
        return RowPrices(*parts)

    def targets(self, solution: Solution, lengths: FloatArray) -> FloatArray:
        """Length below which a path would improve the relaxation, shape (states, commodities)."""
        kinds = self.problem.kind.tolist()
        target = np.stack(
            [
                lengths[:, kind, list(route.fibres)].sum(axis=1)
                for route, kind in zip(self.base, kinds, strict=True)
            ],
            axis=1,
        )
        for (state, commodity), row in self._groups.items():
            target[state, commodity] -= max(-solution.row_duals[self._first_group + row], 0.0)
        return target

    def completed(self, program: Program, shifts: FloatArray) -> FloatArray:
        """Best first and second stage for whole shifts: a newsvendor on every fibre."""
        problem = self.problem
        fibres = problem.fibres
        loads = (self.base_loads.ravel() + self._shifted(shifts)).reshape(2, problem.states, fibres)
        values = np.concatenate([np.zeros(self.first_shift), shifts])
        if problem.fixed is not None:
            values[: 2 * fibres] = problem.fixed.vector()
        elif problem.on_demand is None:
            values[: 2 * fibres] = loads.max(axis=1).ravel()
        else:
            stages = zip(loads, problem.reserved, problem.on_demand, strict=True)
            values[: 2 * fibres] = np.concatenate(
                [reserve(load, problem.probabilities, c_b, c_o) for load, c_b, c_o in stages]
            )
        lacking = np.maximum(loads - values[: 2 * fibres].reshape(2, 1, fibres), 0.0)
        values[2 * fibres : self.first_shift] = lacking.ravel()
        return values

    def _shifted(self, shifts: FloatArray) -> FloatArray:
        """What whole shifts add to the loads, shape (2·states·fibres,)."""
        rows, columns, values = self._shifts()
        added = np.zeros(2 * self._cells)
        if rows.size:
            np.add.at(added, rows, values * shifts[columns])
        return added

    def routes(self, shifts: FloatArray) -> tuple[dict[RequestKind, list[Route]], ...]:
        """Routes of all requests by state; those that are not shifted take the base route."""
        problem = self.problem
        moved: dict[tuple[int, int], list[Route]] = {}
        for column, amount in zip(self.columns, shifts.tolist(), strict=True):
            moved.setdefault(column[:2], []).extend([column.route] * round(amount))
        return tuple(
            {
                commodity: [base] * (count - len(others)) + others
                for c, ((commodity, count), base) in enumerate(
                    zip(problem.counts.items(), self.base, strict=True)
                )
                for others in [moved.get((state, c), [])]
            }
            for state in range(problem.states)
        )
