"""What the rules share that are told regimes: they filter them from the levels of past slots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qnetsim.policies.base import Outcome, Setting
from qnetsim.policies.rules.regime_filter import RegimeOptions, told_regimes
from qnetsim.policies.rules.stock_policy import StockPolicy

if TYPE_CHECKING:
    from qnetsim.optimize import Plan


class RegimePolicy(StockPolicy):
    """A stock that depends on the belief about the regimes."""

    Options = RegimeOptions
    options: RegimeOptions

    def prepare(self, setting: Setting, plan: Plan | None) -> None:
        """Begin with the regimes of the long run."""
        super().prepare(setting, plan)
        self._filter = told_regimes(self.options, setting)

    def learn(self, outcome: Outcome) -> None:
        """Take in the levels of the slots that are over."""
        self._filter.learn(outcome)
