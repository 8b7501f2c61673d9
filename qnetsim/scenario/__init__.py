"""Scenario files: what a user may say, and clear errors for what they may not."""

from qnetsim.scenario.checked import OptionsModelOf
from qnetsim.scenario.load import (
    load_scenario,
    locate,
    located,
    parse_scenario,
    placed,
    scenario_text,
)
from qnetsim.scenario.scenario import Scenario, takes_integers
from qnetsim.scenario.tables.cost import CostTable, Prices
from qnetsim.scenario.tables.fel import FelTable, misplaced
from qnetsim.scenario.tables.fel_privacy import AttackTable
from qnetsim.scenario.tables.learning import LearningTable, RegimesTable
from qnetsim.scenario.tables.network import FibreTable, MdiQkdTable, NetworkTable
from qnetsim.scenario.tables.request import GravityTable, RequestTable
from qnetsim.scenario.tables.scenario import (
    KeyManagementTable,
    PlanningTable,
    PolicyTable,
    RiskTable,
    RunTable,
)
from qnetsim.scenario.tables.topology_file import TopologyTable
from qnetsim.scenario.tables.trace import TraceTable
from qnetsim.scenario.tables.world import (
    DemandTable,
    FaultTable,
    OutageTable,
    RecordingColumns,
    RecordingTable,
    YieldTable,
)

__all__ = [
    "AttackTable",
    "CostTable",
    "DemandTable",
    "FaultTable",
    "FelTable",
    "FibreTable",
    "GravityTable",
    "KeyManagementTable",
    "LearningTable",
    "MdiQkdTable",
    "NetworkTable",
    "OptionsModelOf",
    "OutageTable",
    "PlanningTable",
    "PolicyTable",
    "Prices",
    "RecordingColumns",
    "RecordingTable",
    "RegimesTable",
    "RequestTable",
    "RiskTable",
    "RunTable",
    "Scenario",
    "TopologyTable",
    "TraceTable",
    "YieldTable",
    "load_scenario",
    "locate",
    "located",
    "misplaced",
    "parse_scenario",
    "placed",
    "scenario_text",
    "takes_integers",
]
