"""Keys of factors: of the scenario, or of one policy's options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from qnetsim.errors import ScenarioError, UsageError
from qnetsim.policies.registry import policy_of
from qnetsim.scenario import PolicyTable
from qnetsim.scenario.lines import Key
from qnetsim.scenario.scenario import split_key


def policy_option(key: str) -> tuple[str, str] | None:
    """Title and option of a factor ``policy.TITLE.OPTION``; None for a key of the scenario."""
    table, _, rest = key.partition(".")
    title, dot, option = rest.rpartition(".")
    return (title, option) if table == "policy" and dot and not title.isdecimal() else None


def with_option(table: PolicyTable, option: str, value: Any) -> PolicyTable:
    """A policy with another value of an option, under the same title; checked.

    Raises
    ------
    UsageError
    """
    try:
        policy_of(table.model_copy(update={option: value}))
        given = {"name": table.name, "label": table.title, **table.options, option: value}
        made = PolicyTable.model_validate(given)
    except (ValidationError, UsageError) as error:
        raise UsageError(f"policy.{table.title}.{option}: with {value!r}: {error}") from None
    return made if table.source is None else made.with_source(table.source)


def with_options(
    tables: list[PolicyTable], options: Mapping[tuple[str, str], Any]
) -> tuple[PolicyTable, ...]:
    """Policies with options of a point.

    Raises
    ------
    ScenarioError
        With every option that cannot be given.
    """
    problems = []
    for (title, option), value in options.items():
        titles = [table.title for table in tables]
        if title not in titles:
            there = ", ".join(titles)
            problems.append(f"policy.{title}.{option}: no policy has this title; there are {there}")
            continue
        try:
            tables = [with_option(t, option, value) if t.title == title else t for t in tables]
        except UsageError as error:
            problems.append(str(error))
    if problems:
        raise ScenarioError(problems)
    return tuple(tables)


def flat(tables: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Values of nested tables by their dotted keys."""
    found: dict[str, Any] = {}
    for key, value in tables.items():
        inner = isinstance(value, Mapping)
        found |= flat(value, f"{above}{key}.") if inner else {f"{above}{key}": value}
    return found


def split_keys(changes: Mapping[str, Any]) -> dict[Key, Any]:
    """Changes by the parts of their keys, as ``load`` takes them."""
    return {split_key(key): value for key, value in changes.items()}


def bracketed(key: str) -> str:
    """A dotted key as messages have it: ``policy[0].level``."""
    parts = split_key(key)
    text = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in parts)
    return text.removeprefix(".")
