"""Find the files of data that a trace names: it keeps their names and SHA-256 alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qnetsim.analysis.audit import Finding
from qnetsim.errors import UsageError, argument
from qnetsim.fel.own_data import data_sha256
from qnetsim.input_files import is_readable
from qnetsim.scenario import FelTable, Scenario
from qnetsim.scenario.tables.portable import file_name


def with_task_data(scenario: Scenario, folder: Path, given: Sequence[Path] = ()) -> Scenario:
    """Scenario of a trace whose files of data are found; names stay where they are not.

    Parameters
    ----------
    scenario : Scenario
    folder : Path
        Of the trace. Files lie there or in the current folder.
    given : sequence of Path
        Further places of files.
    """
    if not any(table.data for table in scenario.fel):
        return scenario
    tables = tuple(_located(table, folder, given) for table in scenario.fel)
    return scenario.model_copy(update={"fel": tables})


def _places(table: FelTable, folder: Path, given: Sequence[Path] = ()) -> list[Path]:
    """Where the file of a task may be, of those places that have a file."""
    name = file_name(str(table.data))
    named = (place for place in given if place.name == name)
    return [place for place in (*named, Path(name), folder / name) if is_readable(place)]


def _located(table: FelTable, folder: Path, given: Sequence[Path]) -> FelTable:
    if table.data is None:
        return table
    for place in _places(table, folder, given):
        if data_sha256(place) == table.sha256:
            return table.model_copy(update={"data": str(place.resolve())})
    return table


def data_finding(scenario: Scenario, folder: Path, given: Sequence[Path] = ()) -> Finding | None:
    """Whether the files of data are those of the trace; None for tasks without any.

    Raises
    ------
    UsageError
        A file that is given is not there, or is none of a task's.
    """
    tables = [table for table in scenario.fel if table.data is not None]
    for place in given:
        sha256 = data_sha256(place)
        names = [file_name(str(table.data)) for table in tables if table.sha256 == sha256]
        if not names:
            raise UsageError(
                f"{argument('data', str(place))}: is no file of the trace's tasks: its SHA-256 is "
                f"{sha256}"
            )
        if place.name not in names:
            raise UsageError(
                f"{argument('data', str(place))}: is {names[0]} in the trace; give it under that "
                "name"
            )
    if not tables:
        return None
    found, missing = [], []
    for table in tables:
        name = file_name(str(table.data))
        if Path(str(table.data)).is_absolute():
            found.append(name)
            continue
        others = _places(table, folder)
        if others:
            return Finding("data", False, _changed(table, others[0]))
        missing.append(name)
    if missing:
        text = (
            f"{', '.join(dict.fromkeys(missing))} is not here to be compared; put it beside the "
            f"trace, or give it with {argument('data', 'FILE')}"
        )
        return Finding("data", None, text)
    return Finding("data", True, f"SHA-256 of {', '.join(dict.fromkeys(found))} as in the trace")


def _changed(table: FelTable, place: Path) -> str:
    return (
        f"{place}: is not the file of the trace: its SHA-256 is {data_sha256(place)}, not "
        f"{table.sha256}"
    )


def refuse_without_data(scenario: Scenario, trace: Path) -> None:
    """Refuse to run tasks again whose files of data are not there.

    Raises
    ------
    UsageError
        Saying which file is missing, or has changed.
    """
    for table in scenario.fel:
        if table.data is None or Path(table.data).is_absolute():
            continue
        others = _places(table, trace.parent)
        if others:
            raise UsageError(_changed(table, others[0]))
        raise UsageError(
            f"{trace}: its tasks learn from {table.data}, which is not here; put the file beside "
            "the trace or into the current folder"
        )
