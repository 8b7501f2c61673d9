"""Which node pair a column of a matrix is: its name holds two names."""

from __future__ import annotations

from collections.abc import Sequence

from qnetsim.csv_rows import CsvTable
from qnetsim.errors import TrafficError
from qnetsim.plain_text import counted, from_spreadsheet_cell
from qnetsim.traffic.raw_rows import name_problem
from qnetsim.traffic.traffic_settings import TrafficSettings

#: What may stand between the two names of a pair, the surest first.
SEPARATORS = ("->", "→", "=>", "<->", "|", "~", ":", ">", ",", ";", "–", "/", "_", "-", " ")


def pairs_of(
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
        ahead = _ahead(names)
        splits.insert(0, [_split_by_names(name[ahead:], known) for name in names])
        splits.insert(0, [_split_by_names(name, known) for name in names])
    else:
        _refuse_several_ways(table, names, splits, settings)
    best = max(splits, key=lambda split: sum(pair is not None for pair in split), default=[])
    wrong = [
        name or f"column {place + 1}"
        for place, name, pair in zip(places, names, best, strict=True)
        if pair is None
    ]
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
                f"name what is no pair: {_ignore(settings, wrong)}; a list has columns of "
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


def _ignore(settings: TrafficSettings, wrong: Sequence[str]) -> str:
    """How to leave out a column that is no pair."""
    unnamed = [name for name in wrong if name.startswith("column ")]
    name = unnamed[0] if unnamed else "NAME"
    if settings.of_recording:
        return f'recording.columns.ignore = ["{name}"]'
    return settings.column_named("ignore", f'"{name}"' if unnamed else name)


def _ahead(names: Sequence[str]) -> int:
    """Length of what stands ahead of every pair, such as ``OD_``."""
    first, last = min(names, default=""), max(names, default="")
    same = (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b)
    common = first[: next(same, 0)]
    for separator in SEPARATORS:
        if separator in common:
            return common.index(separator) + len(separator)
    return 0


def _refuse_several_ways(
    table: CsvTable,
    names: Sequence[str],
    splits: Sequence[Sequence[tuple[str, str] | None]],
    settings: TrafficSettings,
) -> None:
    """Refuse names that fall into pairs in several ways.

    Raises
    ------
    TrafficError
    """
    rest = " '\"()[]" + "".join(SEPARATORS)
    ways = {
        tuple((pair[0].strip(rest), pair[1].strip(rest)) for pair in split if pair is not None)
        for split in splits
        if names and None not in split
    }
    if len(ways) > 1:
        pairs = " or ".join(" and ".join(map(repr, way[0])) for way in sorted(ways)[:3])
        raise TrafficError(
            [
                f"{table.name}:{table.header_line}: {names[0][:60]!r} may be {pairs}; give the "
                f"names of the nodes by {settings.named('nodes')}"
            ]
        )


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
