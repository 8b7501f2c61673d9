"""Read a scenario file; collect every error of the file before giving up."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from qnetsim.errors import ScenarioError, UsageError
from qnetsim.input_files import read_input
from qnetsim.scenario.checks import cross_checks
from qnetsim.scenario.labels import colliding, unportable
from qnetsim.scenario.lines import Key, Problem, key_lines
from qnetsim.scenario.rate_table import read_rate_table
from qnetsim.scenario.tables.scenario import Scenario

#: Longest scenario file that is read.
MOST_SCENARIO_BYTES = 2**24
#: Given a policy's name, returns the model of its options. Raises ``KeyError`` with a text for
#: a name that is not registered. The registry is a layer above, so it is passed in.
OptionsModelOf = Callable[[str], type[BaseModel]]


def load_scenario(
    path: Path | str,
    policy_options: OptionsModelOf | None = None,
    changes: Mapping[Key, Any] | None = None,
) -> Scenario:
    """Read and check a scenario file.

    Parameters
    ----------
    path : path-like
        A TOML file.
    policy_options : callable, optional
        Looks up the options model of a policy; without it options are not checked.
    changes : mapping from key to value, optional
        Values that take the place of those in the file; they are checked like these. A whole
        number in a key is the place of a table in a list.

    Returns
    -------
    Scenario
        With a topology path made absolute relative to the scenario file.

    Raises
    ------
    ScenarioError
        With every problem of the file, each as ``file:line: key: …``.
    """
    path = Path(path)
    scenario = parse_scenario(scenario_text(path), str(path), policy_options, changes)
    places: dict[str, object] = {"topology": located(scenario.network.topology, path)}
    if isinstance(scenario.network.rate_table, str):
        table = path.parent / scenario.network.rate_table
        try:
            places["rate_table"] = read_rate_table(table)
        except ValueError as error:
            raise locate(path, [(("network", "rate_table"), str(error))]) from None
    tables: dict[str, object] = {"network": scenario.network.model_copy(update=places)}
    if scenario.recording is not None:
        place = str((path.parent / scenario.recording.file).resolve())
        tables["recording"] = scenario.recording.model_copy(update={"file": place})
    return scenario.model_copy(update=tables)


def scenario_text(path: Path | str) -> str:
    """Read the text of a scenario file.

    Raises
    ------
    UsageError
        It is not there, no plain file, or too long.
    ScenarioError
        It is not UTF-8.
    """
    raw = read_input(Path(path), "scenario file", MOST_SCENARIO_BYTES)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ScenarioError([f"{path}:{line}: file: is not UTF-8 text ({error.reason})"]) from None


def located(topology: str, scenario: Path) -> str:
    """Resolve the path of a topology against the folder of its scenario; names stay names."""
    if topology.startswith("topohub:") or not Path(topology).suffix:
        return topology
    return str((scenario.parent / topology).resolve())


def parse_scenario(
    text: str,
    source: str = "<scenario>",
    policy_options: OptionsModelOf | None = None,
    changes: Mapping[Key, Any] | None = None,
) -> Scenario:
    """Check the text of a scenario; ``source`` is the file name in messages."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError([_syntax_problem(source, text, str(error))]) from None
    except RecursionError:
        raise ScenarioError([f"{source}:1: syntax: is nested too deeply"]) from None
    except ValueError:
        # tomllib passes on what Python says of over-long integers and impossible dates
        long = re.search(r"[0-9a-fA-F_]{1000,}", text)
        line = text.count("\n", 0, long.start()) + 1 if long else 1
        what = "a number has too many digits" if long else "a number or date is out of range"
        raise ScenarioError([f"{source}:{line}: syntax: {what}; write valid TOML"]) from None
    changes = changes or {}
    for key, value in changes.items():
        _set(data, key, value)
    lines = key_lines(text)
    found: list[Problem] = []
    scenario: Scenario | None = None
    try:
        scenario = Scenario.model_validate(data)
    except ValidationError as error:
        found += _model_problems(error, Scenario, ())
    found += [*cross_checks(data), *_policy_checks(data, policy_options)]
    if found or scenario is None:
        placed = [(*_place(key, lines, changes), _dotted(key), what) for key, what in found]
        ordered = sorted(dict.fromkeys(placed))
        raise ScenarioError([f"{source}{where}: {key}: {what}" for _, where, key, what in ordered])
    return scenario


def _place(key: Key, lines: Mapping[Key, int], changes: Mapping[Key, Any]) -> tuple[int, str]:
    """Where a key stands: its line, or the value that took the place of the file's."""
    for changed, value in changes.items():
        if changed[: len(key)] == key or key[: len(changed)] == changed:
            return 0, f" with {_dotted(changed)} = {_shorten(value)}"
    line = _line_of(key, lines)
    return line, f":{line}"


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
                count = f"has {len(table)} entries" if isinstance(table, list) else "is no list"
                raise UsageError(f"{_dotted(key)}: {_dotted(key[:i])} {count}")
        elif not isinstance(table, dict):
            listed = isinstance(table, list)
            kind = "a list: give the place of a table in it, from 0" if listed else "no table"
            raise UsageError(f"{_dotted(key)}: {_dotted(key[:i])} is {kind}")
        if last:
            table[part] = value
        else:
            table = table[part] if isinstance(part, int) else table.setdefault(part, {})


def takes_integers(key: Key) -> bool:
    """Whether a key of the scenario takes integers only; False where there is no such key."""
    owner = _model_at(Scenario, key[:-1])
    field = owner.model_fields.get(str(key[-1])) if owner else None
    kinds = set() if field is None else {field.annotation, *get_args(field.annotation)}
    return int in kinds and float not in kinds


def locate(path: Path | str, problems: Sequence[Problem]) -> ScenarioError:
    """Turn problems found beyond the file itself into ``file:line: key: …``."""
    lines = key_lines(scenario_text(path))
    return ScenarioError(
        [f"{path}:{_line_of(key, lines)}: {_dotted(key)}: {what}" for key, what in problems]
    )


def _syntax_problem(source: str, text: str, message: str) -> str:
    line = text.count("\n") + 1
    if "at line " in message:
        line = int(message.split("at line ")[1].split(",")[0])
    return f"{source}:{line}: syntax: {message}; write valid TOML"


def _line_of(key: Key, lines: Mapping[Key, int]) -> int:
    """Line of the key, or of the innermost table around it."""
    while key and key not in lines:
        key = key[:-1]
    return lines.get(key, 1)


def _dotted(key: Key) -> str:
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "file"


def _model_problems(
    error: ValidationError, model: type[BaseModel], prefix: Key
) -> Iterator[Problem]:
    details: dict[Key, ErrorDetails] = {}
    for detail in error.errors():
        location = _without_tags(detail["loc"])
        details.setdefault(location, detail)
    tables = {location[:end] for location in details for end in range(len(location))}
    for location, detail in details.items():
        # a union reports every branch: the one that got furthest says most
        if location not in tables:
            yield (*prefix, *location), _explain(detail, model, location)


def _without_tags(location: Key) -> Key:
    """Drop the names of a union's branches, which pydantic adds."""
    if location[:2] not in {("demand", "pairs"), ("network", "rate_table")}:
        return location
    return (*location[:2], *(part for part in location[2:] if isinstance(part, int)))


#: Pydantic's words for types, in the words of TOML.
PLAIN = {
    "tuple_type": "should be a list",
    "model_type": "should be a table",
    "model_attributes_type": "should be a table",
    "string_type": "should be text",
    "string_pattern_mismatch": "has characters that are not allowed",
}


def _explain(detail: ErrorDetails, model: type[BaseModel], location: Key) -> str:
    kind = detail["type"]
    if kind == "extra_forbidden":
        owner = _model_at(model, location[:-1])
        names = sorted(owner.model_fields) if owner else []
        close = difflib.get_close_matches(str(location[-1]), names, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        return f"unknown key; {hint}allowed: {', '.join(names) or 'none'}"
    allowed = _allowed_at(model, location)
    if kind == "missing":
        return f"missing; give {allowed}"
    message = PLAIN.get(kind, detail["msg"].removeprefix("Value error, "))
    message = message[0].lower() + message[1:]
    return f"{message} (got {_shorten(detail['input'])}); allowed: {allowed}"


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
        title = str(table.get("label") or table["name"])
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
