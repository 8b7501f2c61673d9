"""Rules over the [[request]] tables, and over what couples the levels of requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from qnetsim.plain_text import counted
from qnetsim.scenario.lines import Problem
from qnetsim.scenario.tables.request import LEVEL_KEYS, MAX_REQUESTS

#: Keys of ``[demand]`` that say which requests there are.
SOURCES = ("requests", "pairs", "gravity", "means")


def request_checks(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Rules over the [[request]] tables and the coupling; they look at the raw data."""
    demand = data.get("demand", {})
    if not isinstance(demand, dict):
        return
    given = data.get("request", [])
    tables = [table for table in given if isinstance(table, dict)] if _is_list(given) else []
    yield from _coupling_checks(demand, tables)
    yield from _means_checks(demand, data)
    if not tables or len(tables) < len(given):
        return
    for key in SOURCES:
        if key in demand:
            text = "is given beside [[request]] tables, which take its place; remove one of them"
            yield ("demand", key), text
    for key in ("recording", "regimes"):
        if key in data:
            text = "goes with requests that share their levels; remove it or the [[request]] tables"
            yield (key,), text
    if all(_level_keys(table) for table in tables):
        for key in ("kind", "mean", "probabilities"):
            if key in demand:
                text = "is used by no request: every [[request]] has levels of its own; remove it"
                yield ("demand", key), text
    levels = demand.get("levels", 10)
    for i, table in enumerate(tables):
        yield from _level_checks(table, i, levels)
        if "priority" in table and "priority_shares" in demand:
            text = "is given beside demand.priority_shares, which draw the class; remove one"
            yield ("request", i, "priority"), text
    counts = [table.get("count", 1) for table in tables]
    if all(isinstance(n, int) for n in counts) and sum(counts) > MAX_REQUESTS:
        yield (
            ("request",),
            f"has {counted(sum(counts), 'request')} in all; allowed: {MAX_REQUESTS:,}",
        )


def _means_checks(demand: Mapping[str, Any], data: Mapping[str, Any]) -> Iterator[Problem]:
    """Every request of a gravity model or of a table of means has levels of its own."""
    given = next((key for key in ("gravity", "means") if key in demand), None)
    if given is None:
        return
    for key in ("kind", "mean", "probabilities"):
        if key in demand:
            text = f"is used by no request: demand.{given} has the means; remove it"
            yield ("demand", key), text
    if "regimes" in data:
        text = f"goes with requests that share their levels; remove it or demand.{given}"
        yield ("regimes",), text


def _coupling_checks(
    demand: Mapping[str, Any], tables: Sequence[Mapping[str, Any]]
) -> Iterator[Problem]:
    coupling = demand.get("coupling", "comonotone")
    if coupling == "copula" and "correlation" not in demand:
        text = "'copula' needs the correlation; give demand.correlation = 0 .. 0.9999"
        yield ("demand", "coupling"), text
    if coupling != "copula" and "correlation" in demand:
        yield ("demand", "correlation"), "goes with coupling = 'copula' only; remove it"
    if coupling == "grouped" and not tables and "means" not in demand:
        text = "'grouped' needs [[request]] tables that name a group each"
        yield ("demand", "coupling"), text
    for i, table in enumerate(tables):
        if coupling == "grouped" and "group" not in table:
            text = "has no group, and demand.coupling is 'grouped'; give group = NAME"
            yield ("request", i), text
        if coupling != "grouped" and "group" in table:
            text = f"goes with demand.coupling = 'grouped', which is {coupling!r}; change one"
            yield ("request", i, "group"), text


def _level_checks(table: Mapping[str, Any], i: int, levels: object) -> Iterator[Problem]:
    given = _level_keys(table)
    if len(given) > 1:
        text = f"has {' and '.join(given)}; give one of {', '.join(LEVEL_KEYS)}"
        yield ("request", i, given[1]), text
    if not isinstance(levels, int):
        return
    level = table.get("level")
    if isinstance(level, int) and level >= levels:
        text = f"is {level}; allowed: 0 .. {levels - 1} (raise demand.levels to {level + 1})"
        yield ("request", i, "level"), text
    weights = table.get("probabilities")
    if isinstance(weights, list) and all(isinstance(w, int | float) for w in weights):
        key = ("request", i, "probabilities")
        if not 1 <= len(weights) <= levels:
            yield (
                key,
                f"has {counted(len(weights), 'number')} for {counted(levels, 'level')}; "
                f"give 1 to {levels}",
            )
        if not all(0 <= w < 1e300 for w in weights) or sum(weights) <= 0:
            yield key, "must be finite numbers >= 0 with a positive sum"


def _level_keys(table: Mapping[str, Any]) -> list[str]:
    return [key for key in LEVEL_KEYS if key in table]


def _is_list(value: object) -> bool:
    return isinstance(value, list)
