"""Scenario files: what a user may say, and clear errors for what they may not."""

from qnetsim.scenario.cost_tables import CostTable, Prices
from qnetsim.scenario.fel_tables import FelTable, misplaced
from qnetsim.scenario.learning_tables import LearningTable, RegimesTable
from qnetsim.scenario.load import PolicyOptions, load_scenario, locate, located, parse_scenario
from qnetsim.scenario.network_tables import MdiQkdTable, NetworkTable
from qnetsim.scenario.spec import (
    KeyManagementTable,
    PlanningTable,
    PolicyTable,
    RunTable,
    Scenario,
)
from qnetsim.scenario.world_tables import (
    DemandTable,
    FaultTable,
    OutageTable,
    RecordingTable,
    YieldTable,
)

__all__ = [
    "CostTable",
    "DemandTable",
    "FaultTable",
    "FelTable",
    "KeyManagementTable",
    "LearningTable",
    "MdiQkdTable",
    "NetworkTable",
    "OutageTable",
    "PlanningTable",
    "PolicyOptions",
    "PolicyTable",
    "Prices",
    "RecordingTable",
    "RegimesTable",
    "RunTable",
    "Scenario",
    "YieldTable",
    "load_scenario",
    "locate",
    "located",
    "misplaced",
    "parse_scenario",
]
