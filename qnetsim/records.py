"""Frozen dataclasses that cost little to make: a command makes a hundred before it begins.

The standard library writes and compiles six methods for each frozen class, in half a millisecond.
Here ``__init__`` is, to the same text; the others differ in the names of the fields only, and are
closures. The decorator is called, and its classes behave, as that of ``dataclasses`` and its
frozen ones.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Sequence
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any


def _frozen_dataclass(
    *, frozen: bool, eq: bool = True, kw_only: bool = False
) -> Callable[[type], type]:
    """Make a class a frozen dataclass; ``frozen`` is there to be read, and is always true."""

    def make(cls: type) -> type:
        if any(map(dataclasses.is_dataclass, cls.__mro__[1:])):
            return dataclasses.dataclass(frozen=frozen, eq=eq, kw_only=kw_only)(cls)
        made: Any = dataclasses.dataclass(init=False, repr=False, eq=False, kw_only=kw_only)(cls)
        # a dataclass that inherits from it is to be frozen, too
        made.__dataclass_params__.frozen = frozen
        fields = dataclasses.fields(made)
        if len(fields) < len(made.__dataclass_fields__):
            raise TypeError(f"{cls.__name__}: ClassVar and InitVar take the standard dataclass")
        _add(made, "__init__", _initialiser(made, fields))
        _refuse_changes(made)
        _add(made, "__repr__", _shown(tuple(f.name for f in fields if f.repr)))
        if eq:
            compared = _values(tuple(f.name for f in fields if f.compare))
            _add(made, "__eq__", _equal(compared))
            _add(made, "__hash__", lambda self: hash(compared(self)))
        return cls

    return make


def _add(cls: type, name: str, method: Callable[..., Any]) -> None:
    """Add a method, unless the class has its own; beside ``__eq__`` Python puts no hash at all."""
    if cls.__dict__.get(name) is None:
        setattr(cls, name, method)


class _Factory:
    """Stands in a signature for what is made anew for each instance."""

    def __repr__(self) -> str:
        return "<factory>"


def _initialiser(cls: type, fields: Sequence[dataclasses.Field[Any]]) -> Callable[..., None]:
    """Compile what sets all fields, past the method that refuses to."""
    known: dict[str, Any] = {"_set": object.__setattr__, "_given": _Factory()}
    by_place: list[str] = []
    by_name: list[str] = []
    body: list[str] = []
    for f in fields:
        made = f.default_factory is not dataclasses.MISSING
        parameter = value = f.name
        if made:
            known[f"_make_{f.name}"] = f.default_factory
            parameter += "=_given"
            value = f"_make_{f.name}()"
            if f.init:
                value += f" if {f.name} is _given else {f.name}"
        elif f.default is not dataclasses.MISSING:
            known[f"_default_{f.name}"] = f.default
            parameter += f"=_default_{f.name}"
        if f.init:
            (by_name if f.kw_only else by_place).append(parameter)
        if f.init or made:
            body.append(f"_set(self, {f.name!r}, {value})")
    if hasattr(cls, "__post_init__"):
        body.append("self.__post_init__()")
    parameters = ", ".join(["self", *by_place, *(["*", *by_name] if by_name else [])])
    lines = "".join(f"\n  {line}" for line in body or ["pass"])
    source = f"def make({', '.join(known)}):\n def __init__({parameters}):{lines}\n return __init__"
    scope: dict[str, Any] = {}
    # annotations are looked up where the class is
    exec(source, vars(sys.modules[cls.__module__]), scope)
    init: Callable[..., None] = scope["make"](**known)
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    init.__annotations__ = {f.name: f.type for f in fields if f.init} | {"return": None}
    return init


def _refuse_changes(cls: Any) -> None:
    """Let nothing of an instance be set or deleted but what a class that inherits has more."""
    names = frozenset(cls.__dataclass_fields__)

    def refuse_set(self: object, name: str, value: object) -> None:
        if type(self) is cls or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
        super(cls, self).__setattr__(name, value)

    def refuse_delete(self: object, name: str) -> None:
        if type(self) is cls or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
        super(cls, self).__delattr__(name)

    cls.__setattr__, cls.__delattr__ = refuse_set, refuse_delete


def _values(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    """What gives the values of these fields as a tuple."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda self: tuple(getattr(self, name) for name in names)


def _equal(values: Callable[[Any], tuple[Any, ...]]) -> Callable[[object, object], Any]:
    def equal(self: object, other: object) -> Any:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return values(self) == values(other)

    return equal


def _shown(names: tuple[str, ...]) -> Callable[[Any], str]:
    @recursive_repr()
    def shown(self: Any) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__qualname__}({values})"

    return shown


if TYPE_CHECKING:
    # a checker of types knows that one, which is called alike
    from dataclasses import dataclass as dataclass
else:
    dataclass = _frozen_dataclass
