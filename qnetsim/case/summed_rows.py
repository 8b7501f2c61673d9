"""Rows of one slot and node pair are one request, by whatever name each node goes."""

from __future__ import annotations

from dataclasses import replace

from qnetsim.case.recorded_rows import RecordedRows
from qnetsim.network.node_names import NodeNames
from qnetsim.plain_text import counted, from_spreadsheet_cell
from qnetsim.scenario import RecordingTable


def summed_by_id(rows: RecordedRows, table: RecordingTable, names: NodeNames) -> RecordedRows:
    """Add up rows of others whose nodes are the same by a label and by an id.

    Rows that name their nodes alike are added up where they are read.
    """
    if rows.traffic is None or table.directions == "keep":
        return rows
    ids = {name: id_of(name, names) for name in rows.traffic.names}
    if len(set(ids.values())) == len(ids):
        return rows
    found: dict[tuple[str, str, str], tuple[str, str, str, str]] = {}
    for row in rows.cells:
        slot, source, target, rate = row
        a, b = sorted((ids[source], ids[target]))
        before = found.get((slot, a, b))
        if before is not None:
            row = (*before[:3], f"{float(before[3]) + float(rate):.15g}")
        found[slot, a, b] = row
    note = f"{counted(len(rows.cells) - len(found), 'row')} of nodes by another name: added up"
    return replace(rows, cells=tuple(found.values()), notes=(*rows.notes, note))


def id_of(name: str, names: NodeNames) -> str:
    """Id of the node that a cell names; the cell itself where that is none."""
    for spelt in (name, from_spreadsheet_cell(name)):
        try:
            return names.topology.nodes[names.find(spelt)]
        except LookupError:
            continue
    return name
