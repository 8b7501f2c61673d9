"""The ``[network]`` table: fibres, chains, key rates and limits."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, PrivateAttr

from qnetsim.scenario.tables.fields import COUNT_MAX, NodeName, Table, as_tuple, field
from qnetsim.scenario.tables.graph import GivenGraph

Span = Annotated[tuple[NodeName, NodeName, float], BeforeValidator(as_tuple)]
Spans = Annotated[tuple[Span, ...], BeforeValidator(as_tuple)]
RatePoint = Annotated[tuple[float, float], BeforeValidator(as_tuple)]
RatePoints = Annotated[tuple[RatePoint, ...], BeforeValidator(as_tuple)]


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


class NetworkTable(Table):
    """The fibres, and what a QKD channel on them yields."""

    # no key of a file, and in no dump of the table: a trace holds the fibres themselves
    _graph: GivenGraph | None = PrivateAttr(default=None)

    topology: str = field(
        "the network of fibres",
        "'nsfnet', 'usnet', 'topohub:NAME', or the path of a .csv, .json, .graphml or .gml file",
        pattern=r"^[^\x00-\x1f\x7f]+$",
    )
    span_km: float = field(
        "longest distance L between two quantum transmitters of a chain",
        "a number 0.001 .. 1000000 in km",
        default=160.0,
        ge=1e-3,
        le=1e6,
    )
    fibre_spans: Spans = field(
        "spacing L of single fibres, where it is not span_km",
        "a list of [source, target, span_km]",
        default=(),
    )
    key_rate: Literal["constant", "inverse", "mdi_qkd", "table"] = field(
        "model of the secret-key rate K_L of a channel with spacing L; a demand level asks for "
        "K_L at span_km",
        "'constant' (key_rate_bps at any L), 'inverse' (key_rate_bps at 160 km, falling as 1/L), "
        "'mdi_qkd' (the [network.mdi_qkd] table) or 'table' (rate_table)",
        default="constant",
    )
    key_rate_bps: float = field(
        "secret-key rate K_L of one QKD channel of the models 'constant' and 'inverse'",
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
        "attenuation α of the fibres, for 'mdi_qkd' and the PLOB bound",
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

    @property
    def graph(self) -> GivenGraph | None:
        """The fibres, where the caller gave a graph; ``topology`` is then its name."""
        return self._graph

    def with_graph(self, graph: GivenGraph) -> Self:
        """Copy whose fibres are these."""
        copy = self.model_copy(update={"topology": graph.name})
        copy._graph = graph
        return copy
