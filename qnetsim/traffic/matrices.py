"""Demand in matrices: a column for each node pair, or rows and columns that are the nodes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from qnetsim.csv_rows import CsvTable
from qnetsim.errors import TrafficError
from qnetsim.plain_text import counted, from_spreadsheet_cell
from qnetsim.traffic.csv_lists import find_columns
from qnetsim.traffic.raw_rows import Problems, TrafficRows, name_problem, rate_of
from qnetsim.traffic.times import time_of
from qnetsim.traffic.traffic_settings import TrafficSettings

#: What may stand between the two names of a pair, the surest first.
SEPARATORS = ("->", "→", "=>", "<->", "|", "~", ":", ">", ",", ";", "–", "/", "_", "-", " ")
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
    skipped = {*timed.values(), *(table.find(name) for name in settings.columns.ignore)}
    pairs = _pairs(table, [i for i in range(len(table.header)) if i not in skipped], settings)
    by_time = "time" in timed and ("slot" not in timed or settings.columns.time is not None)
    rows = TrafficRows("matrix with a column for each pair", counts="time" if by_time else "slot")
    problems = Problems(table.name)
    at = timed.get("time" if by_time else "slot")
    for i, cells in enumerate(table.rows):
        when: int | str = i
        if at is not None:
            when = time_of(cells[at]) if by_time else _slot_of(cells[at])
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


def _slot_of(text: str) -> int | str:
    if re.fullmatch(r"-?\d{1,15}(\.0*)?", text):
        return int(float(text))
    return f"{text!r} is not a slot; give an integer"


def _pairs(
    table: CsvTable, places: Sequence[int], settings: TrafficSettings
) -> dict[int, tuple[str, str]]:
    """The node pair of each column.

    Raises
    ------
    TrafficError
        Naming the columns that name none.
    """
    names = [from_spreadsheet_cell(table.header[i]) for i in places]
    known = set(settings.nodes)
    splits = [[_split(name, separator) for name in names] for separator in SEPARATORS]
    if known:
        splits.insert(0, [_split_by_names(name, known) for name in names])
    best = max(splits, key=lambda split: sum(pair is not None for pair in split), default=[])
    wrong = [name for name, pair in zip(names, best, strict=True) if pair is None]
    if wrong or not names:
        head = f"{table.name}:{table.header_line}"
        listed = ", ".join(repr(name[:60]) for name in wrong[:5]) + (
            ", …" if len(wrong) > 5 else ""
        )
        what = f"{counted(len(wrong), 'column names', 'columns name')} no pair of nodes: {listed}"
        raise TrafficError(
            [
                f"{head}: {what if names else 'has no column of a node pair'}; write SOURCE_TARGET "
                f"or SOURCE->TARGET, give the names of the nodes by {settings.named('nodes')}, or "
                f"name what is no pair: {settings.column_named('ignore')}; a list has columns of "
                f"slot, source, target and rate"
            ]
        )
    found = {}
    for place, pair in zip(places, best, strict=True):
        assert pair is not None
        problem = name_problem(pair)
        if problem:
            raise TrafficError([f"{table.name}:{table.header_line}: {problem}"])
        found[place] = pair
    return found


def _split(name: str, separator: str) -> tuple[str, str] | None:
    parts = [part.strip(" '\"()[]") for part in name.split(separator)]
    return (parts[0], parts[1]) if len(parts) == 2 and all(parts) else None


def _split_by_names(name: str, known: set[str]) -> tuple[str, str] | None:
    """The two known names that a column's name begins and ends with; None where not just one way.

    Between them is one separator, or nothing but space.
    """
    ways = [
        (a, b)
        for a in known
        if name.startswith(a)
        for b in known
        if name.endswith(b) and len(a) + len(b) < len(name)
        if name[len(a) : len(name) - len(b)].strip() in SEPARATORS
    ]
    return ways[0] if len(ways) == 1 else None


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
                f"{name}: has {counted(width, 'number')} in a row and no names; give those of "
                f"the {count} nodes in their order by {settings.named('nodes')}"
            ]
        )
    count = len(nodes)
    if len(set(nodes)) != count or count > MOST_NODES:
        raise TrafficError(
            [f"{settings.named('nodes')}: give each name once, {MOST_NODES:,} at most"]
        )
    if width == count == len(matrix):
        rows = TrafficRows("matrix of nodes", counts="nothing")
        cells = [(0, line, i * count, row) for i, (line, row) in enumerate(matrix)]
        step = 1
    elif width in {count**2, 5 * count**2}:
        rows = TrafficRows("matrices, one in a row")
        cells = [(i, line, 0, row) for i, (line, row) in enumerate(matrix)]
        step = width // count**2
        if step == 5:
            rows.notes.append("the first of five values of each pair is taken (the measured one)")
    else:
        raise TrafficError(
            [
                f"{name}: has {counted(len(matrix), 'row')} of {counted(width, 'number')}, and "
                f"{counted(count, 'node is', 'nodes are')} named; {count} nodes take {count} rows "
                f"of {count}, or {count**2} or {5 * count**2} in a row"
            ]
        )
    problems = Problems(name)
    for slot, line, first, row in cells:
        for j, text in enumerate(row[::step]):
            value = rate_of(text)
            if isinstance(value, str):
                problems.add(f"{name}:{line}, number {j * step + 1}: {value}")
            else:
                a, b = divmod(first + j, count)
                rows.add(slot, nodes[a], nodes[b], value, f"{name}:{line}")
    problems.refuse()
    return rows
