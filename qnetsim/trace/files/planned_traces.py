"""The list of the traces that a comparison is to write: a part is not taken for the whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from qnetsim.errors import (
    PartialComparisonError,
    TraceError,
    TraceFormatError,
    UsageError,
    argument,
)
from qnetsim.plain_text import counted
from qnetsim.trace.hdf5.files import make_folder, remove_empty, replacing

NAME = "comparison.json"
SCHEMA = "qnetsim.planned-traces/1"
#: A longer list is none of ours.
MOST_BYTES = 2**24


@contextmanager
def planned_traces(folder: Path, names: Sequence[str], *, keep: bool) -> Iterator[None]:
    """Write the list, ahead of the first trace; an error ahead of all of them takes it back.

    Parameters
    ----------
    folder : Path
        Of the traces.
    names : sequence of str
        Their file names.
    keep : bool
        Add to the list that is there; else it is replaced.

    Raises
    ------
    TraceError, UsageError
        It cannot be written, or a file of that name is something else.
    """
    path = folder / NAME
    try:
        listed = read_planned(folder)
    except TraceFormatError as error:
        raise UsageError(f"{error}; give another {argument('out')}") from None
    before = _files(folder, names)
    made = make_folder(folder)
    _write(path, list(dict.fromkeys([*(listed if keep else ()), *names])))
    try:
        yield
    except Exception:
        if _files(folder, names) == before:
            with suppress(OSError, TraceError):
                if listed:
                    _write(path, listed)
                else:
                    path.unlink()
            remove_empty(made)
        raise


def _write(path: Path, names: Sequence[str]) -> None:
    with replacing(path, force=True) as fresh:
        fresh.write_text(json.dumps({"schema": SCHEMA, "traces": names}, indent=1) + "\n", "utf-8")


def _files(folder: Path, names: Sequence[str]) -> list[int | None]:
    """Which file has each name, if any: one that takes its place is another file."""
    places = (folder / name for name in names)
    return [place.stat().st_ino if place.exists() else None for place in places]


def read_planned(folder: Path) -> tuple[str, ...]:
    """Names of the traces that were planned for a folder; none where it has no list.

    Raises
    ------
    TraceFormatError
        The file is something else.
    """
    path = folder / NAME
    if not path.is_file():
        return ()
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError
        data = json.loads(path.read_text("utf-8"))
        names = data["traces"]
        if data["schema"] != SCHEMA or not all(_is_name(name) for name in names):
            raise ValueError
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise TraceFormatError(
            f"{path}: is not the list of traces that `qnetsim compare` writes"
        ) from None
    return tuple(names)


def _is_name(name: object) -> bool:
    return isinstance(name, str) and bool(name) and not set(name) & set("/\\\0")


def traces_of(sources: Sequence[Path]) -> tuple[Path, ...]:
    """Files as given, and those of each folder among them, in the order of its comparison.

    Files of a folder that are not in its list follow by name.

    Raises
    ------
    UsageError
        A folder holds no trace.
    PartialComparisonError
        The comparison that was to write there was cut short ahead of its first trace.
    """
    found: list[Path] = []
    for source in sources:
        if not source.is_dir():
            found.append(source)
            continue
        planned = read_planned(source)
        place = {name: number for number, name in enumerate(planned)}
        traces = sorted(
            (path for path in source.glob("*.h5") if not path.name.startswith(".")),
            key=lambda path: (place.get(path.name, len(place)), path.name),
        )
        if not traces:
            if planned:
                there = counted(len(planned), "trace is", "traces are")
                raise PartialComparisonError(
                    f"{source}: holds no trace; partial: 0 of {there} there"
                )
            raise UsageError(f"{source}: holds no trace")
        found += traces
    return tuple(found)
