"""Frozen dataclasses of ours behave as those of the standard library."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError, field
from typing import Any, ClassVar

import pytest

from qnetsim.records import dataclass


@dataclass(frozen=True)
class Ours:
    """A point with a note that does not count."""

    x: int
    y: list[int]
    note: str = field(default="", compare=False, repr=False)


@dataclasses.dataclass(frozen=True)
class Theirs:
    """The same, as the standard library has it."""

    x: int
    y: list[int]
    note: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True)
class One:
    """A single field."""

    x: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Identity:
    """Equal to itself only."""

    x: int


@dataclass(frozen=True)
class Own:
    """Has methods of its own."""

    x: int

    def __eq__(self, other: object) -> bool:
        return True

    def __repr__(self) -> str:
        return "own"


def test_it_compares_hashes_and_shows_as_the_standard_one() -> None:
    assert Ours(1, [2], "a") == Ours(1, [2], "b") != Ours(1, [3])
    assert Ours(1, [2]) != Theirs(1, [2])
    assert repr(Ours(1, [2], "a")) == repr(Theirs(1, [2], "a")).replace("Theirs", "Ours")
    assert hash(One(1)) == hash(One(1)) == hash((1,))
    assert One(1) == One(1) != One(2)
    with pytest.raises(TypeError, match="unhashable"):
        hash(Ours(1, [2]))


@pytest.mark.parametrize("kind", [Ours, Theirs])
@pytest.mark.parametrize(
    "change",
    [
        lambda one: setattr(one, "x", 2),
        lambda one: setattr(one, "note", "b"),
        lambda one: setattr(one, "other", 2),
        lambda one: delattr(one, "x"),
        lambda one: delattr(one, "other"),
    ],
    ids=["field", "default", "unknown", "delete", "delete unknown"],
)
def test_it_refuses_changes(kind: type, change: Callable[[Any], None]) -> None:
    with pytest.raises(FrozenInstanceError, match="cannot"):
        change(kind(1, [2]))


def test_tools_of_the_standard_library_know_it() -> None:
    one = Ours(1, [2], "a")
    assert [f.name for f in dataclasses.fields(one)] == ["x", "y", "note"]
    assert dataclasses.replace(one, x=3) == Ours(3, [2])
    assert dataclasses.asdict(one) == {"x": 1, "y": [2], "note": "a"}
    assert pickle.loads(pickle.dumps(one)) == copy.deepcopy(one) == copy.copy(one) == one
    assert Ours.__match_args__ == ("x", "y", "note")


def test_it_keeps_what_a_class_says_itself() -> None:
    assert Own(1) == 5 and repr(Own(1)) == "own" and hash(Own(1)) == hash((1,))
    assert Identity(x=1) != Identity(x=1) and len({Identity(x=1), Identity(x=1)}) == 2


def test_frozen_dataclasses_inherit_from_it() -> None:
    @dataclasses.dataclass(frozen=True)
    class User(One):
        more: int = 0

    @dataclass(frozen=True)
    class Second(One):
        more: int = 0

    for kind in (User, Second):
        assert kind(1, 2) == kind(1, 2) != kind(1, 3)
        assert hash(kind(1, 2)) == hash((1, 2))
        with pytest.raises(FrozenInstanceError):
            kind(1, 2).more = 3  # type: ignore[misc]

    class Plain(One):
        """No dataclass: may have more, but its fields stay."""

    plain = Plain(1)
    plain.extra = 2  # type: ignore[attr-defined]
    del plain.extra  # type: ignore[attr-defined]
    with pytest.raises(FrozenInstanceError):
        plain.x = 2  # type: ignore[misc]


def both(body: dict[str, Any], hints: dict[str, Any]) -> list[type]:
    """The same class of ours and of the standard library."""
    names = {"__annotations__": hints, "__module__": __name__, **body}
    return [make(frozen=True)(type("Kind", (), dict(names))) for make in (dataclass, THEIRS)]


THEIRS = dataclasses.dataclass


def post_init(self: Any) -> None:
    object.__setattr__(self, "late", self.x * 2)


def test_fields_that_are_no_parameters_stay_as_they_are_too() -> None:
    body = {
        "late": field(init=False),
        "fixed": field(init=False, default=3),
        "made": field(init=False, default_factory=list),
        "more": field(default_factory=dict),
        "last": field(default=4, kw_only=True),
        "__post_init__": post_init,
    }
    hints = {"x": int, "late": int, "fixed": int, "made": list, "more": dict, "last": int}
    ours, theirs = both(body, hints)
    assert str(inspect.signature(ours)) == str(inspect.signature(theirs))
    assert repr(ours(1)) == repr(theirs(1))
    assert repr(ours(1, {2: 3}, last=5)) == repr(theirs(1, {2: 3}, last=5))
    assert ours(1).more is not ours(1).more and ours(1).made is not ours(1).made
    for name in hints:
        with pytest.raises(FrozenInstanceError):
            setattr(ours(1), name, 9)
    with pytest.raises(TypeError, match=r"Kind.__init__\(\) missing 1 required"):
        ours()


def test_a_field_that_nobody_set_is_not_set_later() -> None:
    for kind in both({"late": field(init=False)}, {"x": int, "late": int}):
        with pytest.raises(FrozenInstanceError):
            kind(1).late = 2


def test_a_class_that_inherits_may_refuse_changes_itself() -> None:
    class Stricter(One):
        def __setattr__(self, name: str, value: object) -> None:
            raise TypeError(name)

    assert Stricter(1).x == 1


def test_what_is_no_field_takes_the_standard_one() -> None:
    for hint in (ClassVar[int], dataclasses.InitVar[int]):
        with pytest.raises(TypeError, match="standard dataclass"):
            dataclass(frozen=True)(type("Kind", (), {"__annotations__": {"x": hint}}))


def test_no_field_of_a_new_instance_takes_a_call() -> None:
    """Each slot makes several instances."""
    calls = []
    sys.setprofile(lambda frame, event, _: calls.append(event) if event == "call" else None)
    try:
        Ours(1, [2])
    finally:
        sys.setprofile(None)
    assert calls == ["call"]
