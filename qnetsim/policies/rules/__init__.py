"""Short rules that a learning policy has to beat, each told no more than its options say."""

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
