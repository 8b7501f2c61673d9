"""``qnetsim rates``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click
from pydantic import ValidationError

from qnetsim.analysis.figures.style import STYLES, save
from qnetsim.case import load
from qnetsim.cli.figure_option import refuse_figure, style_option
from qnetsim.cli.set_option import Changes, set_option
from qnetsim.cli.show.boxed_table import print_table
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.output import emit, figure, force_option, json_option, table
from qnetsim.cli.strict_command import StrictCommand
from qnetsim.errors import UsageError
from qnetsim.network import BUNDLED, Network, build_network, read_topology
from qnetsim.scenario import CostTable, NetworkTable
from qnetsim.scenario.tables.portable import file_name
from qnetsim.shipped import shipped_scenarios
from qnetsim.studies.rate_card import (
    FibreRate,
    MeasuredRate,
    published_points,
    pulse_rate,
    rate_card,
    rate_figure,
)


@click.command(cls=StrictCommand)
@click.argument("network", default="nsfnet")
@set_option
@click.option(
    "--out", "-o", type=click.Path(path_type=Path), help="Figure to write, .png, .svg or .pdf."
)
@style_option
@force_option
@json_option
def rates(
    network: str, changes: Changes, out: Path | None, style: str, force: bool, as_json: bool
) -> None:
    """Print the key rates of the fibres of NETWORK beside the PLOB bound and experiments.

    NETWORK is a scenario (.toml, or a shipped one), whose [network] table says the model, or a
    topology, which is shown with decoy-state MDI-QKD at its defaults; one with losses of its own
    at the length of its segments. A name of both, such as nsfnet, is that of the topology; with
    --set it is that of the scenario.
    """
    if _is_scenario(network, changes):
        spec = load(network, changes=changes)
        settings = spec.network
        built = build_network(settings, CostTable(), spec.run.slot_s)
    else:
        settings, built = _topology_alone(network, changes)
    card = rate_card(built, settings)
    if network in BUNDLED and not changes and network in shipped_scenarios():
        echo(
            f"{network} is the topology here, with decoy-state MDI-QKD; the scenario {network} has "
            "rates of its own: give a key of it by --set",
            err=True,
        )
    points = published_points()
    if out is not None:
        refuse_figure(out, force=force, option="--out")
        save(rate_figure(built, settings, style=STYLES[style]), out, STYLES[style])
    if as_json:
        found = {
            "topology": file_name(built.topology.name),
            "key_rate": settings.key_rate,
            "pulse_rate_hz": pulse_rate(settings),
            "attenuation_db_km": settings.attenuation_db_km,
            "level_bits": built.level_bits,
            "fibres": [asdict(entry) for entry in card],
            "published": [asdict(point) for point in points],
        }
        emit("rates", found)
        return
    _show_fibre_rates(built, settings, card)
    _show_published(points)
    if out is not None:
        echo(f"figure: {out}")


def _is_scenario(network: str, changes: Changes) -> bool:
    if network.endswith(".toml"):
        return True
    return network in shipped_scenarios() and (network not in BUNDLED or bool(changes))


def _topology_alone(network: str, changes: Changes) -> tuple[NetworkTable, Network]:
    """A topology with decoy-state MDI-QKD at its defaults.

    Raises
    ------
    UsageError
        There is none of this name, or --set is given.
    """
    if changes:
        raise UsageError(
            f"--set goes with a scenario; {network} is a topology here. Give the file of a "
            "scenario (`qnetsim scenario new NAME` writes one)"
        )
    try:
        settings = NetworkTable(topology=network, key_rate="mdi_qkd")
    except ValidationError:
        raise UsageError(
            f"{network!r} is neither a scenario nor a topology; see `qnetsim topologies`"
        ) from None
    fibres = read_topology(settings)
    if fibres.losses:
        # losses of a fibre belong to the fibre's own length
        settings = settings.model_copy(update={"key_rate_at": "segment"})
    return settings, build_network(settings, CostTable(), 1.0, fibres)


def _show_fibre_rates(network: Network, settings: NetworkTable, card: list[FibreRate]) -> None:
    rows = table(
        f"{network.topology.name}: K_L by model '{settings.key_rate}', "
        f"{settings.attenuation_db_km:g} dB/km; MDI-QKD and PLOB at {pulse_rate(settings):g} Hz",
        [
            *("fibre", "length km", "L km", "N", "loss dB", "K_L bit/s", "bits a slot"),
            *("MDI-QKD", "PLOB", "share"),
        ],
        first_to_go=["share", "N", "length km", "L km", "PLOB", "MDI-QKD"],
    )
    for entry in card:
        rows.add_row(
            entry.title,
            figure(entry.length_km),
            figure(entry.span_km),
            str(entry.segments),
            f"{entry.loss_db:.4g}",
            f"{entry.rate_bps:,.4g}",
            f"{entry.slot_bits:,}",
            f"{entry.mdi_qkd_bps:,.4g}",
            f"{entry.plob_bps:,.4g}",
            f"{entry.rate_bps / entry.plob_bps:.2e}",
        )
    print_table(rows)


def _show_published(points: list[MeasuredRate]) -> None:
    rows = table(
        "published MDI-QKD rates (other parameters than here; for orientation)",
        ["loss dB", "bit/s", "pulses Hz", "per pulse", "security", "seen in", "source"],
        left=0,
        text=["security", "seen in", "source"],
        first_to_go=["pulses Hz", "security", "seen in", "per pulse", "bit/s"],
    )
    for point in points:
        rows.add_row(
            f"{point.loss_db:g}",
            f"{point.rate_bps:.4g}",
            f"{point.pulse_rate_hz:.3g}",
            f"{point.per_pulse:.2e}",
            point.security.replace("_", " "),
            point.seen,
            f"{point.citation}, doi:{point.doi}",
        )
    print_table(rows)
