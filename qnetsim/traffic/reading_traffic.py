"""Read demand of others, whatever its format: what a file is, it says itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from qnetsim.csv_rows import read_csv
from qnetsim.errors import CsvError, TrafficError
from qnetsim.extras import require
from qnetsim.plain_text import counted
from qnetsim.traffic.archives import files_in
from qnetsim.traffic.csv_lists import (
    find_columns,
    has_numbers_only,
    read_list,
    refuse_columns,
    refuse_nodes,
)
from qnetsim.traffic.matrices import is_labelled, read_labelled, read_square, read_wide
from qnetsim.traffic.raw_rows import TrafficRows
from qnetsim.traffic.snapshots import Snapshot, of_node_link, read_snapshot
from qnetsim.traffic.traffic import Traffic, settled
from qnetsim.traffic.traffic_settings import TrafficSettings

TOPOHUB = "topohub:"
#: Files of one archive that are none of a demand, and are named.
MOST_NAMED = 5
#: First characters of a table whose first column has no name.
EMPTY_CORNER = (",", ";", "\t", '""')
_ONE_EACH = "keep one of each, or give each a name that holds its time, such as 2004-03-01-0005"


def read_traffic(file: str, settings: TrafficSettings) -> Traffic:
    """Read a file, folder or archive of demand, or that of a topohub network.

    Parameters
    ----------
    file : str
        A path, or ``topohub:NAME``.
    settings : TrafficSettings

    Raises
    ------
    TrafficError
        With every problem, each naming the line and what mends it.
    """
    if file.startswith(TOPOHUB):
        snapshots = [(file, _of_topohub(file))]
        return settled(file, _stacked(file, snapshots, settings), settings)
    snapshots = []
    others: list[tuple[str, bytes]] = []
    notes: list[str] = []
    for name, data in files_in(Path(file), notes):
        _refuse_utf16(name, data)
        found = read_snapshot(name, data)
        if found is not None:
            snapshots.append((name, found))
        elif len(others) <= MOST_NAMED:
            others.append((name, data))
    if not snapshots and not others:
        raise TrafficError([f"{file}: holds no file"])
    if snapshots:
        rows = _stacked(file, snapshots, settings)
        if others:
            names = ", ".join(Path(name).name for name, _ in others[:MOST_NAMED])
            rows.notes.append(f"files that hold no demand that is known: {names}")
    elif len(others) == 1:
        rows = _of_table(others[0][0], others[0][1], settings)
    else:
        raise TrafficError(
            [
                f"{file}: holds several files that are no demand of one time; give one of "
                f"them: {', '.join(Path(name).name for name, _ in others[:MOST_NAMED])}"
            ]
        )
    rows.notes.extend(notes)
    return settled(file, rows, settings)


def _refuse_utf16(name: str, data: bytes) -> None:
    """Refuse text, but not XML, of two bytes for each character, as spreadsheets write it."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        start = data[:4096].decode("utf-16", "ignore").lstrip()
        if not start.startswith("<"):
            raise TrafficError([f"{name}: is UTF-16 text; save it as UTF-8"])


def _of_topohub(reference: str) -> Snapshot:
    require(f"demand {reference!r}", "topohub")
    import topohub

    key = reference.removeprefix(TOPOHUB)
    try:
        # a name is a place in the package's own folder, never above it
        if not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)*", key) or ".." in key:
            raise KeyError(key)
        data = topohub.get(key)
    except (KeyError, ValueError, OSError):
        raise TrafficError(
            [f"{reference}: topohub has no topology {key!r}; one with demand is 'sndlib/abilene'"]
        ) from None
    return of_node_link(reference, data)


def _stacked(
    file: str, snapshots: Sequence[tuple[str, Snapshot]], settings: TrafficSettings
) -> TrafficRows:
    """One file for each time as rows by time; without times, by the order of their names."""
    first = snapshots[0][1]
    refuse_columns(file, settings, first.kind)
    refuse_nodes(file, settings, f"{first.kind}, which names its nodes")
    for what in ("unit", "slot_s"):
        values = sorted({str(getattr(found, what)) for _, found in snapshots})
        if len(values) > 1:
            raise TrafficError([f"{file}: its files differ in their {what}: {', '.join(values)}"])
    rows = TrafficRows(first.kind, unit=first.unit, slot_s=first.slot_s)
    timed = [found.time is not None for _, found in snapshots]
    months = [found.month for _, found in snapshots if found.month is not None]
    if len(snapshots) == 1:
        rows.counts = "nothing"
    elif len(months) == len(snapshots):
        rows.kind += f", {counted(len(snapshots), 'month')}"
        rows.notes.append("a slot is a month, whatever its length")
        if len(set(months)) < len(months):
            raise TrafficError([f"{file}: has several files of one month; keep one of each"])
    elif all(timed):
        rows.counts = "time"
        rows.kind += f", {counted(len(snapshots), 'time')}"
        if len({found.time for _, found in snapshots}) < len(snapshots):
            raise TrafficError([f"{file}: has several files of one time; {_ONE_EACH}"])
    elif any(timed) or months:
        name = snapshots[timed.index(False)][0]
        raise TrafficError(
            [f"{name}: says no time, and others do; take it out, or name it by time"]
        )
    else:
        rows.kind += f", {counted(len(snapshots), 'slot')} in the order of their names"
        rows.notes.append(
            "its files say no time each, so that a missing one leaves no gap; a name may hold "
            "one, such as 2004-03-01-0005"
        )
    ordered = sorted(snapshots, key=lambda one: _by_number(one[0]))
    for slot, (_, found) in enumerate(ordered):
        if found.month is not None and rows.counts == "slot":
            at = found.month - min(months)
        else:
            at = {"nothing": 0, "time": found.time or 0, "slot": slot}[rows.counts]
        for what, count in found.left.items():
            rows.left[what] = rows.left.get(what, 0) + count
        for source, target, value, where in found.demands:
            rows.add(at, source, target, value, where)
    rows.notes.extend(dict.fromkeys(note for _, found in snapshots for note in found.notes))
    return rows


def _by_number(name: str) -> list[tuple[int, str]]:
    """Key that puts ``tm-2`` ahead of ``tm-10``."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), part) if part.isdecimal() else (-1, part) for part in parts]


def _of_table(name: str, data: bytes, settings: TrafficSettings) -> TrafficRows:
    """CSV, or numbers without names."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise TrafficError(
            [f"{name}:{line}: is neither UTF-8 text nor a format that is known"]
        ) from None
    # a matrix of nodes whose names are numbers has nothing above its names of rows
    numbers = (
        []
        if text.startswith(EMPTY_CORNER)
        else _numbers_of(text.replace("\r\n", "\n").replace("\r", "\n"))
    )
    if numbers:
        return read_square(name, numbers, settings)
    try:
        table = read_csv(name, text)
    except CsvError as error:
        raise TrafficError(error.problems) from None
    if is_labelled(table):
        return read_labelled(table, settings)
    columns = find_columns(table, settings)
    if "source" in columns or "target" in columns or {"slot", "rate"} <= columns.keys():
        return read_list(table, settings)
    return read_wide(table, settings)


def _numbers_of(text: str) -> list[tuple[int, tuple[str, ...]]]:
    """Lines of numbers alone, with their cells; empty where the first line is none."""
    found: list[tuple[int, tuple[str, ...]]] = []
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.partition("#")[0].strip()
        if not line:
            continue
        parts = re.split(r"[,;\t]", line) if re.search(r"[,;\t]", line) else line.split()
        cells = tuple(part.strip() for part in parts if part.strip())
        if not found and not has_numbers_only(cells):
            return []
        found.append((number, cells))
    return found
