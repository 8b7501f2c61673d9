"""Short rules that a learning policy has to beat, each told no more than its options say."""

from typing import TYPE_CHECKING

from qnetsim.first_use import on_first_use

if TYPE_CHECKING:
    from qnetsim.policies.rules.autoregression import Autoregression
    from qnetsim.policies.rules.base_stock import BaseStock
    from qnetsim.policies.rules.belief import BeliefFilter
    from qnetsim.policies.rules.boosted_levels import BoostedLevels
    from qnetsim.policies.rules.conditional_quantile import ConditionalQuantile
    from qnetsim.policies.rules.dynamic_program import DynamicProgram
    from qnetsim.policies.rules.history_quantile import HistoryQuantile
    from qnetsim.policies.rules.hybrid import HybridRule
    from qnetsim.policies.rules.job_filter import JobFilter
    from qnetsim.policies.rules.period_detection import PeriodDetection
    from qnetsim.policies.rules.rolling_plan import RollingPlan
else:
    __getattr__ = on_first_use(
        __name__,
        {
            "Autoregression": "qnetsim.policies.rules.autoregression",
            "BaseStock": "qnetsim.policies.rules.base_stock",
            "BeliefFilter": "qnetsim.policies.rules.belief",
            "BoostedLevels": "qnetsim.policies.rules.boosted_levels",
            "ConditionalQuantile": "qnetsim.policies.rules.conditional_quantile",
            "DynamicProgram": "qnetsim.policies.rules.dynamic_program",
            "HistoryQuantile": "qnetsim.policies.rules.history_quantile",
            "HybridRule": "qnetsim.policies.rules.hybrid",
            "JobFilter": "qnetsim.policies.rules.job_filter",
            "PeriodDetection": "qnetsim.policies.rules.period_detection",
            "RollingPlan": "qnetsim.policies.rules.rolling_plan",
        },
    )

__all__ = [
    "Autoregression",
    "BaseStock",
    "BeliefFilter",
    "BoostedLevels",
    "ConditionalQuantile",
    "DynamicProgram",
    "HistoryQuantile",
    "HybridRule",
    "JobFilter",
    "PeriodDetection",
    "RollingPlan",
]
