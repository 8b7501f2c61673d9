"""Where rows and variables of the restricted master lie, and the entries that never change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.optimize.columns.load_cuts import LoadCut
from qnetsim.optimize.columns.master_parts import Entries
from qnetsim.optimize.columns.problem import RoutesProblem


@dataclass(frozen=True)
class MasterLayout:
    """Positions of rows and variables; columns, groups and cuts follow as they come.

    Attributes
    ----------
    scenarios, distributions, fibres : int
    limited : ndarray of int64
        Which limits are finite, of all in the order (scenario, kind of limit, fibre).
    limit_row : ndarray of int64
        Row of each limit; -1 where it has none.
    first_limit, first_group : int
        First of the rows of limits, and of groups and cuts.
    first_more, first_aside, first_shift : int
        First of the variables of what fibres carry more, of what rows leave aside, of columns.
    """

    scenarios: int
    distributions: int
    fibres: int
    limited: IntArray
    limit_row: IntArray
    first_limit: int
    first_group: int
    first_more: int
    first_aside: int
    first_shift: int

    @classmethod
    def of(cls, problem: RoutesProblem, *, padded: bool) -> MasterLayout:
        """Layout for a problem; ``padded`` says whether fibres may carry more than their load."""
        s = problem.scenarios
        e = problem.fibres
        limited = np.flatnonzero(np.isfinite(problem.limits.caps).ravel())
        limit_row = np.full(2 * s * e, -1)
        limit_row[limited] = 2 * s * e + np.arange(limited.size)
        first_more = 2 * e * (1 + s)
        first_aside = first_more + padded * s * problem.distributions * e
        return cls(
            scenarios=s,
            distributions=problem.distributions,
            fibres=e,
            limited=limited,
            limit_row=limit_row,
            first_limit=2 * s * e,
            first_group=2 * s * e + limited.size,
            first_more=first_more,
            first_aside=first_aside,
            first_shift=first_aside + padded * s * e,
        )

    def stages(self) -> Entries:
        """Entries of the first and the second stage in (23) and (24)."""
        s = self.scenarios
        e = self.fibres
        rows = np.arange(2 * s * e)
        first = np.concatenate([np.tile(np.arange(e), s), np.tile(np.arange(e, 2 * e), s)])
        ones = np.ones(2 * rows.size)
        return Entries(np.tile(rows, 2), np.concatenate([first, 2 * e + rows]), ones)

    def more(self, problem: RoutesProblem) -> Entries:
        """What more on a fibre changes in (23), (24) and the limits."""
        s, d, e = problem.channels.shape
        scenario, distribution, fibre = np.indices((s, d, e)).reshape(3, -1)
        column = self.first_more + np.arange(s * d * e)
        rows = [scenario * e + fibre, s * e + scenario * e + fibre]
        values = [-problem.channels.ravel().astype(np.float64), -np.ones(column.size)]
        columns = [column, column]
        limits = self.limit_row.reshape(s, 2, e)
        for i in range(2):
            row = limits[scenario, i, fibre]
            taken = problem.limits.weights[scenario, i, distribution, fibre]
            within = (row >= 0) & (taken != 0)
            rows.append(row[within])
            columns.append(column[within])
            values.append(taken[within].astype(np.float64))
        return Entries(np.concatenate(rows), np.concatenate(columns), np.concatenate(values))

    def padding_of(self, cut: LoadCut) -> list[tuple[int, int]]:
        """Variables of the padding that count in a cut, and how often they do."""
        e = self.fibres
        first = self.first_more + cut.scenario * self.distributions * e
        found = [
            (first + d * e + fibre, cut.sign * weight)
            for d, weight in enumerate(cut.weights)
            if weight
            for fibre in cut.fibres
        ]
        if cut.sign < 0:
            aside = self.first_aside + cut.scenario * e
            found += [(aside + fibre, -1) for fibre in cut.fibres]
        return found
