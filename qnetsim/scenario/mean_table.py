"""Read tables beside a scenario: means by node pair, weights by node."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from qnetsim.csv_rows import CsvTable, read_csv
from qnetsim.errors import CsvError, UsageError
from qnetsim.input_files import read_text_input
from qnetsim.plain_text import from_spreadsheet_cell
from qnetsim.scenario.tables.request import RequestTable

#: Longest table that is read.
MOST_TABLE_BYTES = 2**28
#: Columns of a table of means, and how their cells are read.
MEANS: dict[str, Callable[[str], str | float]] = {
    "source": from_spreadsheet_cell,
    "target": from_spreadsheet_cell,
    "mean": float,
    "mean_rate_bps": float,
    "count": int,
    "group": str,
    "priority": int,
}
MOST_PROBLEMS = 20
Row = TypeVar("Row")


def read_means(path: Path) -> tuple[RequestTable, ...]:
    """Read means by node pair.

    Parameters
    ----------
    path : Path
        With columns ``source``, ``target`` and one of ``mean`` and ``mean_rate_bps``.

    Raises
    ------
    ValueError
        Saying which lines are wrong, and what is allowed.
    """
    table = _read(path, "table of means", ("source", "target"))
    places = {key: place for key in MEANS if (place := table.find(key)) is not None}
    means = [key for key in ("mean", "mean_rate_bps") if key in places]
    if len(means) != 1:
        raise ValueError(
            f"{path}:{table.header_line}: has {' and '.join(means) or 'no column of means'}; give "
            "one of mean (in levels) and mean_rate_bps"
        )
    _refuse_further(table, tuple(MEANS))
    found = []
    problems = []
    for i, cells in enumerate(table.rows):
        try:
            # an empty cell is a key that is not given
            given = {k: _cell(k, cells[place]) for k, place in places.items() if cells[place]}
            found.append(RequestTable.model_validate(given))
        except ValidationError as error:
            details = "; ".join(_told(detail) for detail in error.errors()[:3])
            problems.append(f"{table.where(i)}: {details}")
        except ValueError as error:
            problems.append(f"{table.where(i)}: {error}")
    return tuple(_all_right(path, found, problems, "a pair and its mean"))


def read_weights(path: Path) -> tuple[tuple[str, float], ...]:
    """Read weights by node.

    Parameters
    ----------
    path : Path
        With columns ``node`` and ``weight``.

    Raises
    ------
    ValueError
        As :func:`read_means`.
    """
    columns = ("node", "weight")
    table = _read(path, "table of weights", columns)
    _refuse_further(table, columns)
    node, weight = table.find_all(columns)
    found = []
    problems = []
    for i, cells in enumerate(table.rows):
        try:
            found.append((from_spreadsheet_cell(cells[node]), float(cells[weight])))
        except ValueError:
            problems.append(f"{table.where(i)}: weight {cells[weight]!r} is not a number")
    return tuple(_all_right(path, found, problems, "a node and its weight"))


def _read(path: Path, noun: str, columns: tuple[str, ...]) -> CsvTable:
    try:
        return read_csv(str(path), read_text_input(path, noun, MOST_TABLE_BYTES), columns)
    except (UsageError, CsvError) as error:
        raise ValueError(str(error)) from None


def _refuse_further(table: CsvTable, columns: tuple[str, ...]) -> None:
    further = table.further(columns)
    if further:
        raise ValueError(
            f"{table.name}:{table.header_line}: {', '.join(map(repr, further[:20]))} is not used; "
            f"the columns are {', '.join(columns)}; remove the others"
        )


def _cell(key: str, text: str) -> str | float:
    """A cell by its column; 1_000 is no number outside Python."""
    try:
        if MEANS[key] in {float, int} and "_" in text:
            raise ValueError
        return MEANS[key](text)
    except ValueError:
        raise ValueError(f"{key} {text!r} is not a number") from None


def _told(detail: Any) -> str:
    key = str(detail["loc"][0]) if detail["loc"] else "row"
    if detail["type"] == "missing":
        return f"{key} is missing; give it"
    extra = RequestTable.model_fields[key].json_schema_extra
    allowed = extra["allowed"] if isinstance(extra, dict) else ""
    return f"{key} {detail['input']!r} is not allowed; allowed: {allowed}"


def _all_right(path: Path, found: list[Row], problems: list[str], what: str) -> list[Row]:
    if len(problems) > MOST_PROBLEMS:
        more = f"{path}: and {len(problems) - MOST_PROBLEMS} bad rows more"
        problems = [*problems[:MOST_PROBLEMS], more]
    if problems:
        raise ValueError("\n".join(problems))
    if not found:
        raise ValueError(f"{path}: has no row; give {what}")
    return found
