"""Allocation policies, and the one seam through which the simulator asks them."""

from qnetsim.policies.base import (
    Decision,
    Future,
    Observation,
    Outcome,
    Policy,
    PolicyOptions,
    Setting,
)
from qnetsim.policies.registry import available, load_policy, policy_options

__all__ = [
    "Decision",
    "Future",
    "Observation",
    "Outcome",
    "Policy",
    "PolicyOptions",
    "Setting",
    "available",
    "load_policy",
    "policy_options",
]
