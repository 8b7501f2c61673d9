"""Conditional quantile: the newsvendor's quantile of the level that follows the last one."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.forecast import LevelDistribution
from qnetsim.optimize import marginal_loads, reservations
from qnetsim.optimize.state_routes import in_states
from qnetsim.policies.base import Observation, Outcome, Setting
from qnetsim.policies.rules.stock_policy import LevelLoads, StockPolicy
from qnetsim.policies.rules.summed_loads import SummedLoads

if TYPE_CHECKING:
    from qnetsim.optimize import Plan


class ConditionalQuantile(StockPolicy):
    """Count which level follows which, and hold the quantile of what followed the last one.

    It uses no forecast of the levels and has no parameters; it knows which requests have a
    distribution in common, and counts their levels together. After a level that nothing has
    followed yet it goes by all levels seen.
    """

    def prepare(self, setting: Setting, plan: Plan | None) -> None:
        """Start with no observation: nothing is reserved before the first slot is over."""
        super().prepare(setting, plan)
        self._setting = setting
        forecast = setting.forecast
        count = forecast.level_count
        self._followed = np.zeros((len(forecast.distributions), count, count), dtype=np.int64)
        self._last: IntArray | None = None
        self._nothing_kept = np.zeros(setting.network.fibres)
        self._loads = LevelLoads(setting) if forecast.groups == 1 else None
        self._sums = None
        if forecast.groups > 1 and forecast.coupling == "independent":
            self._sums = SummedLoads(setting, self._routes)

    def stock(self, observation: Observation) -> IntArray:
        """Quantile of the load that follows the last levels; without a first slot, nothing."""
        if self._last is None:
            return np.zeros_like(self._newsvendor)
        kinds = self._setting.forecast.group_kind
        counts = self._followed[kinds, self._last]
        unknown = counts.sum(axis=1) == 0
        counts[unknown] = self._seen[kinds[unknown]]
        if self._loads is not None:
            return self._loads.quantile(counts[0] / counts[0].sum())
        if self._sums is not None:
            below = self._sums.cumulative(counts / counts.sum(axis=1, keepdims=True))
            return self._sums.quantile(below, self._sums.critical(self._nothing_kept))
        return self._quantile_of_groups(counts)

    def _quantile_of_groups(self, counts: IntArray) -> IntArray:
        """Newsvendor reservation where each group of requests has counts of its own."""
        distinct, kind = np.unique(counts, axis=0, return_inverse=True)
        network = self._setting.network
        forecast = self._setting.forecast
        kinds = tuple(kind.reshape(-1)[forecast.group].tolist())
        expected = replace(
            forecast,
            distributions=tuple(
                LevelDistribution.of_weights([Fraction(n) for n in row])
                for row in distinct.tolist()
            ),
            kinds=kinds if len(distinct) > 1 else (),
        )
        loads = marginal_loads(network, expected, in_states(self._routes, expected))
        return reservations(network, loads).channels.astype(np.int64)

    def learn(self, outcome: Outcome) -> None:
        """Count which level followed which."""
        kinds = self._setting.forecast.group_kind
        for levels in outcome.levels.astype(np.int64):
            if self._last is None:
                self._seen = np.zeros(self._followed.shape[:2], dtype=np.int64)
            else:
                np.add.at(self._followed, (kinds, self._last, levels), 1)
            np.add.at(self._seen, (kinds, levels), 1)
            self._last = levels
