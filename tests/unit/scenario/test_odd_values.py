"""Odd values at every key of every table: taken, or refused with one clear error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from pydantic import BaseModel

from qnetsim.case import load
from qnetsim.errors import QnetsimError
from qnetsim.policies import policy_options
from qnetsim.scenario import Scenario
from qnetsim.scenario.checked import _inner_model
from tests.support.bad_files import time_limit

#: As they stand in TOML.
ODD = [
    '["x"]',
    "[]",
    "{}",
    "[[]]",
    "[[[1]]]",
    "[{}]",
    "{a = 1}",
    "{a = {b = [{c = 1}]}}",
    '""',
    '" "',
    '"x"',
    '"\\u0000"',
    '"\\u001b[31m"',
    '"a/../../b"',
    f'"{"n" * 5000}"',
    "true",
    "-1",
    "0",
    "-0.0",
    "1e308",
    "5e-324",
    "nan",
    "-inf",
    str(10**400),
    "-9223372036854775809",
    "1979-05-27T07:32:00Z",
    "07:32:00",
    "[1, 'a', true, 1.5]",
    "[nan, inf]",
    f"[{'1, ' * 3000}]",
    f"{'[' * 300}{']' * 300}",
    f"{'{a = ' * 200}1{'}' * 200}",
]
#: A sound entry for each key that a table cannot do without.
NEEDED = {
    "network": {"topology": '"nsfnet"'},
    "demand": {"requests": "4"},
    "recording": {"file": '"demand.csv"', "rate_unit": '"bps"', "slot_s": "1.0"},
    "regimes": {"means": "[0.1, 0.5]"},
    "outage": {"start_s": "1.0", "duration_s": "1.0", "fibre": '["1", "2"]'},
    "fel": {
        "dataset": '"iris"',
        "owner": '"5"',
        "head": '["1"]',
        "workers": '[["2"]]',
    },
    "policy": {"name": '"sip"'},
}
LISTS = {"outage", "fel", "policy"}


class Place(NamedTuple):
    """A key of a table; the table itself where the key is empty."""

    table: str
    key: tuple[str, ...]


def places() -> Iterator[Place]:
    def within(model: type[BaseModel], table: str, prefix: tuple[str, ...]) -> Iterator[Place]:
        for name, field in model.model_fields.items():
            inner = _inner_model(field.annotation)
            yield Place(table, (*prefix, name))
            if inner is not None:
                yield from within(inner, table, (*prefix, name))

    for table, field in Scenario.model_fields.items():
        inner = _inner_model(field.annotation)
        assert inner is not None
        yield Place(table, ())
        yield from within(inner, table, ())
    for name in ("sip", "fedsac", "empirical", "level"):
        for option in policy_options(name).model_fields:
            yield Place("policy", (name, option))


PLACES = list(places())


def text_with(place: Place, value: str) -> str:
    """A scenario in which one key of one table has this value."""
    tables: dict[str, dict[str, str]] = {"run": {"slots": "3"}, "network": {}, "demand": {}}
    tables = {name: dict(NEEDED.get(name, entries)) for name, entries in tables.items()}
    if not place.key:
        tables.pop(place.table, None)
        rest = [f"{place.table} = {value}"]
    else:
        entries = tables.setdefault(place.table, dict(NEEDED.get(place.table, {})))
        key = place.key
        if place.table == "policy" and len(key) == 2:
            entries["name"] = f'"{key[0]}"'
            key = key[1:]
        entries.pop(key[0], None)
        entries[".".join(key)] = value
        rest = []
    for name, entries in tables.items():
        rest.append(f"[[{name}]]" if name in LISTS else f"[{name}]")
        rest += [f"{key} = {entry}" for key, entry in entries.items()]
    return "\n".join(rest) + "\n"


def tried(folder: Path, cases: list[tuple[Place, str]]) -> dict[str, int]:
    path = folder / "s.toml"
    (folder / "demand.csv").write_text("slot,source,target,rate\n0,1,2,100\n1,1,2,100\n2,1,2,9\n")
    ends = {"taken": 0, "refused": 0}
    for place, value in cases:
        path.write_text(text_with(place, value))
        try:
            with time_limit(10):
                load(path)
            ends["taken"] += 1
        except QnetsimError as error:
            ends["refused"] += 1
            for line in str(error).splitlines():
                assert re.match(rf"{re.escape(str(folder))}|--|.*: ", line), (place, value, line)
                assert len(line) < 12_000, (place, value[:80], line[:300])
        except BaseException as error:
            raise AssertionError(f"{place} = {value[:80]}: {error!r}") from error
    return ends


def test_every_key_is_a_place() -> None:
    assert len(PLACES) > 140
    assert all(value for value in ODD) and len(ODD) >= 25


def test_odd_values_are_taken_or_refused(tmp_path: Path) -> None:
    cases = [(place, value) for place in PLACES for value in ODD]
    chosen = np.random.default_rng(18).choice(len(cases), 500, replace=False)
    ends = tried(tmp_path, [cases[i] for i in chosen])
    assert ends["refused"] > 200 > ends["taken"] > 3


@pytest.mark.slow
def test_every_odd_value_at_every_key(tmp_path: Path) -> None:
    ends = tried(tmp_path, [(place, value) for place in PLACES for value in ODD])
    print(f"\n{ends}")
    assert ends["refused"] > 2000
