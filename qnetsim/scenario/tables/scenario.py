"""The tables of a run, its keys, its plans and its policies: one frozen model for each.

Every field states its unit in its name, its meaning, and what is allowed; the same texts
make the error messages and the JSON Schema.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from qnetsim.scenario.labels import policy_title
from qnetsim.scenario.tables.fields import COUNT_MAX, Table, field, without_late_keys
from qnetsim.scenario.tables.portable import WEIGHTS_SUFFIX, file_name


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
    warmup_slots: int | None = field(
        "first slots of a run that are simulated and recorded, but left out of its figures; "
        "unless given, MSER-5 finds them where a run starts empty",
        "an integer 0 .. slots - 1",
        default=None,
        ge=0,
        le=COUNT_MAX,
    )

    @model_serializer(mode="wrap")
    def _without_late_keys(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Dump that is the one of before where no later key is used."""
        return without_late_keys(self, dump, ("warmup_slots",))


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
    initial_bits: int = field(
        "bits in a fibre's reservation pool ahead of slot 0, of the age of bits that the slot "
        "before it would have left",
        "an integer 0 .. store_bits; more than 0 with key_lifetime_slots >= 1",
        default=0,
        ge=0,
        le=2**53,
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
        "the nodes: policies, 'reroute' and 'block' go by what it knows; who waits under 'wait' "
        "is served as soon as the fibre is repaired",
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

    @model_serializer(mode="wrap")
    def _without_late_keys(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Dump that is the one of before where no later key is used."""
        return without_late_keys(self, dump, ("initial_bits",))


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


@dataclass(frozen=True)
class PolicySource:
    """A policy class that a user wrote, and that no installed package registers.

    Attributes
    ----------
    place : str
        Absolute path of a Python file, or the name of a module.
    class_name : str
    sha256 : str
        Of the file, hexadecimal.
    """

    place: str
    class_name: str
    sha256: str

    @property
    def file(self) -> Path | None:
        """The file, where it is not a module."""
        return Path(self.place) if self.place.endswith(".py") else None

    @property
    def name(self) -> str:
        """``FILE.py:Class`` without the folder, or ``module:Class``."""
        return f"{file_name(self.place) if self.file else self.place}:{self.class_name}"


class PolicyTable(BaseModel):
    """One policy of a comparison; further keys are options that the policy itself checks.

    A table that was read from a trace or a plan has no ``source``: its name alone makes nothing
    import code.
    """

    model_config = ConfigDict(
        frozen=True, strict=True, extra="allow", allow_inf_nan=False, defer_build=True
    )

    name: str = field(
        "name of the policy, or where its class is",
        "a name that `qnetsim policies` lists, FILE.py:Class or module:Class",
    )
    label: str | None = field(
        "name in tables and file names; needed when one policy is used twice",
        "letters, digits, '.', '_' and '-'",
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
    )

    _source: PolicySource | None = PrivateAttr(default=None)

    def __eq__(self, other: object) -> bool:
        """Whether all is equal, and options are of one kind: 1, 1.0 and true are three options."""
        if not super().__eq__(other) or not isinstance(other, PolicyTable):
            return False
        mine, others = self.options, other.options
        return all(repr(mine[key]) == repr(others[key]) for key in mine)

    def __hash__(self) -> int:
        """Hash of the name and the label."""
        return hash((self.name, self.label))

    @property
    def title(self) -> str:
        """The label where there is one, else the name; of a user's own class the class name."""
        return policy_title(self.name, self.label)

    @property
    def source(self) -> PolicySource | None:
        """The class of the user's own that it is, where a user named it."""
        return self._source

    @property
    def named_files(self) -> tuple[Path, ...]:
        """Files that it names, there or not: code and trained weights."""
        values = [v for v in self.options.values() if isinstance(v, str)]
        code = self._source and self._source.file
        weights = (Path(value) for value in values if value.endswith(WEIGHTS_SUFFIX))
        return (*([code] if code else []), *weights)

    def with_source(self, source: PolicySource) -> Self:
        """Copy that is this class, under its name without a folder."""
        copy = self.model_copy(update={"name": source.name})
        copy._source = source
        return copy

    @property
    def options(self) -> dict[str, Any]:
        """The keys that belong to the policy itself."""
        return dict(self.__pydantic_extra__ or {})
