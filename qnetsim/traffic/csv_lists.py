"""Demand in CSV lists: a row for each slot or time and node pair, or for each request."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from qnetsim.csv_rows import CsvTable
from qnetsim.errors import CsvError, TrafficError
from qnetsim.plain_text import from_spreadsheet_cell
from qnetsim.traffic.placing import REQUESTS, first_time
from qnetsim.traffic.raw_rows import (
    MOST_ROWS,
    MOST_SLOTS,
    OWN,
    ZERO,
    Problems,
    TrafficRows,
    name_problem,
    rate_of,
)
from qnetsim.traffic.times import EPOCH_S, MILLISECONDS, reader_of, time_of
from qnetsim.traffic.traffic_settings import AMOUNTS, USUAL, Columns, TrafficSettings
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
                place = place_of(table, name)
            except CsvError as error:
                raise TrafficError(error.problems) from None
            if place is not None:
                break
        if place is not None:
            found[key] = place
        elif named is not None:
            raise _no_column(table, named)
    return found


def place_of(table: CsvTable, name: str) -> int | None:
    """Position of a column; ``column 1`` is that of a column without a name."""
    place = table.find(name)
    number = re.fullmatch(r"column ([1-9]\d{0,5})", name)
    if place is None and number and int(number[1]) <= len(table.header):
        place = int(number[1]) - 1
        return None if table.header[place] else place
    return place


def ignored(table: CsvTable, settings: TrafficSettings) -> set[int]:
    """Positions of the columns that are to be left out.

    Raises
    ------
    TrafficError
        One is not there.
    """
    found = set()
    for name in settings.columns.ignore:
        place = place_of(table, name)
        if place is None:
            raise _no_column(table, name)
        found.add(place)
    return found


def _no_column(table: CsvTable, name: str) -> TrafficError:
    have = [repr(text or f"column {i + 1}") for i, text in enumerate(table.header[:20])]
    return TrafficError(
        [f"{table.name}:{table.header_line}: has no column {name!r}; it has {', '.join(have)}"]
    )


def refuse_nodes(name: str, settings: TrafficSettings, what: str) -> None:
    """Refuse names of nodes where a file has its own.

    Raises
    ------
    TrafficError
    """
    if settings.nodes:
        raise TrafficError([f"{name}: is {what}; leave {settings.named('nodes')} out"])


def refuse_columns(name: str, settings: TrafficSettings, what: str) -> None:
    """Refuse names of columns where a file has none.

    Raises
    ------
    TrafficError
    """
    if settings.columns != Columns():
        key = "recording.columns" if settings.of_recording else settings.named("column")
        raise TrafficError([f"{name}: is {what}, without columns of names; leave {key} out"])


def read_list(table: CsvTable, settings: TrafficSettings) -> TrafficRows:
    """Read a list of rates by slot or time, or of requests.

    Raises
    ------
    TrafficError
        Naming cells that are wrong, and columns that are missing.
    """
    refuse_nodes(table.name, settings, "a list, which names its nodes")
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
    used = {*columns.values(), *ignored(table, settings)}
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
    texts = (cells[at] for cells in table.rows)
    of = reader_of(texts) if rows.counts == "time" else _slot_of
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
    when = [cells[columns["arrival"]] for cells in table.rows]
    if any(map(MILLISECONDS.fullmatch, when)):
        text = "counts milliseconds, and holding times are in seconds; give both in seconds"
        column = table.header[columns["arrival"]]
        raise TrafficError([f"{table.name}:{table.header_line}, column {column!r}: {text}"])
    time = reader_of(when)
    for i, cells in enumerate(table.rows):
        times = [time(cells[columns["arrival"]]), time_of(cells[columns["holding"]])]
        for key, found in zip(("arrival", "holding"), times, strict=True):
            if isinstance(found, str):
                problems.add(f"{table.where(i)}, column {table.header[columns[key]]!r}: {found}")
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
        span = _Span(arrival - begin, holding, ticks, begin, settings.rate_unit in AMOUNTS)
        _spread(rows, table, i, columns, span, problems)
    problems.refuse()
    return rows


def _begin(spans: list[tuple[int, int, int]], settings: TrafficSettings) -> int:
    """When slot 0 begins, in nanoseconds."""
    if settings.first_time is not None:
        return first_time(settings)
    least = min((arrival for _, arrival, _ in spans), default=0)
    return least if least >= EPOCH_S * TICKS_PER_SECOND else 0


class _Span(NamedTuple):
    """When a request stands, in nanoseconds since slot 0 begins, and what its value is."""

    since: int
    holding: int
    ticks: int
    begin: int
    amount: bool

    def shares(self) -> Iterator[tuple[int, float]]:
        """Slots that it touches, and what part of its value belongs to each.

        A rate counts for the part of the slot that the request stands. An amount is that of the
        whole request, and is shared out by time; one of no length falls into one slot.
        """
        first = self.since // self.ticks
        if not self.holding:
            if self.amount:
                yield first, 1.0
            return
        end = self.since + self.holding
        for slot in range(first, (end - 1) // self.ticks + 1):
            taken = min(end, (slot + 1) * self.ticks) - max(self.since, slot * self.ticks)
            yield slot, taken / (self.holding if self.amount else self.ticks)


def _spread(
    rows: TrafficRows,
    table: CsvTable,
    row: int,
    columns: dict[str, int],
    span: _Span,
    problems: Problems,
) -> None:
    """Add a request to each slot that it touches."""
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
    if ends[0] == ends[1]:
        rows.leave(OWN)
    elif not span.holding and not span.amount:
        rows.leave(ZERO)
    else:
        for slot, share in span.shares():
            rows.add(span.begin + slot * span.ticks, *ends, value * share, table.where(row))
            rows.of_row.append(row)


def has_numbers_only(cells: tuple[str, ...]) -> bool:
    """Whether a row is one of numbers, so that it is no header."""
    if any("_" in cell for cell in cells):
        return False  # Python reads the pair 1_5 as a number
    try:
        return bool(np.isfinite([float(cell) for cell in cells]).all())
    except ValueError:
        return False
