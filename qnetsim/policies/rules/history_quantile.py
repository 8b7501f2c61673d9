"""History quantile: the quantile of what followed levels like the last ones."""

from __future__ import annotations

from qnetsim.policies.base import Setting
from qnetsim.policies.rules.history_law import HistoryLaw
from qnetsim.policies.rules.law_policy import LawPolicy, LevelLaw


class HistoryQuantile(LawPolicy):
    """Count what followed weighted means of past levels, and hold the quantile.

    As ``conditional-quantile``, which goes by the last level alone. Means with several memories are
    tried at once; those count most that have told the levels so far best. It uses no forecast and
    has no parameters; it knows which requests have a distribution in common.
    """

    def level_law(self, setting: Setting) -> LevelLaw:
        """Counts over several memories."""
        return HistoryLaw(setting.forecast)
