"""The scenario: one frozen model for each table of the TOML file.

Every field states its unit in its name, its meaning, and what is allowed; the same texts
make the error messages and the JSON Schema.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict

from qnetsim.scenario.tables.cost import CostTable
from qnetsim.scenario.tables.fel import FelTable
from qnetsim.scenario.tables.fields import COUNT_MAX, Table, as_tuple, field
from qnetsim.scenario.tables.learning import LearningTable, RegimesTable
from qnetsim.scenario.tables.network import NetworkTable
from qnetsim.scenario.tables.portable import WEIGHTS_SUFFIX, file_name, without_folders
from qnetsim.scenario.tables.request import RequestTable
from qnetsim.scenario.tables.world import (
    DemandTable,
    FaultTable,
    OutageTable,
    RecordingTable,
    YieldTable,
)


class RunTable(Table):
    """How long is simulated, and from which seed."""

    slots: int = field(
        "slots simulated in one replication", "an integer >= 1", default=1000, ge=1, le=COUNT_MAX
    )
    slot_s: float = field(
        "length of a slot, Δ",
        "a number > 0 in seconds, a whole number of nanoseconds",
        default=1.0,
        gt=0,
        le=1e6,
    )
    seed: int = field(
        "seed of every random stream", "an integer 0 .. 2^63 - 1", default=1, ge=0, lt=2**63
    )
    replications: int = field(
        "independent worlds that a comparison runs",
        "an integer 1 .. 100000",
        default=10,
        ge=1,
        le=100_000,
    )


class KeyManagementTable(Table):
    """Pools of the local key managers, and how long a request may wait."""

    store_bits: int = field(
        "bits that a fibre's pool may keep from one slot to the next, per pool",
        "an integer >= 0",
        default=0,
        ge=0,
        le=2**53,
    )
    key_lifetime_slots: int = field(
        "slots for which unused bits stay usable after the slot that produced them",
        "an integer 0 .. 10000",
        default=0,
        ge=0,
        le=10_000,
    )
    patience_s: float = field(
        "how long a request that cannot be served waits before it is blocked",
        "a number >= 0 in seconds, a whole number of nanoseconds",
        default=0.0,
        ge=0,
        le=1e9,
    )
    granularity: Literal["channel", "bit"] = field(
        "whether a request takes whole channel-slots (the paper's ρ_r) or shares them",
        "'channel' or 'bit'",
        default="channel",
    )

    on_demand_setup_s: float = field(
        "how long a channel that is lit on demand takes to deliver; it must fit into the slot",
        "a number >= 0 in seconds, at most slot_s, a whole number of nanoseconds",
        default=0.0,
        ge=0,
        le=1e6,
    )
    on_outage: Literal["wait", "reroute", "block"] = field(
        "what a request does whose route is known to be down",
        "'wait' (for the repair, as long as its patience lasts), 'reroute' (take the cheapest "
        "way around, wait where there is none) or 'block' (give up at once)",
        default="wait",
    )
    control_delay_s: float = field(
        "how long the control plane takes to learn of a failure or a repair and to configure "
        "the nodes",
        "a number >= 0 in seconds, a whole number of nanoseconds",
        default=0.0,
        ge=0,
        le=1e9,
    )
    relay: Literal["counted", "real"] = field(
        "whether keys are carried as numbers of bits or as real bytes over every trusted relay",
        "'counted' or 'real' (same results, slower, every key compared at both ends)",
        default="counted",
    )


class RiskTable(Table):
    """Weight of the dearest slots in what ``sip`` minimises: (1 − w)·E + w·CVaR_α of the cost."""

    cvar: float = field(
        "α: CVaR_α is the mean cost of the dearest 1 − α of the slots",
        "a number 0 .. 0.9999",
        ge=0,
        le=0.9999,
    )
    weight: float = field("w, the weight of CVaR_α", "a number 0 .. 1", ge=0, le=1)


class PlanningTable(Table):
    """How plans are solved."""

    solver: Literal["highs", "gurobi", "auto"] = field(
        "solver of linear and integer programs; 'auto' takes Gurobi where it is installed and its "
        "licence admits the model, else HiGHS, and says so",
        "'highs', 'gurobi' or 'auto'",
        default="highs",
    )
    node_limit: int = field(
        "most branch-and-bound nodes of one integer program; a plan whose gap stays open then is "
        "called feasible",
        "an integer >= 1",
        default=10_000,
        ge=1,
        le=COUNT_MAX,
    )
    gap: float = field(
        "relative gap at which a plan is good enough and the search stops; above 1e-7 such a plan "
        "is called feasible, with its bound",
        "a number 1e-9 .. 1",
        default=1e-9,
        ge=1e-9,
        le=1.0,
    )
    round_limit: int = field(
        "most rounds of column generation of one program; a weaker bound then holds all the "
        "same. With node_limit it bounds the work of a plan, alike on every machine",
        "an integer >= 1",
        default=1_000,
        ge=1,
        le=COUNT_MAX,
    )
    risk: RiskTable | None = field(
        "risk aversion of sip; without it the expected cost counts",
        "{cvar = 0.9, weight = 0.5}",
        default=None,
    )
    threads: int = field(
        "threads of the solver; with more than one, equally good plans may differ between runs",
        "an integer 1 .. 1024",
        default=1,
        ge=1,
        le=1024,
    )


class PolicyTable(BaseModel):
    """One policy of a comparison; further keys are options that the policy itself checks."""

    model_config = ConfigDict(frozen=True, strict=True, extra="allow", allow_inf_nan=False)

    name: str = field("entry-point name of the policy", "a name that `qnetsim policies` lists")
    label: str | None = field(
        "name in tables and file names; needed when one policy is used twice",
        "letters, digits, '.', '_' and '-'",
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
    )

    @property
    def title(self) -> str:
        """The label where there is one, else the name."""
        return self.label or self.name

    @property
    def options(self) -> dict[str, Any]:
        """The keys that belong to the policy itself."""
        return dict(self.__pydantic_extra__ or {})


class Scenario(Table):
    """Everything that a run needs: frozen, validated, with defaults filled in."""

    run: RunTable = field("the [run] table", "a table", default=RunTable())
    network: NetworkTable = field("the [network] table", "a table")
    cost: CostTable = field("the [cost] table", "a table", default=CostTable())
    demand: DemandTable = field("the [demand] table", "a table", default=DemandTable())
    request: Annotated[tuple[RequestTable, ...], BeforeValidator(as_tuple)] = field(
        "the [[request]] tables", "one [[request]] table for each kind of request", default=()
    )
    recording: RecordingTable | None = field("the [recording] table", "a table", default=None)
    regimes: RegimesTable | None = field("the [regimes] table", "a table", default=None)
    yields: YieldTable = field("the [yields] table", "a table", default=YieldTable())
    faults: FaultTable = field("the [faults] table", "a table", default=FaultTable())
    outage: Annotated[tuple[OutageTable, ...], BeforeValidator(as_tuple)] = field(
        "the [[outage]] tables", "one [[outage]] table for each listed outage", default=()
    )
    fel: Annotated[tuple[FelTable, ...], BeforeValidator(as_tuple)] = field(
        "the [[fel]] tables", "one [[fel]] table for each task", default=()
    )
    key_management: KeyManagementTable = field(
        "the [key_management] table", "a table", default=KeyManagementTable()
    )
    planning: PlanningTable = field("the [planning] table", "a table", default=PlanningTable())
    learning: LearningTable = field("the [learning] table", "a table", default=LearningTable())
    policy: Annotated[tuple[PolicyTable, ...], BeforeValidator(as_tuple)] = field(
        "the [[policy]] tables", "one [[policy]] table for each policy", default=()
    )

    @property
    def named_files(self) -> tuple[Path, ...]:
        """Files that it names, there or not: topology, recorded demand, trained weights."""
        topology = self.network.topology
        named = [] if topology.startswith("topohub:") else [topology]
        if self.recording is not None:
            named.append(self.recording.file)
        values = (value for table in self.policy for value in table.options.values())
        named += (v for v in values if isinstance(v, str) and v.endswith(WEIGHTS_SUFFIX))
        return tuple(Path(name) for name in named)

    def portable(self) -> Scenario:
        """Copy that names files without their folders, which are the machine's affair."""
        changes: dict[str, object] = {}
        if not self.network.topology.startswith("topohub:"):
            name = file_name(self.network.topology)
            changes["network"] = self.network.model_copy(update={"topology": name})
        if self.recording is not None:
            name = file_name(self.recording.file)
            changes["recording"] = self.recording.model_copy(update={"file": name})
        changes["policy"] = tuple(
            table.model_copy(update=without_folders(table.options)) for table in self.policy
        )
        return self.model_copy(update=changes)

    def digest(self) -> str:
        """SHA-256 over all settings, defaults included; hexadecimal."""
        # a table or a key that came later changes no digest where it is not used
        late = {
            "fel": (),
            "regimes": None,
            "recording": None,
            "learning": LearningTable(),
            "request": (),
        }
        unused: dict[str, Any] = {
            name: True for name, default in late.items() if getattr(self, name) == default
        }
        if self.demand.correlation is None:
            unused["demand"] = {"correlation"}
        planning = PlanningTable()
        unused["planning"] = {
            key
            for key in ("gap", "round_limit", "risk")
            if getattr(self.planning, key) == getattr(planning, key)
        }
        text = self.portable().model_dump_json(exclude=unused)
        return hashlib.sha256(text.encode()).hexdigest()

    def with_run(self, **changes: int | None) -> Scenario:
        """Copy with other ``run`` values; None leaves a value as it is.

        Raises
        ------
        pydantic.ValidationError
            If a value is out of range.
        """
        given = {key: value for key, value in changes.items() if value is not None}
        run = RunTable.model_validate({**self.run.model_dump(), **given})
        return self.model_copy(update={"run": run})
