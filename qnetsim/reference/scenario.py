"""Prints the reference page of scenario files from the models: ``make docs``."""

from __future__ import annotations

from pydantic import BaseModel

from qnetsim.scenario.tables.cost import CostTable, OnDemandPrices, Prices
from qnetsim.scenario.tables.fel import FelTable
from qnetsim.scenario.tables.fel_privacy import AttackTable, PrivacyTable
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
from qnetsim.scenario.tables.trace import TraceTable
from qnetsim.scenario.tables.world import (
    DemandTable,
    FaultTable,
    OutageTable,
    RecordingColumns,
    RecordingTable,
    YieldTable,
)

HEAD = """\
# Scenario files

This page is made by `make docs` from the tables in `qnetsim/scenario`; a test fails where they
differ.

TOML, strict: unknown keys are refused, with a suggestion. Units stand in key names. Every key but
`network.topology` and one of `demand.requests`, `demand.pairs`, `demand.gravity`, `demand.means`,
`[[request]]` tables and a `[recording]` has a default.
Nodes are named by their ids or by the labels that the topology gives them
([names of nodes](../background/networks.md#names-of-nodes)).
`qnetsim scenario schema` prints the same as JSON Schema.
"""

TAIL = """
Further keys of a `[[policy]]` table are options of that policy; `qnetsim policies` names them.
"""

TABLES: dict[str, type[BaseModel]] = {
    "[run]": RunTable,
    "[network]": NetworkTable,
    "[network.mdi_qkd]": MdiQkdTable,
    "[[network.fibre]]": FibreTable,
    "[cost]": CostTable,
    "[cost.reserved]": Prices,
    "[cost.on_demand]": OnDemandPrices,
    "[demand]": DemandTable,
    "[demand.gravity]": GravityTable,
    "[[request]]": RequestTable,
    "[recording]": RecordingTable,
    "[recording.columns]": RecordingColumns,
    "[regimes]": RegimesTable,
    "[yields]": YieldTable,
    "[faults]": FaultTable,
    "[[outage]]": OutageTable,
    "[[fel]]": FelTable,
    "[fel.privacy]": PrivacyTable,
    "[[fel.attack]]": AttackTable,
    "[key_management]": KeyManagementTable,
    "[planning]": PlanningTable,
    "[planning.risk]": RiskTable,
    "[learning]": LearningTable,
    "[trace]": TraceTable,
    "[[policy]]": PolicyTable,
}


def page() -> str:
    """Text of the page, in Markdown."""
    parts = (f"\n## `{name}`\n\n{keys_of(table)}" for name, table in TABLES.items())
    return "".join([HEAD, *parts, TAIL])


def keys_of(table: type[BaseModel]) -> str:
    """The keys of a table of a TOML file, in Markdown."""
    lines = ["| key | meaning | allowed | default |\n|---|---|---|---|\n"]
    for key, field in table.model_fields.items():
        extra = field.json_schema_extra
        allowed = str(extra["allowed"]) if isinstance(extra, dict) else ""
        default = f"`{field.default}`"
        if field.is_required():
            default = "required"
        elif field.default in (None, "") or isinstance(field.default, BaseModel):
            default = "—"
        cells = (f"`{key}`", field.description or "", allowed, default)
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n")
    return "".join(lines)


if __name__ == "__main__":
    print(page(), end="")
