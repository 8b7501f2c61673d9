"""Frozen dataclasses of ours behave as those of the standard library."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, field
from typing import Any

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
