"""Where the policies of a comparison part from the reference, as a table of plain text."""

from __future__ import annotations

from qnetsim.analysis.divergence import SUM_LABELS, Divergence
from qnetsim.analysis.text_table import DASH, TextTable, nothing_where
from qnetsim.plain_text import counted


def divergence_rows(divergences: dict[str, Divergence]) -> TextTable:
    """First decision in which each policy differs from the reference, and sums from there on.

    Parameters
    ----------
    divergences : dict of Divergence
        From the reference, by policy.
    """
    rows = []
    for name, divergence in divergences.items():
        sums = divergence.marks[-1].sums
        change = {key: other - reference for key, (reference, other) in sums.items()}
        rows.append(
            (
                name,
                DASH if divergence.slot is None else f"{divergence.slot:,}",
                _first_change(divergence),
                *(f"{change[key]:+,.0f}" for key in SUM_LABELS),
            )
        )
    sums_from_there = [f"{SUM_LABELS['cost']} from there", *list(SUM_LABELS.values())[1:]]
    columns = ("policy", "first slot", "what differs there", *sums_from_there)
    found = divergences.values()
    unchanged = [
        heading
        for heading, key in zip(sums_from_there, SUM_LABELS, strict=True)
        if all(pair[0] == pair[1] for pair in (d.marks[-1].sums[key] for d in found))
    ]
    return TextTable(
        columns,
        tuple(rows),
        text=("what differs there",),
        nothing=(
            *nothing_where(all(d.slot is None for d in found), columns[1:3], "No decision differs"),
            *nothing_where(
                bool(unchanged), unchanged, f"The same with every policy: {', '.join(unchanged)}"
            ),
        ),
    )


def _first_change(divergence: Divergence) -> str:
    """The first fibre that is reserved otherwise, and how many more there are."""
    if not divergence.fibres:
        return DASH
    change = divergence.fibres[0]
    before, after = change.qkd_channels
    unit = "channels"
    if before == after:
        before, after = change.km_wavelengths
        unit = "wavelengths"
    more = (
        f", and {counted(len(divergence.fibres) - 1, 'fibre')} more"
        if len(divergence.fibres) > 1
        else ""
    )
    return f"{change.name}: {before} → {after} {unit}{more}"
