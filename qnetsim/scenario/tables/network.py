"""The ``[network]`` table: fibres, chains, key rates and limits."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Discriminator,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    Tag,
    model_serializer,
)

from qnetsim.scenario.tables.fields import (
    COUNT_MAX,
    NodeName,
    Table,
    as_tuple,
    field,
    without_late_keys,
)
from qnetsim.scenario.tables.graph import GivenGraph
from qnetsim.scenario.tables.topology_file import TopologyTable

Span = tuple[NodeName, NodeName, float]
#: With the own name of a fibre that has others beside it.
NamedSpan = tuple[NodeName, NodeName, NodeName, float]


def _span_kind(value: object) -> str:
    return "named" if isinstance(value, tuple | list) and len(value) > 3 else "span"


AnySpan = Annotated[
    Annotated[Span, Tag("span")] | Annotated[NamedSpan, Tag("named")],
    Discriminator(_span_kind),
    BeforeValidator(as_tuple),
]
Spans = Annotated[tuple[AnySpan, ...], BeforeValidator(as_tuple)]
RatePoint = Annotated[tuple[float, float], BeforeValidator(as_tuple)]
RatePoints = Annotated[tuple[RatePoint, ...], BeforeValidator(as_tuple)]


#: Keys of [network] that came later: no dump has them where they say what was meant before.
LATE_KEYS = ("key_rate_at", "fibre")


class FibreTable(Table):
    """One fibre with a loss or a measured key rate of its own; it overrides the topology file."""

    source: NodeName = field("one end", "a node")
    target: NodeName = field("the other end", "another node")
    name: str | None = field(
        "which of the fibres between these nodes, where several join them",
        "the fibre's own name in the topology",
        default=None,
        pattern=r"^[^\x00-\x1f\x7f]+$",
    )
    attenuation_db_km: float | None = field(
        "attenuation α of this fibre; unless given, that of its file or of [network]",
        "a number 0.01 .. 10 in dB/km",
        default=None,
        ge=0.01,
        le=10,
    )
    extra_loss_db: float | None = field(
        "loss of connectors, splices and switches on the fibre, beside its attenuation; it is "
        "taken to lie in one segment of the chain",
        "a number 0 .. 200 in dB",
        default=None,
        ge=0,
        le=200,
    )
    key_rate_bps: float | None = field(
        "measured secret-key rate of a channel of this fibre, in place of the model's",
        "a number > 0 in bit/s",
        default=None,
        gt=0,
        le=1e12,
    )
    pulse_rate_hz: float | None = field(
        "pulses a second behind key_rate_bps; with it the rate is held against the PLOB bound",
        "a number > 0 in Hz, with key_rate_bps; leave it out for twin-field protocols",
        default=None,
        gt=0,
        le=1e13,
    )


class MdiQkdTable(Table):
    """Decoy-state MDI-QKD, asymptotic, with a symmetric relay: parameters of K_L(L)."""

    pulse_rate_hz: float = field(
        "pulse pairs a second", "a number > 0 in Hz", default=1e9, gt=0, le=1e13
    )
    mean_photons: float | None = field(
        "mean photon number μ of a signal pulse of either transmitter",
        "a number > 0; without it the best μ at each distance is taken",
        default=None,
        gt=0,
        le=10,
    )
    detector_efficiency: float = field(
        "efficiency η_d of a detector", "a number 0 < η_d <= 1", default=0.145, gt=0, le=1
    )
    dark_count: float = field(
        "dark-count probability Y0 of a detector in a gate",
        "a number 0 <= Y0 < 1",
        default=6.02e-6,
        ge=0,
        lt=1,
    )
    misalignment: float = field(
        "misalignment error e_d", "a number 0 .. 0.5", default=0.015, ge=0, le=0.5
    )
    error_correction: float = field(
        "inefficiency f_e of error correction", "a number >= 1", default=1.16, ge=1, le=10
    )


class NetworkTable(TopologyTable):
    """The fibres, and what a QKD channel on them yields."""

    # no key of a file, and in no dump of the table: a trace holds the fibres themselves
    _graph: GivenGraph | None = PrivateAttr(default=None)

    span_km: float = field(
        "longest distance L between two quantum transmitters of a chain",
        "a number 0.001 .. 1000000 in km",
        default=160.0,
        ge=1e-3,
        le=1e6,
    )
    fibre_spans: Spans = field(
        "spacing L of single fibres, where it is not span_km",
        "a list of [source, target, span_km], or [source, target, name, span_km] where several "
        "fibres join the two",
        default=(),
    )
    fibre: Annotated[tuple[FibreTable, ...], BeforeValidator(as_tuple)] = field(
        "the [[network.fibre]] tables: losses and measured key rates of single fibres",
        "one [[network.fibre]] table for each fibre",
        default=(),
    )
    key_rate: Literal["constant", "inverse", "mdi_qkd", "table"] = field(
        "model of the secret-key rate K_L of a channel with spacing L; a demand level asks for "
        "K_L at span_km",
        "'constant' (key_rate_bps at any L), 'inverse' (key_rate_bps at 160 km, falling as 1/L), "
        "'mdi_qkd' (the [network.mdi_qkd] table) or 'table' (rate_table)",
        default="constant",
    )
    key_rate_at: Literal["spacing", "segment"] = field(
        "distance at which a fibre's K_L is taken: its spacing L, as in the paper, or the l/N km "
        "that each of its N segments has; the unit of a demand level stays K_L at span_km",
        "'spacing' or 'segment'",
        default="spacing",
    )
    key_rate_bps: float = field(
        "secret-key rate K_L of one QKD channel of the models 'constant' and 'inverse', on a fibre "
        "of attenuation_db_km",
        "a number > 0 in bit/s, with at least one bit in a slot",
        default=1000.0,
        gt=0,
        le=1e12,
    )
    rate_table: str | RatePoints | None = field(
        "secret-key rate over distance, interpolated in the logarithm of the rate",
        "the path of a .csv file with the header distance_km,rate_bps, or a list of "
        "[distance_km, rate_bps], distances ascending, rates > 0; with key_rate = 'table'",
        default=None,
    )
    rate_table_pulse_rate_hz: float | None = field(
        "pulse pairs a second behind rate_table; with it the table is held against the PLOB bound",
        "a number > 0 in Hz; needed with rate_table",
        default=None,
        gt=0,
        le=1e13,
    )
    attenuation_db_km: float = field(
        "attenuation α of the fibres that have none of their own; 'constant', 'inverse' and "
        "'table' give rates of such fibres",
        "a number 0.01 .. 10 in dB/km",
        default=0.2,
        ge=0.01,
        le=10,
    )
    mdi_qkd: MdiQkdTable = field(
        "parameters of key_rate = 'mdi_qkd'", "a table", default=MdiQkdTable.not_given()
    )
    qkd_wavelengths: int = field(
        "limit |σ| of wavelengths on QKD links, per fibre (three make a channel)",
        "an integer >= 0; 0 means unlimited",
        default=0,
        ge=0,
        le=COUNT_MAX,
    )
    km_wavelengths: int = field(
        "limit |κ| of wavelengths on KM links, per fibre",
        "an integer >= 0; 0 means unlimited",
        default=0,
        ge=0,
        le=COUNT_MAX,
    )

    @model_serializer(mode="wrap")
    def _without_late_keys(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Dump that is the one of before where no later key is used."""
        return without_late_keys(self, dump, LATE_KEYS)

    @property
    def graph(self) -> GivenGraph | None:
        """The fibres, where the caller gave a graph; ``topology`` is then its name."""
        return self._graph

    def with_graph(self, graph: GivenGraph) -> Self:
        """Copy whose fibres are these."""
        copy = self.model_copy(update={"topology": graph.name})
        copy._graph = graph
        return copy
