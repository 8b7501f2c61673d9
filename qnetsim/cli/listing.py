"""``qnetsim policies`` and ``qnetsim topologies``."""

from __future__ import annotations

import math

import click

from qnetsim.cli.show.boxed_table import print_table
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.output import emit, figure, json_option, table
from qnetsim.errors import UsageError
from qnetsim.network import BUNDLED, Topology, read_topology
from qnetsim.network.chain import segments
from qnetsim.plain_text import counted


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
@json_option
def topologies(topology: str | None, span_km: float, as_json: bool) -> None:
    """List the bundled topologies, or show TOPOLOGY: a name, a file, or topohub:NAME."""
    if math.isnan(span_km):
        raise UsageError("--span-km nan: must be a number 0.001 .. 1000000 in km")
    if topology is not None:
        _show_topology(read_topology(topology), span_km, as_json)
        return
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
    echo("your own: a .csv, .json, .graphml or .gml file, or topohub:NAME")


def _show_topology(graph: Topology, span_km: float, as_json: bool) -> None:
    counts = segments(graph.lengths_km, span_km).tolist()
    fibres = [
        {
            **graph.fibre_entry(e),
            "length_km": graph.lengths_km[e],
            "segments": counts[e],
        }
        for e in range(len(graph.fibres))
    ]
    if as_json:
        emit("topology", {"name": graph.name, "nodes": list(graph.nodes), "fibres": fibres})
        return
    size = f"{counted(len(graph.nodes), 'node')}, {counted(len(fibres), 'fibre')}"
    rows = table(
        f"{graph.name}: {size}, L = {figure(span_km)} km",
        ["fibre", "length km", "segments N", "trusted relays", "untrusted relays"],
    )
    for e, n in enumerate(counts):
        rows.add_row(graph.fibre_name(e), figure(graph.lengths_km[e]), str(n), str(n - 1), str(n))
    print_table(rows)
