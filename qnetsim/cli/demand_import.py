"""``qnetsim demand import``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal

import click

from qnetsim.case.any_demand import read_any_demand
from qnetsim.case.traffic_file import write_means, write_recording
from qnetsim.cli.default_path import default_path
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.output import emit, force_option, json_option, working
from qnetsim.cli.strict_command import StrictCommand
from qnetsim.errors import UsageError
from qnetsim.input_files import inputs_noted
from qnetsim.plain_text import counted, visible
from qnetsim.traffic import Columns, Traffic, TrafficSettings
from qnetsim.traffic.traffic_settings import AMOUNTS, RATES


def _columns(context: click.Context, parameter: click.Parameter, given: Sequence[str]) -> Columns:
    """Read the values of ``--column``."""
    found: dict[str, Any] = {}
    keys = [field.name for field in fields(Columns)]
    for text in given:
        key, equals, name = text.partition("=")
        if key not in keys or not equals or not name:
            raise UsageError(f"--column {text!r}: write KEY=NAME, with a key of {', '.join(keys)}")
        if key == "ignore":
            found[key] = (*found.get(key, ()), name)
        elif key in found:
            raise UsageError(f"--column {text!r}: {key} is given twice")
        else:
            found[key] = name
    return Columns(**found)


def _untimed(
    context: click.Context, parameter: click.Parameter, given: str | None
) -> int | Literal["in_turn"] | None:
    if given is None or given == "in_turn":
        return given  # type: ignore[return-value]
    if not given.isascii() or not given.isdecimal() or not 1 <= int(given[:10]) <= 10**8:
        raise UsageError(f"--untimed {given!r}: give a number of slots, 1 .. 100000000, or in_turn")
    return int(given)


def _positive(
    context: click.Context, parameter: click.Parameter, given: float | None
) -> float | None:
    if given is not None and not 0 < given <= 1e12:
        raise UsageError(f"--{(parameter.name or '').replace('_', '-')}: give a number > 0")
    return given


@click.command("import", cls=StrictCommand)
@click.argument("file", metavar="FILE")
@click.option(
    "--column",
    "columns",
    metavar="KEY=NAME",
    multiple=True,
    callback=_columns,
    help="Column that holds slot, time, source, target, rate, arrival or holding; or ignore=NAME.",
)
@click.option("--rate-unit", type=click.Choice([*RATES, *AMOUNTS, "level"]), help="Of the rates.")
@click.option(
    "--rate-factor",
    type=float,
    default=1.0,
    callback=_positive,
    help="What every rate is multiplied by.",
)
@click.option("--slot-s", type=float, callback=_positive, help="Length of a slot in seconds.")
@click.option(
    "--first-slot",
    type=click.IntRange(-(10**15), 10**15),
    help="Number that the file gives its first slot.",
)
@click.option("--first-time", help="When slot 0 begins: ISO 8601, or seconds.")
@click.option(
    "--directions",
    type=click.Choice(["sum", "keep"]),
    default="sum",
    help="Rows of one slot and node pair: one request, or each one of its own.",
)
@click.option(
    "--untimed",
    metavar="SLOTS|in_turn",
    callback=_untimed,
    help="Slots for which demand without times stands, or a slot for each row.",
)
@click.option(
    "--nodes", metavar="A,B,…", default="", help="Names of the nodes of a matrix without names."
)
@click.option("--means", is_flag=True, help="Write the mean of each node pair, for demand.means.")
@click.option("--out", "-o", type=click.Path(path_type=Path), help="CSV file to write.")
@force_option
@json_option
def import_demand(
    file: str, means: bool, nodes: str, out: Path | None, force: bool, as_json: bool, **given: Any
) -> None:
    """Turn demand of others into a recording that scenarios read.

    FILE is a list by slot or time, a list of requests with arrival and holding times, a matrix,
    SNDlib, TOTEM, Net2Plan, Repetita or node-link demand, a folder, zip or tar archive of such
    files, one for each time, or topohub:NAME. What it is, it says itself.
    """
    named = tuple(name.strip() for name in nodes.split(",")) if nodes.strip() else ()
    settings = TrafficSettings(nodes=named, **given)
    if means and settings.directions == "keep":
        raise UsageError("--directions keep: a mean is that of both directions; leave it out")
    path = out or default_path(f"{Path(file.partition(':')[2] or file).stem}-demand.csv")
    if path.suffix.lower() != ".csv":
        raise UsageError(f"{path}: demand is written as .csv; give another --out")
    with inputs_noted():
        with working(f"reading {file}"):
            traffic = read_any_demand(file, settings)
        (write_means if means else write_recording)(traffic, path, force)
    if as_json:
        emit("demand-import", {**_facts(file, traffic), "means": means, "out": path})
        return
    _show(traffic, path, means)


def _facts(file: str, traffic: Traffic) -> dict[str, Any]:
    return {
        "file": file,
        "kind": traffic.kind,
        "first_slot": traffic.first_slot,
        "last_slot": traffic.last_slot,
        "slot_0": traffic.start,
        "slot_s": traffic.slot_s,
        "rate_unit": traffic.unit,
        "rows": traffic.read,
        "rows_used": traffic.used,
        "rows_left_out": traffic.read - traffic.used,
        "nodes": len(traffic.names),
        "pairs": traffic.pairs,
        "notes": list(traffic.notes),
    }


def _show(traffic: Traffic, path: Path, means: bool) -> None:
    left = traffic.read - traffic.used
    echo(f"read          {visible(traffic.kind)}")
    echo(f"slots         {traffic.first_slot:,} to {traffic.last_slot:,}")
    echo(f"slot 0        {visible(traffic.start)}")
    echo(f"rows          {traffic.used:,} used, {left:,} left out")
    pairs = counted(traffic.pairs, "node pair")
    echo(f"demand        {pairs}, {counted(len(traffic.names), 'node')}")
    for note in traffic.notes:
        echo(f"note          {visible(note)}")
    echo(f"written       {path}")
    if means:
        echo(f'\n[demand]\nmeans = "{path}"', copied=True)
        return
    length = "" if traffic.slot_s is None else f"\nslot_s = {traffic.slot_s!r}"
    unit = f'rate_unit = "{traffic.unit}"'
    echo(f'\n[recording]\nfile = "{path}"\n{unit}{length}', copied=True)
    if traffic.slot_s is None:
        echo("slot_s = …    # say how many seconds a slot is")
