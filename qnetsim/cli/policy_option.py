"""Policies as the command line gives them."""

from __future__ import annotations

import re
from typing import Any

from pydantic import ValidationError

from qnetsim.errors import UsageError
from qnetsim.policies.registry import make_policy
from qnetsim.scenario import PolicyTable, Scenario
from qnetsim.scenario.labels import unportable
from qnetsim.scenario.tables.portable import without_folders

FORM = "write NAME or NAME:key=value,key=value"


def policy_table(text: str, scenario: Scenario) -> PolicyTable:
    """Read a policy as the command line gives it.

    ``NAME`` takes the scenario's table of that title where there is one, else the policy's
    defaults. ``NAME:key=value,…`` gives options, numbers read as numbers.

    Raises
    ------
    UsageError
        Unknown policy or option, or a malformed text.
    """
    name, colon, rest = text.partition(":")
    if colon and not rest.strip():
        raise UsageError(f"--policy {text!r}: options are missing after the colon; {FORM}")
    if not rest:
        for table in scenario.policy:
            if table.title == name:
                return table
    given: dict[str, str] = {}
    for item in filter(None, rest.split(",")):
        key, equals, value = (part.strip() for part in item.partition("="))
        if not equals or not key:
            raise UsageError(f"--policy {text!r}: {FORM}")
        if key in given:
            raise UsageError(f"--policy {text!r}: {key} is given twice")
        given[key] = value
    label = given.pop("label", None)
    options = {key: _value(value) for key, value in given.items()}
    if label is None and given:
        shown = "-".join([name, *(key + without_folders(value) for key, value in given.items())])
        label = re.sub(r"[^A-Za-z0-9._-]", "_", shown)
    make_policy(name, options)
    reason = label and unportable(label)
    if reason:
        raise UsageError(f"--policy {text!r}: the label {label!r} {reason}; give another label=")
    try:
        return PolicyTable.model_validate({"name": name, "label": label, **options})
    except ValidationError:
        raise UsageError(
            f"--policy {text!r}: the label {label!r} is not allowed; give label= with at most 64 "
            "letters, digits, '.', '_' and '-', starting with a letter or digit"
        ) from None


def _value(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text, text)
