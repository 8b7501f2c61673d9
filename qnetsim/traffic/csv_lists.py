"""Demand in CSV lists: a row for each slot or time and node pair, or for each request."""

from __future__ import annotations

import numpy as np

from qnetsim.csv_rows import CsvTable
from qnetsim.errors import CsvError, TrafficError
from qnetsim.plain_text import from_spreadsheet_cell
from qnetsim.traffic.placing import REQUESTS, first_time
from qnetsim.traffic.raw_rows import (
    MOST_ROWS,
    MOST_SLOTS,
    Problems,
    TrafficRows,
    name_problem,
    rate_of,
)
from qnetsim.traffic.times import EPOCH_S, time_of
from qnetsim.traffic.traffic_settings import USUAL, TrafficSettings
from qnetsim.units import TICKS_PER_SECOND, seconds_to_ticks


def find_columns(table: CsvTable, settings: TrafficSettings) -> dict[str, int]:
    """Positions of the columns that are there, by what they hold.

    Raises
    ------
    TrafficError
        A column that was named is not there.
    """
    found: dict[str, int] = {}
    for key, usual in USUAL.items():
        named = getattr(settings.columns, key)
        place = None
        for name in usual if named is None else (named,):
            try:
                place = table.find(name)
            except CsvError as error:
                raise TrafficError(error.problems) from None
            if place is not None:
                break
        if place is not None:
            found[key] = place
        elif named is not None:
            raise TrafficError(
                [
                    f"{table.name}:{table.header_line}: has no column {named!r}; it has "
                    f"{', '.join(map(repr, table.header[:20]))}"
                ]
            )
    return found


def read_list(table: CsvTable, settings: TrafficSettings) -> TrafficRows:
    """Read a list of rates by slot or time, or of requests.

    Raises
    ------
    TrafficError
        Naming cells that are wrong, and columns that are missing.
    """
    columns = find_columns(table, settings)
    missing = [key for key in ("source", "target", "rate") if key not in columns]
    if missing:
        raise TrafficError(
            [
                f"{table.name}:{table.header_line}: the header is {','.join(table.header)!r}, "
                f"without a column of the {key}; give {settings.column_named(key)}"
                for key in missing
            ]
        )
    rows = _rows(table, columns, settings)
    used = {*columns.values(), *(table.find(name) for name in settings.columns.ignore)}
    further = [name or str(i + 1) for i, name in enumerate(table.header) if i not in used]
    if further:
        rows.notes.append(f"columns that are not used: {', '.join(further)}")
    return rows


def _rows(table: CsvTable, columns: dict[str, int], settings: TrafficSettings) -> TrafficRows:
    if "holding" in columns:
        if "arrival" not in columns:
            columns["arrival"] = columns.get("time", -1)
        if columns["arrival"] < 0:
            text = f"has holding times; give {settings.column_named('arrival')}"
            raise TrafficError([f"{table.name}:{table.header_line}: {text}"])
        return _requests(table, columns, settings)
    if "slot" in columns and "time" in columns and settings.columns.time is None:
        del columns["time"]
    if "time" in columns:
        rows = TrafficRows("list of rates by time", counts="time")
        at = columns["time"]
    elif "slot" in columns:
        rows = TrafficRows("list of rates by slot")
        at = columns["slot"]
    else:
        return _untimed(table, columns, settings)
    problems = Problems(table.name)
    known: dict[str, int | str] = {}
    of = time_of if rows.counts == "time" else _slot_of
    for i, cells in enumerate(table.rows):
        when = known.get(cells[at])
        if when is None:
            when = known[cells[at]] = of(cells[at])
        _add(rows, table, i, columns, when, at, problems)
    problems.refuse()
    return rows


def _add(
    rows: TrafficRows,
    table: CsvTable,
    row: int,
    columns: dict[str, int],
    when: int | str,
    at: int,
    problems: Problems,
) -> None:
    """Add one row, or note what is wrong with it."""
    cells = table.rows[row]
    if isinstance(when, str):
        problems.add(f"{table.where(row)}, column {table.header[at]!r}: {when}")
        return
    ends = _ends(cells, columns)
    wrong = name_problem(ends)
    value = rate_of(cells[columns["rate"]])
    if isinstance(value, str):
        problems.add(f"{table.where(row)}, column {table.header[columns['rate']]!r}: {value}")
    elif wrong:
        problems.add(f"{table.where(row)}: {wrong}")
    else:
        rows.add(when, *ends, value, table.where(row))


def _ends(cells: tuple[str, ...], columns: dict[str, int]) -> tuple[str, str]:
    a, b = (from_spreadsheet_cell(cells[columns[key]]) for key in ("source", "target"))
    return a, b


def _slot_of(text: str) -> int | str:
    try:
        value = float(text)
    except ValueError:
        value = -0.5
    if "_" in text or not abs(value) <= 2**53 or value != int(value):
        return f"{text!r} is not a slot; give an integer"
    return int(value)


def _untimed(table: CsvTable, columns: dict[str, int], settings: TrafficSettings) -> TrafficRows:
    """Rows without a slot, of which somebody has to say how long they stand."""
    if settings.untimed is None:
        raise TrafficError(
            [
                f"{table.name}:{table.header_line}: has no column of slots or times; give "
                f"{settings.column_named('slot')} or {settings.column_named('time')}, or else "
                f"{settings.named('untimed', '1')} (the number of slots for which all rows stand) "
                f"or {settings.named('untimed', settings.quoted('in_turn'))} (row n is the "
                "demand of slot n)"
            ]
        )
    rows = TrafficRows("list of requests without times", counts="nothing")
    problems = Problems(table.name)
    turn = settings.untimed == "in_turn"
    for i in range(len(table.rows)):
        _add(rows, table, i, columns, i if turn else 0, 0, problems)
    problems.refuse()
    return rows


def _requests(table: CsvTable, columns: dict[str, int], settings: TrafficSettings) -> TrafficRows:
    """Requests with arrival and holding times as mean rates in the slots that they touch."""
    if settings.slot_s is None:
        raise TrafficError(
            [f"{table.name}: has arrival times; give {settings.named('slot_s')}, in their unit"]
        )
    try:
        ticks = seconds_to_ticks(settings.slot_s)
    except ValueError as error:
        raise TrafficError([f"{settings.named('slot_s')}: {error}"]) from None
    rows = TrafficRows(REQUESTS, counts="time")
    problems = Problems(table.name)
    spans: list[tuple[int, int, int]] = []
    for i, cells in enumerate(table.rows):
        times = [time_of(cells[columns[key]]) for key in ("arrival", "holding")]
        for key, time in zip(("arrival", "holding"), times, strict=True):
            if isinstance(time, str):
                problems.add(f"{table.where(i)}, column {table.header[columns[key]]!r}: {time}")
        if isinstance(times[0], str) or isinstance(times[1], str):
            continue
        if times[1] < 0:
            problems.add(f"{table.where(i)}: its holding time is negative; give one >= 0")
            continue
        spans.append((i, times[0], times[1]))
    begin = _begin(spans, settings)
    touched = 0
    for i, arrival, holding in spans:
        touched += holding // ticks + 2
        if holding // ticks > MOST_SLOTS or touched > MOST_ROWS:
            problems.add(f"{table.where(i)}: its request touches too many slots; check the unit")
            break
        _spread(rows, table, i, columns, (arrival - begin, holding, ticks, begin), problems)
    problems.refuse()
    return rows


def _begin(spans: list[tuple[int, int, int]], settings: TrafficSettings) -> int:
    """When slot 0 begins, in nanoseconds."""
    if settings.first_time is not None:
        return first_time(settings)
    least = min((arrival for _, arrival, _ in spans), default=0)
    return least if least >= EPOCH_S * TICKS_PER_SECOND else 0


def _spread(
    rows: TrafficRows,
    table: CsvTable,
    row: int,
    columns: dict[str, int],
    span: tuple[int, int, int, int],
    problems: Problems,
) -> None:
    """Add a request to each slot that it touches, by the share of the slot that it takes."""
    since, holding, ticks, begin = span
    cells = table.rows[row]
    ends = _ends(cells, columns)
    value = rate_of(cells[columns["rate"]])
    wrong = name_problem(ends)
    if isinstance(value, str) or wrong:
        column = table.header[columns["rate"]]
        problems.add(
            f"{table.where(row)}: {wrong}"
            if wrong
            else f"{table.where(row)}, column {column!r}: {value}"
        )
        return
    first, last = since // ticks, (since + holding - 1) // ticks
    for slot in range(first, last + 1):
        taken = min(since + holding, (slot + 1) * ticks) - max(since, slot * ticks)
        rows.add(begin + slot * ticks, *ends, value * (taken / ticks), table.where(row))


def has_numbers_only(cells: tuple[str, ...]) -> bool:
    """Whether a row is one of numbers, so that it is no header."""
    if any("_" in cell for cell in cells):
        return False  # Python reads the pair 1_5 as a number
    try:
        return bool(np.isfinite([float(cell) for cell in cells]).all())
    except ValueError:
        return False
