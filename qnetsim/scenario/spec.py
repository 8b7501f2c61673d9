"""The scenario: one frozen model for each table of the TOML file.

Every field states its unit in its name, its meaning, and what is allowed; the same texts
make the error messages and the JSON Schema.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

MAX_LEVELS = 1000
COUNT_MAX = 10**9


def _field(meaning: str, allowed: str, **constraints: Any) -> Any:
    return Field(description=meaning, json_schema_extra={"allowed": allowed}, **constraints)


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


def _node_name(value: object) -> object:
    """Read an integer as the name of a node; anything else is left for validation."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


NodeName = Annotated[str, BeforeValidator(_node_name)]


def _as_tuple(value: object) -> object:
    """TOML has arrays only; a frozen model wants tuples."""
    return tuple(value) if isinstance(value, list) else value


Pair = Annotated[tuple[NodeName, NodeName], BeforeValidator(_as_tuple)]
Pairs = Annotated[tuple[Pair, ...], BeforeValidator(_as_tuple)]
Probabilities = Annotated[tuple[float, ...], BeforeValidator(_as_tuple)]


class RunTable(_Table):
    """How long is simulated, and from which seed."""

    slots: int = _field(
        "slots simulated in one replication", "an integer >= 1", default=1000, ge=1, le=COUNT_MAX
    )
    slot_s: float = _field(
        "length of a slot, Δ",
        "a number > 0 in seconds, a whole number of nanoseconds",
        default=1.0,
        gt=0,
        le=1e6,
    )
    seed: int = _field(
        "seed of every random stream", "an integer 0 .. 2^63 - 1", default=1, ge=0, lt=2**63
    )
    replications: int = _field(
        "independent worlds that a comparison runs",
        "an integer 1 .. 100000",
        default=10,
        ge=1,
        le=100_000,
    )


class NetworkTable(_Table):
    """The fibres, and what a QKD channel on them yields."""

    topology: str = _field(
        "the network of fibres",
        "'nsfnet', 'usnet', 'topohub:NAME', or the path of a .csv, .json, .graphml or .gml file",
        pattern=r"^[^\x00-\x1f\x7f]+$",
    )
    span_km: float = _field(
        "longest distance L between two quantum transmitters of a chain",
        "a number 0.001 .. 1000000 in km",
        default=160.0,
        ge=1e-3,
        le=1e6,
    )
    key_rate: Literal["constant"] = _field(
        "model of the secret-key rate K_L of a channel", "'constant'", default="constant"
    )
    key_rate_bps: float = _field(
        "secret-key rate K_L of one QKD channel; also the unit of a demand level",
        "a number > 0 in bit/s, with at least one bit in a slot",
        default=1000.0,
        gt=0,
        le=1e12,
    )
    qkd_wavelengths: int = _field(
        "limit |σ| of wavelengths on QKD links, per fibre (three make a channel)",
        "an integer >= 0; 0 means unlimited",
        default=0,
        ge=0,
        le=COUNT_MAX,
    )
    km_wavelengths: int = _field(
        "limit |κ| of wavelengths on KM links, per fibre",
        "an integer >= 0; 0 means unlimited",
        default=0,
        ge=0,
        le=COUNT_MAX,
    )


def _price(meaning: str, default: float) -> Any:
    return _field(meaning, "a number >= 0", default=default, ge=0, le=1e12)


class Prices(_Table):
    """Unit prices β of Table II, per slot."""

    transmitter: float = _price("β_T, one quantum transmitter", 1500.0)
    receiver: float = _price("β_R, one quantum receiver", 2250.0)
    key_manager: float = _price("β_KM, one local key manager", 1200.0)
    security_infrastructure: float = _price("β_SI, one security infrastructure", 150.0)
    mux_demux: float = _price("β_MD, one MUX/DEMUX pair", 300.0)
    channel_km: float = _price("β_Ch, one wavelength over one km", 1.0)


class OnDemandPrices(Prices):
    """Unit prices β of Table II for what is bought on demand, per slot."""

    transmitter: float = _price("β_T, one quantum transmitter", 6000.0)
    receiver: float = _price("β_R, one quantum receiver", 9000.0)
    key_manager: float = _price("β_KM, one local key manager", 3000.0)
    security_infrastructure: float = _price("β_SI, one security infrastructure", 500.0)
    mux_demux: float = _price("β_MD, one MUX/DEMUX pair", 900.0)
    channel_km: float = _price("β_Ch, one wavelength over one km", 4.0)


class CostTable(_Table):
    """Table II of the paper, and the factor of its Fig. 8."""

    on_demand_multiplier: float = _field(
        "factor on every on-demand price (Fig. 8)", "a number >= 0", default=1.0, ge=0, le=1e6
    )
    blocking_cost: float | None = _field(
        "price of a request that is not served; with it, plans may block requests where the "
        "wavelength limits leave no room or serving is dearer",
        "a number >= 0; without it every request must be served and blocking is not billed",
        default=None,
        ge=0,
        le=1e15,
    )
    reserved: Prices = _field("reserved prices", "a table of prices", default=Prices())
    on_demand: OnDemandPrices = _field(
        "on-demand prices", "a table of prices", default=OnDemandPrices()
    )


class DemandTable(_Table):
    """Who asks for keys, and how many.

    Exactly one of ``requests`` and ``pairs`` is given; ``qnetsim.scenario.load`` checks it.
    """

    kind: Literal["poisson", "table"] = _field(
        "distribution of a request's level k (its key rate in units of key_rate_bps)",
        "'poisson' (truncated to the levels and renormalised) or 'table'",
        default="poisson",
    )
    levels: int = _field(
        "number of levels |Ω|; k lies in 0 .. levels - 1",
        f"an integer 1 .. {MAX_LEVELS}",
        default=10,
        ge=1,
        le=MAX_LEVELS,
    )
    mean: float | None = _field(
        "mean of the Poisson distribution before truncation; ⌊levels/3⌋ unless given",
        "a number >= 0, only with kind = 'poisson'",
        default=None,
        ge=0,
        le=1e6,
    )
    probabilities: Probabilities | None = _field(
        "probability of each level 0, 1, …; renormalised",
        "a list of `levels` numbers >= 0 with a positive sum, only with kind = 'table'",
        default=None,
    )
    coupling: Literal["comonotone", "independent"] = _field(
        "whether all requests of a slot share one level (Eq 46) or each has its own (Eq 7)",
        "'comonotone' or 'independent'",
        default="comonotone",
    )
    requests: int | None = _field(
        "number of requests |R|, each on a node pair drawn uniformly once per scenario",
        "an integer 1 .. 1000000; give either requests or pairs",
        default=None,
        ge=1,
        le=10**6,
    )
    pairs: Literal["all"] | Pairs | None = _field(
        "the requests themselves",
        "'all' (one per unordered node pair) or a list of [source, target]; "
        "give either requests or pairs",
        default=None,
    )


class KeyManagementTable(_Table):
    """Pools of the local key managers, and how long a request may wait."""

    store_bits: int = _field(
        "bits that a fibre's pool may keep from one slot to the next, per pool",
        "an integer >= 0",
        default=0,
        ge=0,
        le=2**53,
    )
    key_lifetime_slots: int = _field(
        "slots for which unused bits stay usable after the slot that produced them",
        "an integer 0 .. 10000",
        default=0,
        ge=0,
        le=10_000,
    )
    patience_s: float = _field(
        "how long a request that cannot be served waits before it is blocked",
        "a number >= 0 in seconds, a whole number of nanoseconds",
        default=0.0,
        ge=0,
        le=1e9,
    )
    granularity: Literal["channel", "bit"] = _field(
        "whether a request takes whole channel-slots (the paper's ρ_r) or shares them",
        "'channel' or 'bit'",
        default="channel",
    )


class PlanningTable(_Table):
    """How plans are solved."""

    solver: Literal["highs", "gurobi", "auto"] = _field(
        "solver of linear and integer programs; 'auto' takes Gurobi where its licence admits the "
        "model, else HiGHS, and says so",
        "'highs', 'gurobi' or 'auto'",
        default="highs",
    )
    node_limit: int = _field(
        "most branch-and-bound nodes of one integer program; a plan whose gap stays open then is "
        "called feasible",
        "an integer >= 1",
        default=10_000,
        ge=1,
        le=COUNT_MAX,
    )
    threads: int = _field(
        "threads of the solver; with more than one, equally good plans may differ between runs",
        "an integer 1 .. 1024",
        default=1,
        ge=1,
        le=1024,
    )


class PolicyTable(BaseModel):
    """One policy of a comparison; further keys are options that the policy itself checks."""

    model_config = ConfigDict(frozen=True, strict=True, extra="allow", allow_inf_nan=False)

    name: str = _field("entry-point name of the policy", "a name that `qnetsim policies` lists")
    label: str | None = _field(
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


class Scenario(_Table):
    """Everything that a run needs: frozen, validated, with defaults filled in."""

    run: RunTable = _field("the [run] table", "a table", default=RunTable())
    network: NetworkTable = _field("the [network] table", "a table")
    cost: CostTable = _field("the [cost] table", "a table", default=CostTable())
    demand: DemandTable = _field("the [demand] table", "a table")
    key_management: KeyManagementTable = _field(
        "the [key_management] table", "a table", default=KeyManagementTable()
    )
    planning: PlanningTable = _field("the [planning] table", "a table", default=PlanningTable())
    policy: Annotated[tuple[PolicyTable, ...], BeforeValidator(_as_tuple)] = _field(
        "the [[policy]] tables", "one [[policy]] table for each policy", default=()
    )

    def portable(self) -> Scenario:
        """Copy that names a topology file without its folder, which is the machine's affair."""
        name = self.network.topology.replace("\\", "/")
        if name.startswith("topohub:"):
            return self
        network = self.network.model_copy(update={"topology": name.rsplit("/", 1)[-1]})
        return self.model_copy(update={"network": network})

    def digest(self) -> str:
        """SHA-256 over all settings, defaults included; hexadecimal."""
        return hashlib.sha256(self.portable().model_dump_json().encode()).hexdigest()

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
