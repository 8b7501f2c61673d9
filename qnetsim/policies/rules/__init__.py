"""Short rules that a learning policy has to beat, each told no more than its options say."""

from qnetsim.policies.rules.base_stock import BaseStock
from qnetsim.policies.rules.belief import BeliefFilter
from qnetsim.policies.rules.conditional_quantile import ConditionalQuantile
from qnetsim.policies.rules.dynamic_program import DynamicProgram
from qnetsim.policies.rules.rolling_plan import RollingPlan

__all__ = ["BaseStock", "BeliefFilter", "ConditionalQuantile", "DynamicProgram", "RollingPlan"]
