"""Demand in matrices: a column for each node pair, or rows and columns that are the nodes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from qnetsim.csv_rows import CsvTable
from qnetsim.errors import TrafficError
from qnetsim.plain_text import counted, from_spreadsheet_cell
from qnetsim.traffic.column_pairs import pairs_of
from qnetsim.traffic.csv_lists import find_columns, ignored, refuse_columns, refuse_nodes
from qnetsim.traffic.raw_rows import Problems, TrafficRows, name_problem, rate_of
from qnetsim.traffic.times import reader_of
from qnetsim.traffic.traffic_settings import TrafficSettings

#: Most nodes of a matrix.
MOST_NODES = 10_000


def read_wide(table: CsvTable, settings: TrafficSettings) -> TrafficRows:
    """Read a matrix with a column for each node pair, and a row for each slot.

    Raises
    ------
    TrafficError
        Naming cells that are wrong, and columns that name no pair.
    """
    timed = {k: v for k, v in find_columns(table, settings).items() if k in {"slot", "time"}}
    if table.blank and not timed and table.rows and min(table.blank) < table.lines[-1]:
        line = min(table.blank)
        raise TrafficError([f"{table.name}:{line}: is a slot without a cell; give its rates"])
    counting = _counting(table) - set(timed.values())
    skipped = {*timed.values(), *ignored(table, settings), *counting}
    pairs = pairs_of(table, [i for i in range(len(table.header)) if i not in skipped], settings)
    by_time = "time" in timed and ("slot" not in timed or settings.columns.time is not None)
    rows = TrafficRows("matrix with a column for each pair", counts="time" if by_time else "slot")
    problems = Problems(table.name)
    rows.notes.extend(
        f"column {i + 1}, without a name, counts the rows: left out" for i in counting
    )
    at = timed.get("time" if by_time else "slot")
    time_of = reader_of(cells[at] for cells in table.rows) if by_time and at is not None else None
    for i, cells in enumerate(table.rows):
        when: int | str = i
        if at is not None:
            when = time_of(cells[at]) if time_of else _slot_of(cells[at])
        if isinstance(when, str):
            problems.add(f"{table.where(i)}, column {table.header[at or 0]!r}: {when}")
            continue
        for place, (a, b) in pairs.items():
            value = rate_of(cells[place])
            if isinstance(value, str):
                problems.add(f"{table.where(i)}, column {table.header[place]!r}: {value}")
            else:
                rows.add(when, a, b, value, f"{table.name}, column {table.header[place]!r}")
    problems.refuse()
    return rows


def _counting(table: CsvTable) -> set[int]:
    """A first column without a name that only counts the rows, as pandas writes it."""
    cells = [row[0] for row in table.rows]
    count = [str(i) for i in range(len(cells) + 1)]
    plain = bool(cells) and not table.header[0] and cells in (count[:-1], count[1:])
    return {0} if plain else set()


def is_labelled(table: CsvTable) -> bool:
    """Whether the rows of a table are named like its columns."""
    names = table.header[1:]
    return len(names) > 1 and sorted(names) == sorted(cells[0] for cells in table.rows)


def read_labelled(table: CsvTable, settings: TrafficSettings) -> TrafficRows:
    """Read a matrix whose rows and columns have the names of the nodes.

    Raises
    ------
    TrafficError
        Naming cells that are wrong.
    """
    refuse_nodes(table.name, settings, "a matrix whose rows and columns are named")
    refuse_columns(table.name, settings, "a matrix of nodes")
    rows = TrafficRows("matrix of nodes with their names", counts="nothing")
    problems = Problems(table.name)
    names = [from_spreadsheet_cell(name) for name in table.header]
    for i, cells in enumerate(table.rows):
        source = from_spreadsheet_cell(cells[0])
        for place in range(1, len(names)):
            value = rate_of(cells[place])
            wrong = name_problem((source, names[place]))
            if wrong or isinstance(value, str):
                problems.add(f"{table.where(i)}, column {table.header[place]!r}: {wrong or value}")
            else:
                rows.add(0, source, names[place], value, table.where(i))
    problems.refuse()
    return rows


def _slot_of(text: str) -> int | str:
    if re.fullmatch(r"-?\d{1,15}(\.0*)?", text):
        return int(float(text))
    return f"{text!r} is not a slot; give an integer"


def read_square(
    name: str, matrix: Sequence[tuple[int, Sequence[str]]], settings: TrafficSettings
) -> TrafficRows:
    """Read rows of numbers without names: n × n, or for each slot all n² (or 5 n²) in a row.

    Parameters
    ----------
    name : str
        Of the file, for messages.
    matrix : sequence of (int, sequence of str)
        Line and cells of each row.
    settings : TrafficSettings

    Raises
    ------
    TrafficError
        The numbers fit no matrix, or the nodes have no names.
    """
    refuse_columns(name, settings, "rows of numbers")
    _refuse_unnamed(name, matrix, settings)
    nodes = settings.nodes
    rows, placed = _square_rows(name, matrix, len(nodes))
    problems = Problems(name)
    for slot, line, first, cells, step in placed:
        for j, text in enumerate(cells[::step]):
            value = rate_of(text)
            if isinstance(value, str):
                problems.add(f"{name}:{line}, number {j * step + 1}: {value}")
            else:
                a, b = divmod(first + j, len(nodes))
                rows.add(slot, nodes[a], nodes[b], value, f"{name}:{line}")
    problems.refuse()
    return rows


def _refuse_unnamed(
    name: str, matrix: Sequence[tuple[int, Sequence[str]]], settings: TrafficSettings
) -> None:
    """Refuse rows of different lengths, and nodes whose names are not given, each once."""
    nodes = settings.nodes
    width = len(matrix[0][1])
    ragged = [line for line, cells in matrix if len(cells) != width]
    if ragged:
        raise TrafficError(
            [
                f"{name}:{line}: has not {counted(width, 'number')}, as the first row"
                for line in ragged[:20]
            ]
        )
    if not nodes:
        count = len(matrix) if len(matrix) == width else round(width**0.5)
        raise TrafficError(
            [
                f"{name}: has {counted(width, 'number')} in a row and no names; give those of the "
                f"{counted(count, 'node')} in their order by {settings.named('nodes')}"
            ]
        )
    if len(set(nodes)) != len(nodes) or len(nodes) > MOST_NODES:
        raise TrafficError(
            [f"{settings.named('nodes')}: give each name once, {MOST_NODES:,} at most"]
        )


class _PlacedRow(NamedTuple):
    """A row of numbers: its slot, its line, the first of its pairs, and how far pairs are apart."""

    slot: int
    line: int
    first: int
    cells: Sequence[str]
    step: int


def _square_rows(
    name: str, matrix: Sequence[tuple[int, Sequence[str]]], count: int
) -> tuple[TrafficRows, list[_PlacedRow]]:
    """Where the pairs of so many nodes stand in the rows: one matrix, or one in each row."""
    width = len(matrix[0][1])
    if width == count == len(matrix):
        rows = TrafficRows("matrix of nodes", counts="nothing")
        return rows, [_PlacedRow(0, line, i * count, r, 1) for i, (line, r) in enumerate(matrix)]
    if width in {count**2, 5 * count**2}:
        rows = TrafficRows("matrices, one in a row")
        step = width // count**2
        if step == 5:
            rows.notes.append("the first of five values of each pair is taken (the measured one)")
        return rows, [_PlacedRow(i, line, 0, r, step) for i, (line, r) in enumerate(matrix)]
    raise TrafficError(
        [
            f"{name}: has {counted(len(matrix), 'row')} of {counted(width, 'number')}, and "
            f"{counted(count, 'node is', 'nodes are')} named; "
            f"{counted(count, 'node')} take {counted(count, 'row')} of {count}, or "
            f"{count**2} or {5 * count**2} in a row"
        ]
    )
