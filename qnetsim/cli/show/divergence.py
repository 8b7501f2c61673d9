"""Two traces beside each other, in a terminal and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from qnetsim.analysis.divergence import SUM_LABELS, SUMS, Divergence, FibreChange, diverge
from qnetsim.cli.show.boxed_table import print_table
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.output import emit, table
from qnetsim.plain_text import counted

#: Most fibres that are listed.
MOST_FIBRES = 30


def diff_traces(one: Path, other: Path, as_json: bool) -> None:
    """Print the first decision in which two runs differ, and their sums from there on."""
    found = diverge(one, other)
    if as_json:
        emit("diff", {"one": one, "other": other, "same": found.same, **_json(found)})
        return
    if found.world:
        echo(f"the worlds differ: {found.world}")
    else:
        echo("the same world")
    if found.slot is None:
        echo(f"no decision differs in {counted(found.slots, 'slot')}")
    else:
        echo(f"the first decision that differs is that of slot {found.slot:,}")
        _show_fibres(found.fibres, found.slot)
    _show_sums(found)


def _json(found: Divergence) -> dict[str, Any]:
    """The comparison as JSON; fibres have a label only where they have names of their own."""
    fibres = [
        {key: value for key, value in asdict(change).items() if key != "label" or value}
        for change in found.fibres
    ]
    return {**asdict(found), "fibres": fibres}


def _show_fibres(fibres: tuple[FibreChange, ...], slot: int) -> None:
    rows = table(f"reserved in slot {slot:,}", ["fibre", "QKD channels", "KM wavelengths"])
    for change in fibres[:MOST_FIBRES]:
        rows.add_row(
            change.name,
            *(
                f"{a:,}" if a == b else f"{a:,} → {b:,}"
                for a, b in (change.qkd_channels, change.km_wavelengths)
            ),
        )
    print_table(rows)
    if len(fibres) > MOST_FIBRES:
        echo(f"and {counted(len(fibres) - MOST_FIBRES, 'fibre')} more")


def _show_sums(found: Divergence) -> None:
    start = "the first slot" if found.slot is None else f"slot {found.slot:,}"
    scales = {name: _scale(max(map(max, (m.sums[name] for m in found.marks)))) for name in SUMS}
    titles = (f"{SUM_LABELS[name]}{scales[name][1]}" for name in SUMS)
    rows = table(f"sums from {start} on", ["to slot", *titles])
    for mark in found.marks:
        cells = []
        for name, pair in mark.sums.items():
            a, b = (value / scales[name][0] for value in pair)
            cells.append(f"{a:,.6g}" if a == b else f"{a:,.6g} → {b:,.6g} ({b - a:+,.4g})")
        rows.add_row(f"{mark.slot:,}", *cells)
    print_table(rows)


def _scale(most: float) -> tuple[float, str]:
    """A power of a thousand by which the numbers of a column are divided, and its heading."""
    for power, name in ((9, " (10⁹)"), (6, " (10⁶)"), (3, " (10³)")):
        if most >= 10 ** (power + 1):
            return 10.0**power, name
    return 1.0, ""
