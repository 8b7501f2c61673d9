"""The rate card of a network: key rates of its fibres beside the PLOB bound and experiments."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np

from qnetsim.analysis.figures.style import SCREEN, Style, power_of_ten, styled
from qnetsim.csv_rows import read_csv
from qnetsim.network import Network
from qnetsim.network.keyrate import MdiLink, plob_at
from qnetsim.plain_text import visible
from qnetsim.scenario import NetworkTable
from qnetsim.scenario.tables.portable import file_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class MeasuredRate:
    """A published MDI-QKD key rate.

    Attributes
    ----------
    loss_db : float
        Between the two transmitters.
    rate_bps : float
        Secret bits per second.
    pulse_rate_hz : float
        Pulse pairs per second.
    security : {"finite_key", "asymptotic"}
    seen : str
        Where in the source the rate was read.
    citation, doi : str
    """

    loss_db: float
    rate_bps: float
    pulse_rate_hz: float
    security: str
    seen: str
    citation: str
    doi: str

    @property
    def per_pulse(self) -> float:
        """Secret bits per pulse pair."""
        return self.rate_bps / self.pulse_rate_hz


def published_points() -> list[MeasuredRate]:
    """Published key rates, with the source of each.

    Their parameters are those of each experiment; they are shown for orientation and match no
    model here.
    """
    text = (resources.files("qnetsim") / "data" / "mdi_qkd_points.csv").read_text("utf-8")
    table = read_csv("mdi_qkd_points.csv", text)
    rows = (dict(zip(table.header, cells, strict=True)) for cells in table.rows)
    return [
        MeasuredRate(
            loss_db=float(row["loss_db"]),
            rate_bps=float(row["rate_bps"]),
            pulse_rate_hz=float(row["pulse_rate_hz"]),
            security=row["security"],
            seen=row["seen"],
            citation=row["citation"],
            doi=row["doi"],
        )
        for row in rows
    ]


@dataclass(frozen=True)
class FibreRate:
    """One fibre of the card.

    Attributes
    ----------
    name : str
        With the ids of its nodes.
    title : str
        As it is shown: with their labels.
    length_km : float
    span_km : float
        L, between two transmitters.
    segments : int
        N, spans of the fibre.
    loss_db : float
        Between two transmitters.
    rate_bps : float
        K_L of the network's own model.
    slot_bits : int
        Key bits of a channel in a slot.
    mdi_qkd_bps, plob_bps : float
        Decoy-state MDI-QKD and the PLOB bound at the card's pulse rate.
    """

    name: str
    title: str
    length_km: float
    span_km: float
    segments: int
    loss_db: float
    rate_bps: float
    slot_bits: int
    mdi_qkd_bps: float
    plob_bps: float


def pulse_rate(table: NetworkTable) -> float:
    """Pulse pairs per second for which the bound is given."""
    given = table.rate_table_pulse_rate_hz if table.key_rate == "table" else None
    return given or table.mdi_qkd.pulse_rate_hz


def rate_card(network: Network, table: NetworkTable) -> list[FibreRate]:
    """Rates of every fibre.

    Parameters
    ----------
    network : Network
    table : NetworkTable
        The settings behind the network.
    """
    link = MdiLink.of(table.mdi_qkd)
    pulses = pulse_rate(table)
    losses = network.segment_loss_db.tolist()
    mdi_qkd_bps = {
        loss: pulses * link.at_loss(loss, table.mdi_qkd.mean_photons) for loss in set(losses)
    }
    return [
        FibreRate(
            name=network.topology.fibre_name(e),
            title=network.topology.fibre_title(e),
            length_km=network.topology.lengths_km[e],
            span_km=float(network.spans_km[e]),
            segments=int(network.segments[e]),
            loss_db=loss,
            rate_bps=float(network.key_rate_bps[e]),
            slot_bits=int(network.channel_bits[e]),
            mdi_qkd_bps=mdi_qkd_bps[loss],
            plob_bps=pulses * plob_at(loss),
        )
        for e, loss in enumerate(losses)
    ]


@styled
def rate_figure(network: Network, table: NetworkTable, *, style: Style = SCREEN) -> Figure:
    """Secret bits per pulse pair over loss: bound, formula, the network's model, experiments."""
    from matplotlib.ticker import FuncFormatter

    pulses = pulse_rate(table)
    link = MdiLink.of(table.mdi_qkd)
    name = visible(file_name(network.topology.name))
    losses = np.linspace(0.2, 70, 120)
    figure = style.canvas(8, 6.2 if style.narrow else 5)
    axes = figure.subplots()
    axes.plot(losses, [plob_at(x) for x in losses], color="black", label="PLOB bound")
    curve = [link.at_loss(x, table.mdi_qkd.mean_photons) for x in losses]
    shown = [(x, y) for x, y in zip(losses, curve, strict=True) if y > 0]
    axes.plot(
        *zip(*shown, strict=True),
        color="#1f5f8b",
        ls="--" if style.placed else "-",
        label="decoy-state MDI-QKD, asymptotic",
    )
    axes.plot(
        network.segment_loss_db,
        network.key_rate_bps / pulses,
        "s",
        color="#d9822b",
        label=f"fibres of {name} ({table.key_rate}, at {pulses:g} Hz)",
    )
    for security, mark in (("finite_key", "o"), ("asymptotic", "^")):
        points = [p for p in published_points() if p.security == security]
        axes.plot(
            [p.loss_db for p in points],
            [p.per_pulse for p in points],
            mark,
            color="#6b4c7a",
            markerfacecolor="none",
            label=f"published, {security.replace('_', ' ')}",
        )
    axes.set(yscale="log", xlabel="loss between the transmitters, dB", ylim=(1e-12, 10))
    axes.set(ylabel="secret bits per pulse pair")
    power = FuncFormatter(lambda value, _: power_of_ten(round(np.log10(value))))
    axes.yaxis.set_major_formatter(power)
    axes.grid(alpha=0.3)
    if style.narrow:
        figure.legend(loc="outside lower center")
    else:
        axes.legend(frameon=True)
    return figure
