"""Belief: the newsvendor's quantile under what the last slots tell about the regime."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qnetsim.arrays import IntArray
from qnetsim.policies.base import Observation, Setting
from qnetsim.policies.rules.regime_policy import RegimePolicy
from qnetsim.policies.rules.stock_policy import LevelLoads

if TYPE_CHECKING:
    from qnetsim.optimize import Plan


class BeliefFilter(RegimePolicy):
    """Filter the regimes, and hold the quantile of the load of the slot to come.

    It is told the means of the regimes and how long they last, by its options or the scenario, and
    sees the levels of past slots. Where demand has no regimes it holds what a newsvendor plan
    reserves.
    """

    def prepare(self, setting: Setting, plan: Plan | None) -> None:
        """Work out the loads of all levels, where there are regimes."""
        super().prepare(setting, plan)
        self._loads = LevelLoads(setting) if self._filter.count > 1 else None

    def stock(self, observation: Observation) -> IntArray:
        """Quantile of the load under the belief."""
        if self._loads is None:
            return self._newsvendor
        return self._loads.quantile(self._filter.levels)
