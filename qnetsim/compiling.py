"""Load a module as it stands, or compiled by numba where that is installed."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Callable
from functools import lru_cache
from numbers import Number
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from qnetsim.interrupt import check_here

Function = TypeVar("Function", bound=Callable[..., Any])

_compiling = False
_stamp = ""


def jit(function: Function) -> Function:
    """Compile a function while its module is loaded for that; else leave it as it is.

    numba's cache looks at the file of a function alone, and at its name. What other files give it
    is compiled into it as well: so a digest of the modules and numbers that its module names is
    stamped into the name. Modules with functions that are called must be its ``PARTS``.
    """
    if not _compiling:
        return function
    function.__qualname__ += _stamp
    numba: Any = importlib.import_module("numba")
    return numba.njit(cache=True, nogil=True)(function)  # type: ignore[no-any-return]


def inlined(function: Function) -> Function:
    """Mark a function that is compiled into whoever calls it: a call costs more than it does."""
    if not _compiling:
        return function
    function.__qualname__ += _stamp  # it may be called by plain Python too, and is cached then
    numba: Any = importlib.import_module("numba")
    return numba.njit(cache=True, nogil=True, inline="always")(function)  # type: ignore[no-any-return]


def in_place_of(plain: Function) -> Callable[[Function], Function]:
    """Mark a function that is compiled as it stands; where nothing is, ``plain`` is called.

    For loops that are slow as plain Python, and array steps that are slow compiled.
    """

    def choose(function: Function) -> Function:
        return inlined(function) if _compiling else plain

    return choose


def product_halves(function: Function) -> Function:
    """Mark a function that gives the upper and the lower half of a product of two 64-bit numbers.

    Compiled, it is one instruction; numba has no name for it.
    """
    if not _compiling:
        return function
    extending: Any = importlib.import_module("numba.extending")
    types: Any = importlib.import_module("numba.core.types")
    ir: Any = importlib.import_module("llvmlite.ir")
    half, whole = ir.IntType(64), ir.IntType(128)

    def build(context: Any, builder: Any, signature: Any, factors: Any) -> Any:
        product = builder.mul(*(builder.zext(factor, whole) for factor in factors))
        upper = builder.lshr(product, ir.Constant(whole, 64))
        halves = [builder.trunc(part, half) for part in (upper, product)]
        return context.make_tuple(builder, signature.return_type, halves)

    def typed(context: Any, a: Any, b: Any) -> Any:
        return types.UniTuple(types.uint64, 2)(types.uint64, types.uint64), build

    return extending.intrinsic(typed)  # type: ignore[no-any-return]


def have_numba() -> bool:
    """Whether numba is installed."""
    return importlib.util.find_spec("numba") is not None


@lru_cache
def _stoppable_compiler() -> None:
    """Let numba look for signals ahead of each of its passes: all of them take half a minute."""
    events: Any = importlib.import_module("numba.core.event")

    def look(self: object, event: object) -> None:
        check_here()

    listener = type("Look", (events.Listener,), {"on_start": look, "on_end": lambda *_: None})
    events.register("numba:run_pass", listener())


@lru_cache
def compiled(module: ModuleType) -> ModuleType:
    """Load a module once more, with the functions that it marks by :func:`jit` compiled.

    Modules that it names as its ``PARTS`` are loaded so too.
    """
    global _compiling, _stamp
    _stoppable_compiler()
    name = f"{module.__name__}_compiled"
    assert module.__file__ is not None
    spec = importlib.util.spec_from_file_location(name, module.__file__)
    assert spec is not None and spec.loader is not None
    twin = importlib.util.module_from_spec(spec)
    sys.modules[name] = twin
    parts: tuple[ModuleType, ...] = getattr(module, "PARTS", ())
    _compiling, _stamp = True, _stamp_of(module)
    try:
        spec.loader.exec_module(twin)
    finally:
        _compiling = False
    for part in parts:
        # looked up when a function is called first
        setattr(twin, part.__name__.rpartition(".")[2], compiled(part))
    return twin


def _stamp_of(module: ModuleType) -> str:
    """Digest of all that is compiled into the functions of a module beside its own file.

    That is: numbers by name, the files of modules of ours, and what these name, and this file.
    """
    numbers = {name: found for name, found in vars(module).items() if isinstance(found, Number)}
    files: dict[str, bytes] = {}
    open_modules = [sys.modules[__name__], module]
    while open_modules:
        found = open_modules.pop()
        assert found.__file__ is not None
        files[found.__name__] = Path(found.__file__).read_bytes()
        open_modules += [
            other
            for other in vars(found).values()
            if isinstance(other, ModuleType)
            and other.__name__.startswith(f"{__package__}.")
            and other.__name__ not in files
        ]
    digest = hashlib.sha256(repr(sorted(numbers.items())).encode())
    for name in sorted(files):
        digest.update(files[name])
    return f"_{digest.hexdigest()[:16]}"
