"""What the provenance of a plan file must hold: each wrong value gets its own error.

Errors begin with the field, by its dotted name.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from qnetsim.fibre_loss import LOSSES
from qnetsim.vocabulary import PlanStatus

#: Most that an integer in the provenance can be.
MOST_COUNT = 2**63 - 1
#: How deep tables may lie in each other.
DEEPEST = 16


class Claim(NamedTuple):
    """What one value of the provenance must be.

    Attributes
    ----------
    kind : type or tuple of types
        As JSON gives it.
    what : str
        The same in words.
    """

    kind: type | tuple[type, ...]
    what: str


TEXT = Claim(str, "text")
TABLE = Claim(dict, "a table")
NUMBER = Claim((int, float), "a number")
MAYBE_NUMBER = Claim((int, float, type(None)), "a number or null")
COUNT = Claim(int, "an integer >= 0")
PRICES = Claim(list, "a list of prices")
#: Parts of the provenance and what they must hold; those of ``OPTIONAL`` may be missing.
PARTS: dict[str, dict[str, Claim]] = {
    "provenance": {
        **dict.fromkeys(("software", "environment", "scenario", "policy", "plan"), TABLE),
        LOSSES: Claim(list, "a list of losses"),
        "fibre_names": Claim(list, "a list of names"),
    },
    "provenance.software": {"name": TEXT, "version": TEXT, "packages": TABLE},
    "provenance.environment": dict.fromkeys(
        ("python", "implementation", "system", "machine"), TEXT
    ),
    "provenance.policy": {"name": TEXT, "title": TEXT, "options": TABLE},
    "provenance.plan": {
        "objective": NUMBER,
        "bound": MAYBE_NUMBER,
        "gap": MAYBE_NUMBER,
        "status": TEXT,
        "solver": TEXT,
        "note": TEXT,
        "solve_s": NUMBER,
        "first_stage_cost": NUMBER,
        "second_stage_cost": NUMBER,
        "blocked": NUMBER,
        "blocking_cost": NUMBER,
        "uncoloured": Claim(list, "a list of levels"),
        **dict.fromkeys(("variables", "rows", "nodes", "rounds"), COUNT),
        "gap_interval": Claim((dict, type(None)), "a table or null"),
        "estimate": Claim((dict, type(None)), "a table or null"),
        "wavelength_prices": TABLE,
        "risk": TABLE,
        **dict.fromkeys(("expected_cost", "cvar", "risk_objective"), NUMBER),
    },
    "provenance.plan.gap_interval": {
        **dict.fromkeys(("high", "whole_high", "confidence"), NUMBER),
        **dict.fromkeys(("realisations", "samples"), COUNT),
    },
    "provenance.plan.estimate": dict.fromkeys(("bound", "confidence"), NUMBER),
    "provenance.plan.wavelength_prices": dict.fromkeys(("qkd", "km"), PRICES),
    "provenance.plan.risk": dict.fromkeys(("cvar", "weight"), NUMBER),
}
#: Parts that need not be there: they came later, or there is nothing to say.
RISK = ("risk", "expected_cost", "cvar", "risk_objective")
LATER = ("uncoloured", "estimate", "wavelength_prices", *RISK)
OPTIONAL = frozenset(
    {
        "provenance.fibre_names",
        f"provenance.{LOSSES}",
        *(f"provenance.plan.{key}" for key in LATER),
    }
)
#: Numbers that are not below zero.
NOT_NEGATIVE = frozenset(
    {"solve_s", "blocked", "variables", "rows", "nodes", "rounds", "realisations", "samples"}
)


def stored_provenance(text: object) -> dict[str, Any]:
    """Provenance of a plan file, every value of it of its type.

    Raises
    ------
    ValueError
        Beginning with the field that is wrong.
    """
    if not isinstance(text, str):
        raise ValueError(f"provenance is {type(text).__name__}, not text")
    try:
        found = json.loads(text, object_pairs_hook=_without_repeats, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("provenance: tables lie too deep in each other") from None
    except ValueError as error:
        raise ValueError(f"provenance: {error}") from None
    for name, value in _walk("provenance", found):
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{name} is {value}, not a finite number")
        if isinstance(value, int) and abs(value) > MOST_COUNT:
            raise ValueError(f"{name} is an integer of {value.bit_length()} bits")
    for where, claims in PARTS.items():
        part = _part(found, where)
        if part is not None or where == "provenance":
            _check_part(where, part, claims)
    _check_words(found)
    return dict(found)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse keys that stand twice: readers differ in which of them they take."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice")
    return found


def _no_constant(name: str) -> object:
    raise ValueError(f"holds {name}, which is no number")


def _walk(where: str, value: Any, depth: int = 0) -> Iterator[tuple[str, object]]:
    """Every value below one, with its dotted name."""
    yield where, value
    if depth > DEEPEST:
        raise ValueError(f"{where}: tables lie too deep in each other")
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from _walk(f"{where}.{key}", entry, depth + 1)
    elif isinstance(value, list):
        for number, entry in enumerate(value):
            yield from _walk(f"{where}[{number}]", entry, depth + 1)


def _part(found: Any, where: str) -> Any:
    for name in where.split(".")[1:]:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _check_part(where: str, part: Any, claims: Mapping[str, Claim]) -> None:
    if not isinstance(part, dict):
        raise ValueError(f"{where} is {type(part).__name__}, not a table")
    for key in part:
        if key not in claims:
            raise ValueError(f"{where}.{key} is not a part of the format")
    for key, claim in claims.items():
        name = f"{where}.{key}"
        if key not in part:
            if name in OPTIONAL:
                continue
            raise ValueError(f"{name} is missing")
        value = part[key]
        # true is an integer to Python, but no number of ours
        if not isinstance(value, claim.kind) or isinstance(value, bool):
            raise ValueError(f"{name} is {_short(value)}, not {claim.what}")
        if key in NOT_NEGATIVE and part[key] < 0:
            raise ValueError(f"{name} is {value}, and cannot be negative")


def _check_words(found: Mapping[str, Any]) -> None:
    plan = found["plan"]
    if plan["status"] not in set(PlanStatus):
        allowed = ", ".join(PlanStatus)
        raise ValueError(f"provenance.plan.status is {_short(plan['status'])}; allowed: {allowed}")
    if (plan["bound"] is None) != (plan["gap"] is None):
        raise ValueError("provenance.plan.gap goes with a bound: give both or none")
    lacks = [key for key in RISK if key not in plan]
    if lacks and len(lacks) < len(RISK):
        raise ValueError(f"provenance.plan.{lacks[0]} is missing; it goes with the risk objective")
    if found["software"]["name"] != "qnetsim":
        raise ValueError(f"provenance.software.name is {_short(found['software']['name'])}")
    for level in plan.get("uncoloured", []):
        if isinstance(level, bool) or not isinstance(level, int) or level < 0:
            raise ValueError(f"provenance.plan.uncoloured holds {_short(level)}, not a level")
    for kind, prices in plan.get("wavelength_prices", {}).items():
        for price in prices:
            if isinstance(price, bool) or not isinstance(price, int | float) or price < 0:
                where = f"provenance.plan.wavelength_prices.{kind}"
                raise ValueError(f"{where} holds {_short(price)}, not a price")
    for name, version in found["software"]["packages"].items():
        if not isinstance(version, str | None):
            raise ValueError(
                f"provenance.software.packages.{name} is {_short(version)}, not a version"
            )
    for key in ("name", "label"):
        if key in found["policy"]["options"]:
            raise ValueError(f"provenance.policy.options.{key} is not an option of a policy")
    for table in ("network", "demand", "cost", "run"):
        if not isinstance(found["scenario"].get(table), dict):
            raise ValueError(f"provenance.scenario.{table} is missing or no table")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:40] + " …"
