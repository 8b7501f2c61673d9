"""Find policies by entry points, ours by the same door as everybody's, or where a user says."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import cast

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from qnetsim.errors import UsageError, argument
from qnetsim.policies.base import Policy, PolicyOptions, guarded
from qnetsim.policies.user_code import (
    class_is_missing,
    find_source,
    is_reference,
    load_source,
    shown,
)
from qnetsim.scenario import PolicyTable
from qnetsim.scenario.tables.scenario import PolicySource

GROUP = "qnetsim.policies"
NO_LIST = "is a list, which stands in [[policy]] of a scenario"


@cache
def available() -> dict[str, EntryPoint]:
    """Entry points of all installed policies by name, sorted.

    Where two packages register one name, the one of qnetsim itself is kept, else the first;
    a warning says so.
    """
    found: dict[str, EntryPoint] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda e: (e.name, not _is_ours(e))):
        if entry.name in found and found[entry.name].value != entry.value:
            warnings.warn(
                f"policy {entry.name!r} is registered as {found[entry.name].value} and as "
                f"{entry.value}; the first is used",
                stacklevel=2,
            )
        found.setdefault(entry.name, entry)
    return found


def _is_ours(entry: EntryPoint) -> bool:
    return entry.value.startswith("qnetsim.")


@cache
def load_policy(name: str) -> type[Policy]:
    """Import the policy of this name.

    Raises
    ------
    UsageError
        No such policy, or its package cannot be imported or gives no policy class.
    """
    entry = available().get(name)
    if entry is None and is_reference(name):
        raise UsageError(
            f"policy {name!r} is code of a user's own, which is imported only where it is given: "
            f"{argument('policy', name)}"
        )
    if entry is None and name.endswith(".py"):
        raise UsageError(f"policy {name!r} {class_is_missing(name)}")
    if entry is None:
        close = difflib.get_close_matches(name, available(), n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise UsageError(f"unknown policy {name!r}; {hint}allowed: {', '.join(available())}")
    try:
        policy = entry.load()
    except Exception as error:
        raise UsageError(
            f"policy {name!r} ({entry.value}) cannot be imported: "
            f"{type(error).__name__}: {error}; repair or uninstall its package"
        ) from error
    if wrong := fault_of_class(policy):
        raise UsageError(f"policy {name!r}: {entry.value} {wrong}; repair its package")
    return cast(type[Policy], policy)


def fault_of_class(found: object) -> str | None:
    """Why an object is no class of policies, in words; None for one that is."""
    if not (isinstance(found, type) and issubclass(found, Policy)):
        return "is not a subclass of qnetsim.policies.Policy"
    if not (isinstance(found.Options, type) and issubclass(found.Options, PolicyOptions)):
        return "has Options that are not a subclass of qnetsim.policies.PolicyOptions"
    if not isinstance(found.sees_future, bool):
        return f"has sees_future = {found.sees_future!r}; it must be True or False"
    return None


def class_of(source: PolicySource) -> type[Policy]:
    """Import the class that a user wrote.

    Raises
    ------
    UsageError
        It cannot be imported, or is no policy.
    """
    found = load_source(source)
    if wrong := fault_of_class(found):
        raise UsageError(f"{shown(source)}: {source.class_name} {wrong}")
    return cast(type[Policy], found)


def with_source(table: PolicyTable, folder: Path | None = None) -> PolicyTable:
    """Table of a policy that the user named, with its code where it is their own.

    Parameters
    ----------
    table : PolicyTable
    folder : Path, optional
        Where its file is looked for; the current one unless given.
    """
    if table.source is not None or table.name in available() or not is_reference(table.name):
        return table
    return table.with_source(find_source(table.name, folder))


def policy_options(name: str, folder: Path | None = None) -> type[PolicyOptions]:
    """Options model of a policy, for checking scenario files.

    Parameters
    ----------
    name : str
        Of a registered policy, or where a class of the user's own is.
    folder : Path, optional
        Where a file of the user's own is looked for.

    Raises
    ------
    KeyError
        With a text, where the policy cannot be had.
    """
    try:
        if name not in available() and is_reference(name):
            return class_of(find_source(name, folder)).Options
        return load_policy(name).Options
    except UsageError as error:
        raise KeyError(str(error)) from None


def make_policy(name: str, options: dict[str, object]) -> Policy:
    """Create a registered policy with these options.

    Raises
    ------
    UsageError
        Unknown policy, or options that its model refuses.
    """
    return _made(load_policy(name), name, options)


def policy_of(table: PolicyTable) -> Policy:
    """Create the policy of a table: a registered one, or one whose code a user has named.

    Raises
    ------
    UsageError
        As :func:`make_policy`; the code of the user's own cannot be imported.
    """
    if table.source is None:
        return make_policy(table.name, table.options)
    return _made(class_of(table.source), table.name, table.options)


def _made(policy: type[Policy], name: str, options: dict[str, object]) -> Policy:
    try:
        checked = policy.Options.model_validate(options)
    except ValidationError as error:
        known = policy.Options.model_fields
        texts = [_said(d, known) for d in error.errors()]
        how = _how(name, [str(d["loc"][0]) for d in error.errors() if d["loc"]], known)
        raise UsageError(
            f"policy {name!r}: {'; '.join(dict.fromkeys(texts))}; allowed options: "
            f"{', '.join(known) or 'none'}{how}"
        ) from None
    with guarded(name, "__init__"):
        return policy(checked)


def _allowed(option: FieldInfo) -> str:
    """What an option may be, in words; empty where it does not say."""
    extra = option.json_schema_extra
    return str(extra.get("allowed", "")) if isinstance(extra, dict) else ""


def _said(problem: ErrorDetails, known: Mapping[str, FieldInfo]) -> str:
    """Text of an error of an option, or of the options together."""
    place, kind = problem["loc"], problem["type"]
    option = known.get(str(place[0])) if place else None
    allowed = _allowed(option) if option else ""
    if kind == "extra_forbidden":
        text = "no such option"
    elif kind == "tuple_type":
        text = f"{NO_LIST}; allowed: {allowed}" if allowed else NO_LIST
    elif allowed:
        given = "must be given; " if kind == "missing" else ""
        place, text = place[:1], f"{given}allowed: {allowed}"
    else:
        text = problem["msg"].lower().removeprefix("value error, ")
    return ": ".join(filter(None, [".".join(map(str, place)), text]))


def _how(name: str, wrong: Sequence[str], known: Mapping[str, FieldInfo]) -> str:
    """How a wrong option is given on the command line, or what may be meant by an unknown one."""
    single = [key for key, option in known.items() if "list" not in _allowed(option)]
    for key in wrong:
        near = [key] if key in known else difflib.get_close_matches(key, single, n=1) or single
        if near and near[0] in single:
            return f"; give {name}:{near[0]}=VALUE"
    return ""
