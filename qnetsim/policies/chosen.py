"""Policies as users give them: a name, a table, a class or an object."""

from __future__ import annotations

import copy
import os
import pickle
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import ValidationError

from qnetsim.arguments import refuse_unless
from qnetsim.errors import UsageError, argument
from qnetsim.input_files import note_input
from qnetsim.policies.base import Policy, guarded
from qnetsim.policies.registry import available, fault_of_class, policy_of, with_source
from qnetsim.policies.user_code import split_reference
from qnetsim.scenario import PolicyTable
from qnetsim.scenario.labels import unportable
from qnetsim.scenario.tables.portable import without_folders

#: What counts as a policy in every call that takes one.
PolicyLike: TypeAlias = "str | PolicyTable | type[Policy] | Policy"
#: Several of them, or several by their titles.
PoliciesLike: TypeAlias = (
    "Sequence[str | PolicyTable | type[Policy] | Policy | ChosenPolicy] | "
    "Mapping[str, str | PolicyTable | type[Policy] | Policy]"
)
ALLOWED = "give a name, a PolicyTable, a class of policies or an object of one"
FORM = "write NAME or NAME:key=value,key=value; NAME may be FILE.py:Class or module:Class"
LISTS = "an option that is a list stands in [[policy]] of a scenario; here write no [ ]"
#: Characters of a label.
LONGEST_LABEL = 64


@dataclass(frozen=True)
class ChosenPolicy:
    """A policy that was asked for, and what makes it.

    Attributes
    ----------
    table : PolicyTable
        What stands in tables and traces.
    prototype : Policy, type of Policy or None
        Object or class of the caller's own; None where the table says how to make it.
    """

    table: PolicyTable
    prototype: Policy | type[Policy] | None = None

    @property
    def title(self) -> str:
        """Name in tables and files."""
        return self.table.title

    def fresh(self) -> Policy:
        """A policy for one run; a caller's object is copied, and stays as it is."""
        if isinstance(self.prototype, Policy):
            with guarded(self.title, "deepcopy"):
                return copy.deepcopy(self.prototype)
        if self.prototype is not None:
            with guarded(self.title, "__init__"):
                return self.prototype()
        return policy_of(self.table)

    def once(self) -> Policy:
        """The policy for the only run: the caller's own object, where that is what was given."""
        return self.prototype if isinstance(self.prototype, Policy) else self.fresh()

    def alone(self) -> ChosenPolicy:
        """Copy that shares no object with the caller."""
        owned = isinstance(self.prototype, Policy)
        return replace(self, prototype=self.fresh()) if owned else self


def choose(
    policy: PolicyLike | ChosenPolicy,
    listed: Iterable[PolicyTable] = (),
    title: str | None = None,
) -> ChosenPolicy:
    """Take a policy in any form.

    Parameters
    ----------
    policy : str, PolicyTable, type of Policy, Policy or ChosenPolicy
        As text ``NAME`` or ``NAME:key=value,…``, where NAME is registered, ``FILE.py:Class`` or
        ``module:Class``; a class, which is made without options; or an object.
    listed : iterable of PolicyTable
        Those of the scenario: a name that is the title of one of them means that one.
    title : str, optional
        Name of a class or an object in tables and traces; that of the class unless given.

    Raises
    ------
    UsageError
        It is none of these, unknown, or has options that are not allowed.
    """
    if isinstance(policy, ChosenPolicy):
        return policy
    if isinstance(policy, str):
        return ChosenPolicy(_labelled(policy_table(policy, listed), title))
    if isinstance(policy, PolicyTable):
        # a table may come from a trace: its name alone imports nothing
        return ChosenPolicy(_labelled(policy, title))
    kind = policy if isinstance(policy, type) else type(policy)
    if wrong := fault_of_class(kind):
        raise UsageError(f"{argument('policy')}: {_refused(policy, wrong)}; {ALLOWED}")
    note_input(Path(getattr(sys.modules.get(kind.__module__), "__file__", None) or ""))
    return ChosenPolicy(_labelled(PolicyTable(name=kind.__name__), title), policy)


def _refused(policy: object, wrong: str) -> str:
    """Why an object is no policy, and what was probably meant."""
    if isinstance(policy, type):
        return f"class {policy.__name__} {wrong}"
    if policy is None:
        return "is None"
    if isinstance(policy, os.PathLike):
        return f"is a path; a file of your own is given as text, '{os.fspath(policy)}:Class'"
    if callable(policy):
        name = getattr(policy, "__name__", type(policy).__name__)
        return f"{name} is a function; a policy is a class with a method decide"
    return f"{policy!r}"[:60] + f" is of type {type(policy).__name__}"


def _labelled(table: PolicyTable, title: str | None) -> PolicyTable:
    """Table under another title, where one is given.

    Raises
    ------
    UsageError
        It is none that a file can have.
    """
    if title is None or title == table.title:
        return table
    refuse_unless(isinstance(title, str), "title", "text", title)
    reason = unportable(title)
    try:
        PolicyTable.model_validate({"name": table.name, "label": title})
    except ValidationError:
        most = f"at most {LONGEST_LABEL} letters, digits, '.', '_' and '-'"
        reason = f"is not {most} after a letter or digit"
    if reason:
        raise UsageError(f"title {title!r} {reason}; give another one")
    return table.model_copy(update={"label": title})


def choose_all(
    policies: PolicyLike | PoliciesLike, listed: Iterable[PolicyTable] = ()
) -> tuple[ChosenPolicy, ...]:
    """Take several policies in any form, or one; a mapping gives each its title.

    Raises
    ------
    UsageError
    """
    listed = tuple(listed)
    if isinstance(policies, str | PolicyTable | Policy | type):
        return (choose(policies, listed),)
    if isinstance(policies, Mapping):
        return tuple(choose(one, listed, title) for title, one in policies.items())
    if not isinstance(policies, Iterable):
        raise UsageError(f"policies: {_refused(policies, '')}; {ALLOWED}, or several of them")
    return tuple(choose(policy, listed) for policy in policies)


def refuse_unpicklable(policy: ChosenPolicy) -> None:
    """Refuse a caller's own class or object that other processes cannot have.

    Raises
    ------
    UsageError
        Saying why, and what to do.
    """
    if policy.prototype is None:
        return
    kind = policy.prototype if isinstance(policy.prototype, type) else type(policy.prototype)
    alone = argument("workers", "1")
    main = sys.modules.get("__main__")
    program = Path(getattr(main, "__file__", None) or "")
    if kind.__module__ == "__main__" and not program.is_file():
        raise UsageError(
            f"policy {policy.title!r} is defined in this session, which other processes cannot "
            f"import; write the class to a file and import it, or give {alone}"
        )
    try:
        pickle.dumps(policy)
    except Exception as error:  # noqa: BLE001 - whatever the user's own objects raise
        raise UsageError(
            f"policy {policy.title!r} cannot be sent to other processes: {error}; define the class "
            f"at the top of a module, give it nothing that cannot be pickled, or give {alone}"
        ) from None


def policy_table(
    text: str, listed: Iterable[PolicyTable] = (), folder: Path | None = None
) -> PolicyTable:
    """Read a policy as text.

    ``NAME`` takes the listed table of that title where there is one, else the policy's defaults.
    ``NAME:key=value,…`` gives options, numbers read as numbers. They make its label, which is cut
    where it is too long. A file of the user's own is looked for in a folder, the current one unless
    given.

    Raises
    ------
    UsageError
        Unknown policy or option, or a malformed text.
    """
    name, rest = split_reference(text)
    if not name or name.partition(":")[0] in available():
        name, colon, rest = text.partition(":")
        if colon and not rest.strip() and not name.endswith(".py"):
            raise _malformed(text, f"options are missing after the colon; {FORM}")
    if not rest:
        for table in listed:
            if table.title == text:
                return table
    given = _given_options(text, rest)
    label = given.pop("label", None)
    options = {key: _value(value) for key, value in given.items()}
    found = with_source(PolicyTable(name=name), folder)
    if label is None and given:
        parts = [found.title, *(key + without_folders(value) for key, value in given.items())]
        label = re.sub(r"[^A-Za-z0-9._-]", "_", "-".join(parts))[:LONGEST_LABEL]
    policy_of(found.model_copy(update=options))
    reason = label and unportable(label)
    if reason:
        raise _malformed(text, f"the label {label!r} {reason}; give another label=")
    try:
        table = PolicyTable.model_validate({"name": found.name, "label": label, **options})
    except ValidationError:
        raise _malformed(
            text,
            f"the label {label!r} is not allowed; give label= with at most {LONGEST_LABEL} "
            "letters, digits, '.', '_' and '-', starting with a letter or digit",
        ) from None
    return table if found.source is None else table.with_source(found.source)


def _given_options(text: str, rest: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for item in filter(None, rest.split(",")):
        key, equals, value = (part.strip() for part in item.partition("="))
        if not equals or not key:
            raise _malformed(text, LISTS if "[" in rest else FORM)
        if key in given:
            raise _malformed(text, f"{key} is given twice")
        given[key] = value
    return given


def _malformed(text: str, what: str) -> UsageError:
    return UsageError(f"{argument('policy', repr(text))}: {what}")


def _value(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text, text)
