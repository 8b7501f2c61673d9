"""What a message says is allowed is what is allowed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from qnetsim.errors import ScenarioError
from qnetsim.scenario import Scenario
from qnetsim.scenario.checked import _inner_model
from qnetsim.scenario.load import parse_scenario


def limited(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo, float]]:
    for name, entry in model.model_fields.items():
        inner = _inner_model(entry.annotation)
        if inner is not None:
            yield from limited(inner, f"{prefix}{name}.")
        for constraint in entry.metadata:
            if getattr(constraint, "le", None) is not None:
                yield prefix + name, entry, constraint.le


def test_every_upper_limit_is_said() -> None:
    found = list(limited(Scenario))
    assert len(found) > 60
    for name, entry, most in found:
        extra = entry.json_schema_extra
        assert isinstance(extra, dict)
        words = str(extra["allowed"]).replace("(", " ").replace(")", " ").replace(",", " ")
        words = words.replace(";", " ").replace("^", "**")
        values = []
        for word in words.split():
            base, _, power = word.partition("**")
            try:
                values.append(float(base) ** float(power or 1))
            except ValueError:
                continue
        assert most in values, (name, extra["allowed"])


def test_a_message_does_not_contradict_itself() -> None:
    text = '[network]\ntopology = "nsfnet"\n[demand]\nrequests = 3\n'
    text += "[cost]\non_demand_multiplier = 1e10\n"
    with pytest.raises(ScenarioError, match=r"a number >= 0 \(at most 10\^9\)"):
        parse_scenario(text)
    parse_scenario(text.replace("1e10", "1e9"))
