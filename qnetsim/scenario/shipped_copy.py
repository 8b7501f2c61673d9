"""Copies of shipped scenarios, as files of one's own."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from qnetsim.errors import UsageError, argument
from qnetsim.input_files import read_input, read_text_input
from qnetsim.shipped import scenario_file

#: Keys of a scenario that may name files beside it.
FILE_KEYS = (
    *(("network", "topology"), ("network", "rate_table"), ("recording", "file")),
    ("demand", "means"),
)


def copy_shipped(name: str, out: Path) -> tuple[Path, ...]:
    """Write a scenario as a file of one's own, comments included, and what it reads beside it.

    Parameters
    ----------
    name : str
        A shipped scenario, or a path.
    out : Path
        Nothing that is there is overwritten; a file to be read with the same content stays.

    Returns
    -------
    tuple of Path
        What was written, the scenario first.

    Raises
    ------
    UsageError
        There is no such scenario, or a file is in the way or cannot be written.
    """
    source = scenario_file(name)
    text = read_text_input(source, "scenario file")
    contents: dict[Path, bytes] = {}
    for reference in _files_of(tomllib.loads(text)):
        beside = out.parent / Path(reference).name
        contents[beside] = read_input(source.parent / reference)
        text = text.replace(f'"{reference}"', f'"{beside.name}"')
    missing = {out: text.encode(), **_without_same(contents)}
    for path in missing:
        if path.exists() or path.is_symlink():
            raise UsageError(
                f"{path}: exists, and is not overwritten; give another {argument('out')}"
            )
    for path, content in missing.items():
        _write_new(path, content)
    return tuple(missing)


def _files_of(data: Mapping[str, Any]) -> Iterator[str]:
    """Files that a scenario names by path."""
    for table, key in FILE_KEYS:
        value = data.get(table, {}).get(key)
        if isinstance(value, str) and Path(value).suffix:
            yield value
    tasks = data.get("fel", ())
    yield from (task["data"] for task in tasks if isinstance(task.get("data"), str))


def _without_same(contents: Mapping[Path, bytes]) -> dict[Path, bytes]:
    """Files that are not there yet with this content."""
    return {
        path: content
        for path, content in contents.items()
        if not (path.is_file() and path.read_bytes() == content)
    }


def _write_new(path: Path, content: bytes) -> None:
    try:
        with path.open("xb") as file:
            file.write(content)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None
