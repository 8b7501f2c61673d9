"""Find policies by entry points; ours enter by the same door as everybody's."""

from __future__ import annotations

import difflib
import warnings
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from pydantic import ValidationError

from qnetsim.errors import UsageError
from qnetsim.policies.base import Policy, PolicyOptions, guarded

GROUP = "qnetsim.policies"


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
    wrong = None
    if not (isinstance(policy, type) and issubclass(policy, Policy)):
        wrong = "is not a subclass of qnetsim.policies.Policy"
    elif not (isinstance(policy.Options, type) and issubclass(policy.Options, PolicyOptions)):
        wrong = "has Options that are not a subclass of qnetsim.policies.PolicyOptions"
    elif not isinstance(policy.sees_future, bool):
        wrong = f"has sees_future = {policy.sees_future!r}; it must be True or False"
    if wrong:
        raise UsageError(f"policy {name!r}: {entry.value} {wrong}; repair its package")
    return cast(type[Policy], policy)


def policy_options(name: str) -> type[PolicyOptions]:
    """Options model of a policy, for checking scenario files.

    Raises
    ------
    KeyError
        With a text, where the policy cannot be had.
    """
    try:
        return load_policy(name).Options
    except UsageError as error:
        raise KeyError(str(error)) from None


def make_policy(name: str, options: dict[str, object]) -> Policy:
    """Create a policy with these options.

    Raises
    ------
    UsageError
        Unknown policy, or options that its model refuses.
    """
    policy = load_policy(name)
    try:
        checked = policy.Options.model_validate(options)
    except ValidationError as error:
        texts = [_said(d["loc"], d["msg"]) for d in error.errors()]
        names = policy.Options.model_fields
        how = f"; give {name}:{next(iter(names))}=VALUE" if names else ""
        raise UsageError(
            f"policy {name!r}: {'; '.join(texts)}; allowed options: "
            f"{', '.join(names) or 'none'}{how}"
        ) from None
    with guarded(name, "__init__"):
        return policy(checked)


def _said(place: tuple[int | str, ...], message: str) -> str:
    """Text of an error of an option, or of the options together."""
    text = message.lower().removeprefix("value error, ")
    return ": ".join(filter(None, [".".join(map(str, place)), text]))
