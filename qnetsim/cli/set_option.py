"""The option that changes keys of a scenario for one command."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from qnetsim.errors import UsageError
from qnetsim.scenario.lines import Key

FORM = "write TABLE.KEY=VALUE, for example demand.requests=40 or policy.0.name=evf"
#: Where a command's context keeps the values as they were written.
GIVEN_SETTINGS = "qnetsim.settings"
#: Keys that may name a file.
FILES = {
    *(("network", "topology"), ("network", "rate_table"), ("recording", "file")),
    *(("demand", "means"), ("demand", "gravity", "weights")),
}
#: Values by key, as ``qnetsim.load`` takes them.
Changes = Mapping[Key, Any]
#: Text that needs no quotes on a command line; everything else is TOML.
_BARE = re.compile(r"[A-Za-z_./~][^\[\]{}\"',\n]*")


def changes_of(settings: Sequence[str]) -> Changes:
    """Read the values of ``--set``.

    A value is TOML (``40``, ``0.5``, ``true``, ``[1, 2]``, ``{cvar = 0.9}``); text needs no quotes.
    A number in a key is the place of a table in a list, from 0. A file is looked for in the current
    folder, then in that of the scenario.

    Raises
    ------
    UsageError
        Malformed, or a key is given twice.
    """
    changes: dict[Key, Any] = {}
    for text in settings:
        name, equals, value = (part.strip() for part in text.partition("="))
        parts = name.split(".")
        if not equals or not all(parts) or len(parts) < 2 or "\n" in text:
            raise UsageError(f"--set {text!r}: {FORM}")
        key = tuple(int(part) if part.isdecimal() else part for part in parts)
        if key in changes:
            raise UsageError(f"--set {text!r}: {name} is given twice")
        changes[key] = _from_here(key, _value(text, value))
    return changes


def _from_here(key: Key, value: Any) -> Any:
    """A file of the current folder by its full path; other names stay as in the scenario file."""
    names_file = key in FILES or (key[0] == "fel" and key[2:] == ("data",))
    if names_file and isinstance(value, str) and Path(value).is_file():
        return str(Path(value).resolve())
    return value


def _value(text: str, value: str) -> Any:
    try:
        return tomllib.loads(f"value = {value}")["value"]
    except (tomllib.TOMLDecodeError, KeyError, RecursionError, ValueError):
        pass
    if _BARE.fullmatch(value):
        return value
    raise UsageError(f"--set {text!r}: {value!r} is neither TOML nor plain text; {FORM}")


def _read_settings(
    context: click.Context, parameter: click.Parameter, settings: Sequence[str]
) -> Changes:
    context.meta[GIVEN_SETTINGS] = settings
    return changes_of(settings)


set_option = click.option(
    "--set",
    "changes",
    metavar="TABLE.KEY=VALUE",
    multiple=True,
    callback=_read_settings,
    help="Another value for a key of the scenario, checked like the file.",
)
