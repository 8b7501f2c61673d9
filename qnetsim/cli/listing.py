"""``qnetsim policies`` and ``qnetsim topologies``."""

from __future__ import annotations

import math
from typing import Any

import click

from qnetsim.cli.reading_options import (
    reading_options,
    speaking_of_reading_options,
    topology_table,
)
from qnetsim.cli.show.boxed_table import print_table
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.output import emit, figure, json_option, table
from qnetsim.errors import UsageError
from qnetsim.fibre_loss import FibreLoss
from qnetsim.network import BUNDLED, Topology, read_topology
from qnetsim.network.chain import segments
from qnetsim.plain_text import counted
from qnetsim.scenario.tables.topology_file import TOPOLOGY_SUFFIXES


@click.command()
@json_option
def policies(as_json: bool) -> None:
    """List the installed policies with their options."""
    from qnetsim.policies import available, load_policy

    found = []
    for name, entry in available().items():
        try:
            policy = load_policy(name)
        except UsageError as error:
            echo(f"warning: {error}", err=True)
            continue
        options = {
            key: field.description or "" for key, field in policy.Options.model_fields.items()
        }
        found.append(
            {
                "name": name,
                "class": entry.value,
                "summary": (policy.__doc__ or "").strip().split("\n")[0],
                "sees_future": policy.sees_future,
                "options": options,
            }
        )
    if as_json:
        emit("policies", {"policies": found})
        return
    rows = table(
        "policies",
        ["name", "what it does", "sees the future", "options"],
        left=4,
        first_to_go=["options", "sees the future"],
    )
    for item in found:
        listed = item["options"]
        assert isinstance(listed, dict)
        rows.add_row(
            str(item["name"]),
            str(item["summary"]),
            "yes" if item["sees_future"] else "no",
            ", ".join(listed) or "—",
        )
    print_table(rows)


@click.command()
@click.argument("topology", required=False)
@click.option(
    "--span-km",
    type=click.FloatRange(1e-3, 1e6),
    default=160.0,
    show_default=True,
    help="Spacing L.",
)
@reading_options
@json_option
def topologies(
    topology: str | None, span_km: float, as_json: bool, reading: dict[str, Any]
) -> None:
    """List the bundled topologies, or show TOPOLOGY: a name, a file, or topohub:NAME."""
    if math.isnan(span_km):
        raise UsageError("--span-km nan: must be a number 0.001 .. 1000000 in km")
    if topology is not None:
        with speaking_of_reading_options():
            graph = read_topology(topology_table(topology, reading))
        _show_topology(graph, span_km, as_json)
        return
    if reading:
        raise UsageError("options of reading go with a TOPOLOGY; name one, or leave them out")
    found = []
    for name, source in BUNDLED.items():
        graph = read_topology(name)
        found.append(
            {
                "name": name,
                "nodes": len(graph.nodes),
                "fibres": len(graph.fibres),
                "total_km": sum(graph.lengths_km),
                "source": source,
            }
        )
    if as_json:
        emit("topologies", {"topologies": found})
        return
    rows = table(
        "bundled topologies",
        ["name", "source", "nodes", "fibres", "km"],
        left=2,
        first_to_go=["source"],
    )
    for item in found:
        total = figure(float(str(item["total_km"])))
        rows.add_row(*(str(item[k]) for k in ("name", "source", "nodes", "fibres")), total)
    print_table(rows)
    *most, last = TOPOLOGY_SUFFIXES
    echo(f"your own: a {', '.join(most)} or {last} file, or topohub:NAME")


def _show_topology(graph: Topology, span_km: float, as_json: bool) -> None:
    counts = segments(graph.lengths_km, span_km).tolist()
    fibres = [
        {
            **graph.fibre_entry(e),
            **(graph.losses[e].as_table() if graph.losses else {}),
            "length_km": graph.lengths_km[e],
            "segments": counts[e],
        }
        for e in range(len(graph.fibres))
    ]
    if as_json:
        emit("topology", {"name": graph.name, "nodes": list(graph.nodes), "fibres": fibres})
        return
    size = f"{counted(len(graph.nodes), 'node')}, {counted(len(fibres), 'fibre')}"
    lossy = ["dB/km", "extra dB"] if graph.losses else []
    rows = table(
        f"{graph.name}: {size}, L = {figure(span_km)} km",
        ["fibre", "length km", *lossy, "segments N", "trusted relays", "untrusted relays"],
    )
    for e, n in enumerate(counts):
        losses = _loss_cells(graph.losses[e]) if graph.losses else []
        cells = [figure(graph.lengths_km[e]), *losses, str(n), str(n - 1), str(n)]
        rows.add_row(graph.fibre_title(e), *cells)
    print_table(rows)


def _loss_cells(loss: FibreLoss) -> list[str]:
    alpha = loss.attenuation_db_km
    return ["—" if alpha is None else f"{alpha:.4g}", f"{loss.extra_loss_db:.4g}"]
