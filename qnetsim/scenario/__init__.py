"""Scenario files: what a user may say, and clear errors for what they may not."""

from qnetsim.scenario.load import PolicyOptions, load_scenario, locate, located, parse_scenario
from qnetsim.scenario.spec import (
    CostTable,
    DemandTable,
    KeyManagementTable,
    NetworkTable,
    PlanningTable,
    PolicyTable,
    Prices,
    RunTable,
    Scenario,
)

__all__ = [
    "CostTable",
    "DemandTable",
    "KeyManagementTable",
    "NetworkTable",
    "PlanningTable",
    "PolicyOptions",
    "PolicyTable",
    "Prices",
    "RunTable",
    "Scenario",
    "load_scenario",
    "locate",
    "located",
    "parse_scenario",
]
