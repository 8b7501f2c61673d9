"""The scenario: all tables of a TOML file in one frozen model, and checked ways to get one."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from qnetsim.errors import ScenarioError, UsageError
from qnetsim.scenario.checked import (
    Given,
    OptionsModelOf,
    checked_tables,
    integers_only,
    model_problems,
)
from qnetsim.scenario.lines import Key
from qnetsim.scenario.tables.cost import CostTable
from qnetsim.scenario.tables.fel import FelTable
from qnetsim.scenario.tables.fields import Table, as_tuple, field, without_late_keys
from qnetsim.scenario.tables.graph import GRAPH
from qnetsim.scenario.tables.jobs import JobsTable
from qnetsim.scenario.tables.learning import LearningTable, RegimesTable
from qnetsim.scenario.tables.network import NetworkTable
from qnetsim.scenario.tables.portable import file_name, without_folders
from qnetsim.scenario.tables.request import RequestTable
from qnetsim.scenario.tables.scenario import (
    KeyManagementTable,
    PlanningTable,
    PolicyTable,
    RunTable,
)
from qnetsim.scenario.tables.topology_file import reading_keys
from qnetsim.scenario.tables.trace import TraceTable
from qnetsim.scenario.tables.world import (
    DemandTable,
    FaultTable,
    OutageTable,
    RecordingTable,
    YieldTable,
)

#: Tables that the demand of a recording is worked out from, or takes the place of.
OF_RECORDING = ("recording", "demand", "request", "regimes", "jobs")


class Scenario(Table):
    """Everything that a run needs: frozen, validated, with defaults filled in."""

    run: RunTable = field("the [run] table", "a table", default=RunTable.not_given())
    network: NetworkTable = field("the [network] table", "a table")
    cost: CostTable = field("the [cost] table", "a table", default=CostTable.not_given())
    demand: DemandTable = field("the [demand] table", "a table", default=DemandTable.not_given())
    request: Annotated[tuple[RequestTable, ...], BeforeValidator(as_tuple)] = field(
        "the [[request]] tables", "one [[request]] table for each kind of request", default=()
    )
    recording: RecordingTable | None = field("the [recording] table", "a table", default=None)
    regimes: RegimesTable | None = field("the [regimes] table", "a table", default=None)
    jobs: JobsTable | None = field("the [jobs] table", "a table", default=None)
    yields: YieldTable = field("the [yields] table", "a table", default=YieldTable.not_given())
    faults: FaultTable = field("the [faults] table", "a table", default=FaultTable.not_given())
    outage: Annotated[tuple[OutageTable, ...], BeforeValidator(as_tuple)] = field(
        "the [[outage]] tables", "one [[outage]] table for each listed outage", default=()
    )
    fel: Annotated[tuple[FelTable, ...], BeforeValidator(as_tuple)] = field(
        "the [[fel]] tables", "one [[fel]] table for each task", default=()
    )
    key_management: KeyManagementTable = field(
        "the [key_management] table", "a table", default=KeyManagementTable.not_given()
    )
    planning: PlanningTable = field(
        "the [planning] table", "a table", default=PlanningTable.not_given()
    )
    learning: LearningTable = field(
        "the [learning] table", "a table", default=LearningTable.not_given()
    )
    trace: TraceTable = field("the [trace] table", "a table", default=TraceTable.not_given())
    policy: Annotated[tuple[PolicyTable, ...], BeforeValidator(as_tuple)] = field(
        "the [[policy]] tables", "one [[policy]] table for each policy", default=()
    )

    @model_serializer(mode="wrap")
    def _without_late_tables(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Dump that is the one of before where no later table is used."""
        return without_late_keys(self, dump, ("trace", "jobs"))

    #: The files that it was read from, which no command writes over; no part of its value.
    _files: tuple[Path, ...] = PrivateAttr(())

    def __eq__(self, other: object) -> bool:
        """Whether all tables are equal, wherever they were read."""
        if not isinstance(other, Scenario):
            return NotImplemented
        return all(getattr(self, key) == getattr(other, key) for key in Scenario.model_fields)

    def __hash__(self) -> int:
        """Hash of the tables."""
        return hash(tuple(getattr(self, key) for key in Scenario.model_fields))

    def read_from(self, *paths: Path) -> Self:
        """Copy that knows its files: that of the scenario, and tables beside it."""
        known = self.model_copy()
        known._files = tuple(path.absolute() for path in paths)
        return known

    @property
    def named_files(self) -> tuple[Path, ...]:
        """Files that it was read from or names, there or not: topology, demand, data, weights."""
        topology = self.network.topology
        named = [] if topology.startswith(("topohub:", GRAPH)) else [topology]
        if self.recording is not None:
            named.append(self.recording.file)
        named += [table.data for table in self.fel if table.data is not None]
        files = (file for table in self.policy for file in table.named_files)
        return (*self._files, *map(Path, named), *files)

    def portable(self) -> Self:
        """Copy that names files without their folders, which are the machine's affair."""
        changes: dict[str, object] = {}
        if not self.network.topology.startswith("topohub:"):
            name = file_name(self.network.topology)
            changes["network"] = self.network.model_copy(update={"topology": name})
        if self.recording is not None:
            name = file_name(self.recording.file)
            changes["recording"] = self.recording.model_copy(update={"file": name})
        if self.fel:
            changes["fel"] = tuple(table.portable() for table in self.fel)
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
            "jobs": None,
            "recording": None,
            "learning": LearningTable.not_given(),
            "trace": TraceTable.not_given(),
            "request": (),
        }
        unused: dict[str, Any] = {
            name: True for name, default in late.items() if getattr(self, name) == default
        }
        unused["demand"] = {
            key for key in ("correlation", "gravity", "means") if getattr(self.demand, key) is None
        }
        planning = PlanningTable.not_given()
        unused["planning"] = {
            key
            for key in ("gap", "round_limit", "risk")
            if getattr(self.planning, key) == getattr(planning, key)
        }
        if self.recording is not None:
            unused["recording"] = self.recording.keys_left_out()
        if "learning" not in unused:
            learning = LearningTable.not_given()
            unused["learning"] = {
                key
                for key in ("km_action", "channels_by")
                if getattr(self.learning, key) == getattr(learning, key)
            }
        unused["network"] = {
            key
            for key in reading_keys()
            if getattr(self.network, key) == NetworkTable.model_fields[key].default
        }
        text = self.portable().model_dump_json(exclude=unused)
        return hashlib.sha256(text.encode()).hexdigest()

    def with_run(self, **changes: int | None) -> Self:
        """Copy with other ``run`` values; None leaves a value as it is, numbers of numpy count.

        Raises
        ------
        pydantic.ValidationError
            If a value is out of range.
        """
        given = {key: plain(value) for key, value in changes.items() if value is not None}
        run = RunTable.model_validate({**self.run.model_dump(), **given})
        return self.model_copy(update={"run": run})

    @classmethod
    def of(cls, tables: Mapping[str, Any] | None = None, /, **more: Any) -> Self:
        """Build a scenario from its tables, checked as a file is.

        The topology, node pairs and options of policies are checked where the scenario is first
        used; :func:`qnetsim.make_scenario` checks them too.

        Parameters
        ----------
        tables : mapping, optional
            Tables by name, as in a file.
        **more
            Further tables; ``topology`` is short for that key of ``network``.

        Raises
        ------
        ScenarioError
            With every problem, each as ``key: what is wrong; what is allowed``.
        """
        return checked_tables(cls, Given(plain_tables(tables, **more)))

    def with_changes(
        self,
        changes: Mapping[str, Any] | Mapping[Key, Any],
        policy_options: OptionsModelOf | None = None,
    ) -> Self:
        """Copy with other values, checked as a file is.

        Parameters
        ----------
        changes : mapping from str or tuple to value
            By key: ``"demand.requests"``, ``"policy.0.seed"``; a number is the place of a table
            in a list.
        policy_options : callable, optional
            Looks up the options model of a policy; without it options are checked where the
            scenario is used.

        Raises
        ------
        ScenarioError
            With every problem.
        UsageError
            A key leads nowhere.
        """
        keys = change_keys(changes)
        data = self.model_dump(mode="json", exclude_unset=True, exclude_defaults=True)
        kept: dict[str, Any] = {}
        if self.recording is not None:
            for key in keys:
                if key[:1] and key[0] in OF_RECORDING:
                    text = f"{key[0]}: belongs to the recorded demand; load the file with changes"
                    raise ScenarioError([text])
            kept = {name: getattr(self, name) for name in OF_RECORDING}
            data = {name: table for name, table in data.items() if name not in OF_RECORDING}
            data["demand"] = {"requests": 1}
        for number, table in enumerate(data.get("fel", ())):
            if ("fel", number, "data") in keys:
                # the checksum is that of the file before
                table.pop("sha256", None)
        found = checked_tables(type(self), Given(data, changes=keys), policy_options)
        return found.model_copy(update=kept | self._not_in_files(found)).read_from(*self._files)

    def refuse_unchecked(self) -> None:
        """Refuse values that were put in past the checks, as ``model_copy`` does.

        Raises
        ------
        ScenarioError
            With every problem.
        """
        try:
            type(self).model_validate(self.model_dump(warnings=False))
        except ValidationError as error:
            texts = Given({}).told(model_problems(error, type(self)))
            how = "values are changed, and checked, by Scenario.with_changes"
            raise ScenarioError([*texts, how]) from None

    def _not_in_files(self, other: Self) -> dict[str, Any]:
        """Tables of another scenario with what no file can say of them: a graph, a user's code."""
        update: dict[str, Any] = {}
        graph = self.network.graph
        if graph is not None and other.network.topology == graph.name:
            for key in reading_keys():
                if getattr(self.network, key) != getattr(other.network, key):
                    text = (
                        "is read no more, as the graph has been; give the graph anew with this key"
                    )
                    raise ScenarioError([f"network.{key}: {text}"])
            update["network"] = other.network.with_graph(graph)
        sources = {table.name: table.source for table in self.policy if table.source is not None}
        if sources:
            update["policy"] = tuple(
                table.with_source(sources[table.name]) if table.name in sources else table
                for table in other.policy
            )
        return update


def change_keys(changes: Mapping[str, Any] | Mapping[Key, Any]) -> dict[Key, Any]:
    """Values by the parts of their keys.

    Raises
    ------
    UsageError
        It is no mapping from keys.
    """
    if not isinstance(changes, Mapping) or not all(isinstance(k, str | tuple) for k in changes):
        raise UsageError("changes: give a mapping from keys, such as 'demand.requests', to values")
    return {split_key(key): plain(value) for key, value in changes.items()}


def split_key(key: str | Key) -> Key:
    """Parts of a dotted key; a whole number is the place of a table in a list."""
    if not isinstance(key, str):
        return tuple(key)
    return tuple(int(part) if part.isdecimal() else part for part in key.split("."))


def takes_integers(key: Key) -> bool:
    """Whether a key of the scenario takes integers only; False where there is no such key."""
    return integers_only(Scenario, key)


def plain_tables(
    tables: Mapping[str, Any] | None = None, /, topology: Any = None, **more: Any
) -> dict[str, Any]:
    """Tables of a scenario in the forms of TOML.

    Parameters
    ----------
    tables : mapping, optional
    topology : object, optional
        Short for that key of the ``network`` table.
    **more
        Further tables.

    Raises
    ------
    ScenarioError
        Something is given twice, or is no table.
    """
    if tables is not None and not isinstance(tables, Mapping):
        text = f"give a mapping of tables, not {type(tables).__name__}"
        if isinstance(tables, str) or hasattr(tables, "edges"):
            text += "; a network is given as topology="
        raise ScenarioError([f"a scenario: {text}"])
    data = {str(name): plain(table) for name, table in (tables or {}).items()}
    for name, table in more.items():
        if name in data:
            raise ScenarioError([f"{name}: is given twice; give it once"])
        data[name] = plain(table)
    if topology is not None:
        network = data.setdefault("network", {})
        if not isinstance(network, dict) or "topology" in network:
            raise ScenarioError(["network.topology: is given twice; give it once"])
        network["topology"] = plain(topology)
    return data


def plain(value: Any) -> Any:
    """A value of Python in the forms of TOML: no tables of ours, tuples, paths, numpy numbers."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_unset=True, exclude_defaults=True)
    if isinstance(value, Mapping):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, Path):
        return str(value)
    return value.tolist() if hasattr(value, "dtype") and hasattr(value, "tolist") else value
