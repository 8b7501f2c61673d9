"""The tables that make the world: demand, yields, faults."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from qnetsim.scenario.tables.fields import (
    MAX_LEVELS,
    FibreEnds,
    NodeName,
    Pairs,
    Probabilities,
    Table,
    as_tuple,
    field,
)
from qnetsim.scenario.tables.request import GravityTable, RequestTable

#: A geometric holding time is cut at this multiple of its mean.
HOLDING_CUT = 16


class DemandTable(Table):
    """Who asks for keys, and how many.

    Exactly one of ``requests``, ``pairs``, ``gravity``, ``means`` and ``[[request]]`` tables is
    given;
    ``qnetsim.scenario.load`` checks it.
    """

    kind: Literal["poisson", "table"] = field(
        "distribution of a request's level k (its key rate in units of key_rate_bps)",
        "'poisson' (truncated to the levels and renormalised) or 'table'",
        default="poisson",
    )
    levels: int = field(
        "number of levels |Ω|; k lies in 0 .. levels - 1",
        f"an integer 1 .. {MAX_LEVELS}",
        default=10,
        ge=1,
        le=MAX_LEVELS,
    )
    mean: float | None = field(
        "mean of the Poisson distribution before truncation; ⌊levels/3⌋ unless given",
        "a number >= 0, only with kind = 'poisson'",
        default=None,
        ge=0,
        le=1e6,
    )
    probabilities: Probabilities | None = field(
        "probability of each level 0, 1, …; renormalised",
        "a list of `levels` numbers >= 0 with a positive sum, only with kind = 'table'",
        default=None,
    )
    coupling: Literal["comonotone", "independent", "grouped", "copula"] = field(
        "how the levels of a slot's requests go together: one uniform number U for all, each level "
        "being the U-quantile of its distribution (Eq 46); one for each request (Eq 7); one for "
        "each group; or one for each, coupled by a Gaussian copula",
        "'comonotone', 'independent', 'grouped' or 'copula'",
        default="comonotone",
    )
    correlation: float | None = field(
        "correlation of any two requests' normal numbers under the Gaussian copula",
        "a number 0 .. 0.9999, only with coupling = 'copula'; 1 is 'comonotone'",
        default=None,
        ge=0,
        le=0.9999,
    )
    requests: int | None = field(
        "number of requests |R|, each on a node pair drawn uniformly once per scenario",
        "an integer 1 .. 1000000; give either requests, pairs or [[request]] tables",
        default=None,
        ge=1,
        le=10**6,
    )
    pairs: Literal["all"] | Pairs | None = field(
        "the requests themselves",
        "'all' (one per unordered node pair) or a list of [source, target]; "
        "give either requests, pairs or [[request]] tables",
        default=None,
    )
    gravity: GravityTable | None = field(
        "a request for each node pair, with means by the weights of the nodes",
        "{weights = …, total_rate_bps = …}; in place of requests, pairs and [[request]] tables",
        default=None,
    )
    means: Annotated[tuple[RequestTable, ...], BeforeValidator(as_tuple)] | str | None = field(
        "a table of means, a row for each node pair",
        "the path of a .csv file with the columns source and target, and mean or mean_rate_bps; "
        "a list of tables with these keys. Columns count, group and priority may stand beside "
        "them, as in [[request]] tables, in whose place it is",
        default=None,
    )
    arrivals: Literal["slot_start", "uniform"] = field(
        "when the requests of a slot arrive",
        "'slot_start' (the paper), or 'uniform' (each at an instant of its own inside the slot)",
        default="slot_start",
    )
    holding: Literal["fixed", "geometric"] = field(
        "distribution of the slots for which a request is served, its keys delivered in each",
        "'fixed' (holding_slots) or 'geometric' (of mean holding_slots, cut at 16 times the mean)",
        default="fixed",
    )
    holding_slots: int = field(
        "slots for which a request is served, or their mean",
        "an integer 1 .. 1000",
        default=1,
        ge=1,
        le=1000,
    )
    priority_shares: Probabilities | None = field(
        "shares of the priority classes 0, 1, …; class 0 is served first. The class of a request "
        "is drawn once per scenario",
        "a list of 1 to 16 numbers >= 0 with a positive sum; without it there is one class",
        default=None,
    )

    @property
    def longest_holding(self) -> int:
        """Most slots for which a request can be served."""
        return self.holding_slots * (HOLDING_CUT if self.holding == "geometric" else 1)


def _column(meaning: str) -> Any:
    return field(meaning, "a name in the header", default=None, max_length=200)


class RecordingColumns(Table):
    """Names of the columns of recorded demand, where they are not the usual ones."""

    slot: str | None = _column("number of the slot")
    time: str | None = _column("time, as ISO 8601 (UTC unless it says otherwise) or in seconds")
    source: str | None = _column("one end")
    target: str | None = _column("the other end")
    rate: str | None = _column("rate, or amount in a slot")
    arrival: str | None = _column("when a request arrives, as time")
    holding: str | None = _column("how long a request stands, in seconds")
    ignore: Annotated[tuple[str, ...], BeforeValidator(as_tuple)] = field(
        "columns that are left out of a matrix with a column for each pair",
        "a list of names in the header",
        default=(),
        max_length=10_000,
    )


class RecordingTable(Table):
    """Demand that was recorded elsewhere.

    The file says who asks for how much and when; ``[demand]`` then only says what policies are
    told in advance. A rate is rounded up to whole demand levels. Lists by slot or time, matrices
    and the formats of others are read, as by ``qnetsim demand import``.
    """

    file: str = field(
        "the recorded demand",
        "the path of a .csv file with the columns slot,source,target,rate, of an .h5 file with "
        "datasets of these names, or of a file in another format that docs/reference/demand.md "
        "lists",
        pattern=r"^[^\x00-\x1f\x7f]+$",
    )
    rate_unit: Literal["bps", "kbps", "Mbps", "Gbps", "bits", "bytes", "level"] = field(
        "unit of the rates",
        "'bps', 'kbps', 'Mbps', 'Gbps', 'bits' or 'bytes' (in a slot of the file), or 'level' "
        "(multiples of K_L at span_km)",
    )
    rate_factor: float = field(
        "what every rate is multiplied by, such as bits of key for each bit of data",
        "a number > 0",
        default=1.0,
        gt=0,
        le=1e12,
    )
    columns: RecordingColumns | None = field(
        "names of the columns, where they are not the usual ones", "a table", default=None
    )
    first_slot: int | None = field(
        "number that the file gives its first slot; rows ahead of it are left out. Needed where "
        "slots begin at 1 or at an epoch",
        "an integer -10^15 .. 10^15",
        default=None,
        ge=-(10**15),
        le=10**15,
    )
    first_time: str | None = field(
        "when the first slot begins, for files with times; unless given, at the first time since "
        "1970, or at 0 s",
        "ISO 8601, or seconds as text",
        default=None,
        max_length=64,
    )
    directions: Literal["sum", "keep"] | None = field(
        "rows of one slot and node pair, in either direction",
        "'sum' (one request with all their rate) or 'keep' (each a request of its own); unless "
        "given, 'keep' in lists by slot, 'sum' in other formats",
        default=None,
    )
    untimed: Annotated[int, Field(ge=1, le=10**8)] | Literal["in_turn"] | None = field(
        "demand without slots and times",
        "an integer 1 .. 100000000 (the slots for which all of it stands) or 'in_turn' (row n is "
        "the demand of slot n)",
        default=None,
    )
    nodes: Annotated[tuple[NodeName, ...], BeforeValidator(as_tuple)] = field(
        "names of the nodes in their order, for matrices without names",
        "a list of names",
        default=(),
        max_length=10_000,
    )
    slot_s: float = field(
        "time base: length of a slot of the file",
        "a number > 0 in seconds, a whole multiple of run.slot_s",
        gt=0,
        le=1e9,
    )
    forecast_slots: int = field(
        "first slots of the file that make the forecast (the distribution of all levels in them) "
        "and are not simulated; 0: the forecast is the distribution that [demand] gives",
        "an integer >= 0, in slots of the file",
        default=0,
        ge=0,
        le=10**9,
    )
    sha256: str | None = field(
        "checksum of the file; filled in when it is read, checked where it is given",
        "64 hexadecimal digits",
        default=None,
        pattern=r"^[0-9a-f]{64}$",
    )

    def keys_left_out(self) -> set[str]:
        """Keys that came later and are at their defaults: they change no digest."""
        late = ("rate_factor", "columns", "first_slot", "first_time", "directions", "untimed")
        fields = type(self).model_fields
        return {k for k in (*late, "nodes") if getattr(self, k) == fields[k].default}


class YieldTable(Table):
    """Factor ξ on what a channel yields, by fibre and slot."""

    noise_counts: int = field(
        "mean of the Poisson number of detections behind a channel-slot; ξ is their number over "
        "the mean, the same for all channels of a fibre",
        "an integer 1 .. 1000000; 0 means no noise",
        default=0,
        ge=0,
        le=10**6,
    )
    drift: float = field(
        "standard deviation of a slow drift of ξ around 1 (first-order autoregressive)",
        "a number 0 .. 0.5",
        default=0.0,
        ge=0,
        le=0.5,
    )
    drift_slots: int = field(
        "correlation time of the drift in slots",
        "an integer 1 .. 1000000",
        default=100,
        ge=1,
        le=10**6,
    )


def _time(meaning: str) -> Any:
    return field(meaning, "a number > 0 in seconds", default=None, gt=0, le=1e12)


class FaultTable(Table):
    """Outages as alternating renewal processes: exponential times up and down."""

    fibre_mtbf_s: float | None = _time("mean time of a fibre between repair and failure")
    fibre_mttr_s: float | None = _time("mean time to repair a fibre")
    relay_mtbf_s: float | None = _time(
        "mean time between failures of each relay, trusted and untrusted, of a chain"
    )
    relay_mttr_s: float | None = _time("mean time to repair a relay")
    node_mtbf_s: float | None = _time("mean time between failures of a node")
    node_mttr_s: float | None = _time("mean time to repair a node")


class OutageTable(Table):
    """One outage: of a node, of a fibre, or of a relay on a fibre."""

    node: NodeName | None = field(
        "the node that fails, and with it all its fibres",
        "a node; give either node or fibre",
        default=None,
    )
    fibre: FibreEnds | None = field(
        "the fibre that fails",
        "[source, target], or [source, target, name] where several fibres join the two; give "
        "either node or fibre",
        default=None,
    )
    trusted_relay: int | None = field(
        "trusted relay of the fibre that fails, counted from its first end",
        "an integer 1 .. N - 1, with fibre",
        default=None,
        ge=1,
    )
    untrusted_relay: int | None = field(
        "untrusted relay of the fibre that fails, counted from its first end",
        "an integer 1 .. N, with fibre",
        default=None,
        ge=1,
    )
    start_s: float = field(
        "when it fails", "a number >= 0 in seconds, a whole number of nanoseconds", ge=0, le=1e9
    )
    duration_s: float = field(
        "how long it is down",
        "a number > 0 in seconds, a whole number of nanoseconds",
        gt=0,
        le=1e9,
    )
