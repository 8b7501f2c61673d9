"""Route tables by joint state, as plans have them, and by a request's own level, as slots go."""

from __future__ import annotations

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.forecast import Forecast
from qnetsim.network import RouteTable


def in_states(routes: RouteTable, forecast: Forecast) -> RouteTable:
    """Spread routes by a request's own level over the columns of a plan."""
    if forecast.shared or not forecast.comonotone:
        return routes
    return RouteTable(
        routes.routes,
        np.take_along_axis(routes.choice, forecast.state_levels[forecast.kind], axis=1),
    )


class StateRoutes:
    """Routes of a plan, as slots take them: by a request's own level where these suffice.

    Parameters
    ----------
    routes : RouteTable
        With the columns of a plan.
    forecast : Forecast

    Attributes
    ----------
    table : RouteTable
        By a request's own level. Levels that a request never has take the routes of the next lower
        level that it has, or else of the lowest.
    joint : bool
        The routes depend on the joint state; ``table`` then has those of one state of each level.
    """

    def __init__(self, routes: RouteTable, forecast: Forecast) -> None:
        self._planned = routes
        self._forecast = forecast
        self.joint = False
        self.table = routes
        self._known: dict[int, RouteTable] = {}
        if not forecast.shared and forecast.comonotone:
            self.table = self._by_own_level()

    def _by_own_level(self) -> RouteTable:
        choice = self._planned.choice
        rows = np.arange(self._planned.requests)
        levels = self._forecast.state_levels[self._forecast.kind]
        found = np.full((rows.size, self._forecast.level_count), -1, dtype=np.int64)
        for state in range(self._forecast.state_count):
            here = found[rows, levels[:, state]]
            self.joint |= bool(((here >= 0) & (here != choice[:, state])).any())
            found[rows, levels[:, state]] = choice[:, state]
        had = np.where(found >= 0, np.arange(found.shape[1]), -1)
        lower = np.maximum.accumulate(had, axis=1)
        lower = np.where(lower >= 0, lower, levels[:, :1])
        return RouteTable(self._planned.routes, np.take_along_axis(found, lower, axis=1))

    def of(self, levels: IntArray) -> RouteTable:
        """Routes of the joint state that came; levels has shape (requests,)."""
        groups = self._forecast.first_of_group
        state = int(self._forecast.states_of(levels[None, groups])[0])
        if state not in self._known:
            mine = self._planned.choice[:, state, None]
            columns = np.repeat(mine, self._forecast.level_count, axis=1)
            self._known[state] = RouteTable(self._planned.routes, columns)
        return self._known[state]
