"""``qnetsim network``: topologies of others as files that qnetsim reads without further keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from qnetsim.cli.reading_options import (
    reading_options,
    speaking_of_reading_options,
    topology_table,
)
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.output import emit, json_option
from qnetsim.cli.strict_command import StrictCommand
from qnetsim.network.formats import read_with_notes
from qnetsim.network.formats.write import save_topology, writable
from qnetsim.plain_text import counted
from qnetsim.trace import refuse_existing


@click.group()
def network() -> None:
    """Convert topologies of others."""


@network.command(cls=StrictCommand)
@click.argument("topology", metavar="FILE")
@click.option(
    "--out",
    "-o",
    required=True,
    type=click.Path(path_type=Path),
    help="File to write: .csv (links only), .json or .graphml (labels and coordinates too).",
)
@click.option("--force", is_flag=True, help="Overwrite --out, but never what is read.")
@reading_options
@json_option
def convert(topology: str, out: Path, force: bool, as_json: bool, reading: dict[str, Any]) -> None:
    """Write the topology FILE, or topohub:NAME, as a file with all lengths in km.

    What was mapped, merged, dropped or not used is said on stderr.
    """
    writable(out)
    with speaking_of_reading_options():
        found = read_with_notes(topology_table(topology, reading))
    refuse_existing(out, force)
    lost = save_topology(found.topology, out)
    notes = [*found.asked, *found.notes, *lost]
    for note in notes:
        echo(f"{found.topology.name}: {note}", err=True)
    nodes, fibres = len(found.topology.nodes), len(found.topology.fibres)
    if as_json:
        emit("convert", {"out": out, "nodes": nodes, "fibres": fibres, "notes": notes})
        return
    echo(f"{out}: {counted(nodes, 'node')}, {counted(fibres, 'fibre')}")
