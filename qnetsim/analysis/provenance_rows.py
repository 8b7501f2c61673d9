"""Where the traces of a comparison come from, as tables of plain text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from qnetsim.analysis.compare import Comparison
from qnetsim.analysis.text_table import DASH, TextTable


def software_rows(comparison: Comparison) -> TextTable:
    """Software and environment of the first trace, one row for each version."""
    provenance = comparison.policies[0].runs[0].provenance
    software = provenance["software"]
    rows = [
        (str(software.get("name", "qnetsim")), str(software.get("version", DASH))),
        *_entries(software.get("packages", {})),
        *_entries(provenance["environment"]),
    ]
    return TextTable(("software", "version"), tuple(rows), text=("version",))


def scenario_rows(comparison: Comparison) -> TextTable:
    """Keys of the scenario of the first trace, one row for each."""
    scenario = comparison.policies[0].runs[0].provenance["scenario"]
    return TextTable(("key", "value"), tuple(_entries(scenario)), text=("value",))


def _entries(table: Mapping[str, Any], under: str = "") -> Iterator[tuple[str, str]]:
    """Keys of a table and of the tables in it, and their values."""
    for key, value in table.items():
        name = f"{under}{key}"
        if isinstance(value, Mapping):
            yield from _entries(value, f"{name}.")
        elif isinstance(value, Sequence) and value and all(isinstance(v, Mapping) for v in value):
            for number, entry in enumerate(value, start=1):
                yield from _entries(entry, f"{name} {number}.")
        else:
            yield name, _value_text(value)


def _value_text(value: object) -> str:
    if value is None:
        return DASH
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ", ".join(map(_value_text, value)) or DASH
    return str(value)
