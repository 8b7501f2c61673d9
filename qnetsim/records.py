"""Frozen dataclasses that cost little to make: a command makes a hundred before it begins.

The standard library writes and compiles six methods for each frozen class, in half a millisecond.
Here it writes ``__init__``; the others differ in the names of the fields only, and are closures.
The decorator is called, and its classes behave, as that of ``dataclasses`` and its frozen ones.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
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
        made: Any = dataclasses.dataclass(repr=False, eq=False, kw_only=kw_only)(cls)
        # a dataclass that inherits from it is to be frozen, too
        made.__dataclass_params__.frozen = frozen
        _refuse_changes(made)
        fields = dataclasses.fields(made)
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


def _refuse_changes(cls: Any) -> None:
    """Let each field be set once, which ``__init__`` does, and nothing else."""
    fields = cls.__dataclass_fields__

    def refused(self: object, name: str) -> bool:
        return name in self.__dict__ if name in fields else type(self) is cls

    def set_once(self: object, name: str, value: object) -> None:
        if refused(self, name):
            raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
        object.__setattr__(self, name, value)

    def keep(self: object, name: str) -> None:
        if name in fields or type(self) is cls:
            raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
        object.__delattr__(self, name)

    cls.__setattr__, cls.__delattr__ = set_once, keep


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
