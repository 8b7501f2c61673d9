"""Check the tables of a scenario, wherever they come from; collect every error before giving up."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from qnetsim.errors import ScenarioError, UsageError
from qnetsim.plain_text import counted
from qnetsim.scenario.checks import cross_checks
from qnetsim.scenario.labels import colliding, policy_title, unportable
from qnetsim.scenario.lines import Key, Problem

#: Given a policy's name, returns the model of its options. Raises ``KeyError`` with a text for
#: a name that is not registered. The registry is a layer above, so it is passed in.
OptionsModelOf = Callable[[str], type[BaseModel]]


Whole = TypeVar("Whole", bound=BaseModel)


@dataclass(frozen=True)
class Given:
    """The tables of a scenario as they were given, and where each key of them stands.

    Attributes
    ----------
    data : dict
        In the forms of TOML.
    source : str
        Stands ahead of every problem; empty where there is no file.
    lines : mapping from key to int
        Lines of the file; empty where there is none.
    changes : mapping from key to value
        Values that take the place of those in ``data``.
    """

    data: dict[str, Any]
    source: str = ""
    lines: Mapping[Key, int] = field(default_factory=dict)
    changes: Mapping[Key, Any] = field(default_factory=dict)

    def place(self, key: Key) -> tuple[int, str]:
        """Where a key stands: its line, or the value that took the place of the file's."""
        for changed, value in self.changes.items():
            if changed[: len(key)] == key or key[: len(changed)] == changed:
                return 0, f" with {dotted(changed)} = {_shorten(value)}"
        if not self.source:
            return 0, ""
        line = line_of(key, self.lines)
        return line, f":{line}"

    def told(self, problems: Iterable[Problem]) -> list[str]:
        """Problems as lines of text, in the order of their places; unknown keys go first."""
        placed = [(*self.place(key), dotted(key), what) for key, what in _causes(problems)]
        return [
            ": ".join(filter(None, [f"{self.source}{where}".strip(), key, what]))
            for _, where, key, what in sorted(dict.fromkeys(placed), key=_order)
        ]


#: How a problem begins that is often the cause of others: what was meant is missing then.
UNKNOWN = "unknown key; "
#: How those begin that it may cause.
ABSENT = ("missing; ", "neither ")


def _order(placed: tuple[int, str, str, str]) -> tuple[int, bool, str, str, str]:
    line, where, key, what = placed
    return line, not what.startswith(UNKNOWN), where, key, what


def _causes(problems: Iterable[Problem]) -> list[Problem]:
    """Problems without those that are there only because a key is misspelt."""
    found = list(problems)
    meant = {
        name
        for key, what in found
        if what.startswith(UNKNOWN)
        for name in (_quoted(what), *(key[:1] if len(key) > 1 else ()))
    }
    return [
        (key, what)
        for key, what in found
        if not (what.startswith(ABSENT) and meant & {key[0] if key else None, key[-1:] and key[-1]})
    ]


def _quoted(what: str) -> str:
    """The table that was probably meant, in a message about an unknown key; empty for none."""
    return what.split("'")[1].partition(".")[0] if "'" in what else ""


def checked_tables(
    model: type[Whole], given: Given, policy_options: OptionsModelOf | None = None
) -> Whole:
    """Check the tables of a scenario, and all of them together.

    Raises
    ------
    ScenarioError
        With every problem.
    UsageError
        A changed key leads nowhere.
    """
    data = given.data
    for key, value in given.changes.items():
        _set(data, key, value)
    found: list[Problem] = []
    scenario: Whole | None = None
    try:
        scenario = model.model_validate(data)
    except ValidationError as error:
        found += model_problems(error, model)
    found += [*cross_checks(data), *_policy_checks(data, policy_options)]
    if found or scenario is None:
        raise ScenarioError(given.told(found))
    return scenario


def _set(data: dict[str, Any], key: Key, value: Any) -> None:
    """Give a key of a file's tables another value; tables that are not there are made.

    Raises
    ------
    UsageError
        The key leads through something else than tables.
    """
    table: Any = data
    for i, part in enumerate(key):
        last = i == len(key) - 1
        if isinstance(part, int):
            if not isinstance(table, list) or part >= len(table):
                count = (
                    f"has {counted(len(table), 'entry', 'entries')}"
                    if isinstance(table, list)
                    else "is no list"
                )
                raise UsageError(f"{dotted(key)}: {dotted(key[:i])} {count}")
        elif not isinstance(table, dict):
            listed = isinstance(table, list)
            kind = "a list: give the place of a table in it, from 0" if listed else "no table"
            raise UsageError(f"{dotted(key)}: {dotted(key[:i])} is {kind}")
        if last:
            table[part] = value
        else:
            table = table[part] if isinstance(part, int) else table.setdefault(part, {})


def integers_only(model: type[BaseModel], key: Key) -> bool:
    """Whether a key of a model takes integers only; False where there is no such key."""
    owner = _model_at(model, key[:-1])
    found = owner.model_fields.get(str(key[-1])) if owner else None
    kinds = set() if found is None else {found.annotation, *get_args(found.annotation)}
    return int in kinds and float not in kinds


def line_of(key: Key, lines: Mapping[Key, int]) -> int:
    """Line of the key, or of the innermost table around it."""
    while key and key not in lines:
        key = key[:-1]
    return lines.get(key, 1)


def dotted(key: Key) -> str:
    """Key as it stands in messages: ``demand.pairs[3]``."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "file"


def model_problems(error: ValidationError, model: type[BaseModel]) -> Iterator[Problem]:
    """Keys that pydantic refuses, each with what is wrong and what is allowed."""
    details: dict[Key, ErrorDetails] = {}
    for detail in error.errors():
        location = _without_tags(detail["loc"])
        details.setdefault(location, detail)
    tables = {location[:end] for location in details for end in range(len(location))}
    for location, detail in details.items():
        # a union reports every branch: the one that got furthest says most
        if location not in tables:
            yield location, _explain(detail, model, location)


def _without_tags(location: Key) -> Key:
    """Drop the names of a union's branches, which pydantic adds."""
    if location[:2] not in {
        ("demand", "pairs"),
        ("jobs", "nodes"),
        ("network", "fibre_spans"),
        ("network", "rate_table"),
    }:
        return location
    return (*location[:2], *(part for part in location[2:] if isinstance(part, int)))


#: Pydantic's words for types, in the words of TOML.
PLAIN = {
    "tuple_type": "should be a list",
    "too_short": "has too few entries",
    "too_long": "has too many entries",
    "model_type": "should be a table",
    "model_attributes_type": "should be a table",
    "string_type": "should be text",
    "string_pattern_mismatch": "is not of the form that is allowed",
}


def _explain(detail: ErrorDetails, model: type[BaseModel], location: Key) -> str:
    kind = detail["type"]
    if kind == "extra_forbidden":
        owner = _model_at(model, location[:-1])
        names = sorted(owner.model_fields) if owner else []
        close = difflib.get_close_matches(str(location[-1]), names, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        if len(location) == 1 and (homes := _tables_with(model, str(location[0]))):
            hint = f"did you mean {' or '.join(map(repr, homes))}? "
        return f"{UNKNOWN}{hint}allowed: {', '.join(names) or 'none'}"
    allowed = _allowed_at(model, location)
    if kind == "missing":
        return f"missing; give {allowed}"
    message = PLAIN.get(kind, detail["msg"].removeprefix("Value error, "))
    message = message[0].lower() + message[1:]
    return f"{message} (got {_shorten(detail['input'])}); allowed: {allowed}"


def _tables_with(model: type[BaseModel], key: str) -> list[str]:
    """Keys of this name in the tables of a scenario, dotted."""
    tables = {name: _inner_model(field.annotation) for name, field in model.model_fields.items()}
    return [
        f"{name}.{key}" for name, table in tables.items() if table and key in table.model_fields
    ]


def _shorten(value: object) -> str:
    try:
        text = repr(value)
    except ValueError:  # an integer of thousands of digits
        return "a number of thousands of digits"
    return text if len(text) <= 60 else text[:57] + "..."


def _model_at(model: type[BaseModel], location: Key) -> type[BaseModel] | None:
    """Walk down a model along a key; None where the key leaves the models."""
    current: type[BaseModel] | None = model
    for part in location:
        if isinstance(part, int):
            continue
        if current is None or part not in current.model_fields:
            return None
        current = _inner_model(current.model_fields[part].annotation)
    return current


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        inner = _inner_model(argument)
        if inner is not None:
            return inner
    return None


def _allowed_at(model: type[BaseModel], location: Key) -> str:
    """What the innermost documented field of the location allows."""
    for end in range(len(location), 0, -1):
        owner = _model_at(model, location[: end - 1])
        part = location[end - 1]
        if owner is not None and part in owner.model_fields:
            field = owner.model_fields[str(part)]
            extra = field.json_schema_extra
            if isinstance(extra, dict) and "allowed" in extra:
                return str(extra["allowed"])
            return field.description or "see `qnetsim scenario schema`"
    return "see `qnetsim scenario schema`"


def _policy_checks(
    data: Mapping[str, Any], policy_options: OptionsModelOf | None
) -> Iterator[Problem]:
    tables = data.get("policy", [])
    if not isinstance(tables, list):
        return
    titles: dict[str, int] = {}
    for i, table in enumerate(tables):
        if not isinstance(table, dict) or not isinstance(table.get("name"), str):
            continue
        title = policy_title(table["name"], str(table.get("label") or "") or None)
        if title in titles:
            yield (
                ("policy", i),
                f"{title!r} is already policy[{titles[title]}]; "
                "give each use of a policy its own label",
            )
        elif reason := unportable(title):
            yield ("policy", i), f"label {title!r} {reason}; give another label"
        elif clash := colliding([*titles, title]):
            yield (
                ("policy", i),
                f"{title!r} and {clash[0]!r} name one file where case does not count; "
                "give another label",
            )
        titles.setdefault(title, i)
        if policy_options is not None:
            yield from _option_checks(table, ("policy", i), policy_options)


def _option_checks(
    table: Mapping[str, Any], prefix: Key, policy_options: OptionsModelOf
) -> Iterator[Problem]:
    try:
        model = policy_options(table["name"])
    except KeyError as error:
        yield (*prefix, "name"), str(error.args[0])
        return
    options = {key: value for key, value in table.items() if key not in {"name", "label"}}
    try:
        model.model_validate(options)
    except ValidationError as error:
        for detail in error.errors():
            yield (*prefix, *detail["loc"]), _explain(detail, model, tuple(detail["loc"]))
