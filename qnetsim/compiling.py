"""Load a module as it stands, or compiled by numba where that is installed."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

_compiling = False
_stamp = ""


def jit(function: Function) -> Function:
    """Compile a function while its module is loaded for that; else leave it as it is.

    numba's cache looks at the file of a function alone, and at its name: what is called there and
    stands in another file must be one of the module's ``PARTS``, which are stamped into the name.
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
    numba: Any = importlib.import_module("numba")
    return numba.njit(cache=True, nogil=True, inline="always")(function)  # type: ignore[no-any-return]


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
def compiled(module: ModuleType) -> ModuleType:
    """Load a module once more, with the functions that it marks by :func:`jit` compiled.

    Modules that it names as its ``PARTS`` are loaded so too.
    """
    global _compiling, _stamp
    name = f"{module.__name__}_compiled"
    assert module.__file__ is not None
    spec = importlib.util.spec_from_file_location(name, module.__file__)
    assert spec is not None and spec.loader is not None
    twin = importlib.util.module_from_spec(spec)
    sys.modules[name] = twin
    parts: tuple[ModuleType, ...] = getattr(module, "PARTS", ())
    _compiling, _stamp = True, _stamp_of(parts)
    try:
        spec.loader.exec_module(twin)
    finally:
        _compiling = False
    for part in parts:
        # looked up when a function is called first
        setattr(twin, part.__name__.rpartition(".")[2], compiled(part))
    return twin


def _stamp_of(parts: tuple[ModuleType, ...]) -> str:
    """Digest of the files of these modules; empty for none."""
    found = hashlib.sha256()
    for part in parts:
        assert part.__file__ is not None
        found.update(Path(part.__file__).read_bytes())
        found.update(_stamp_of(getattr(part, "PARTS", ())).encode())
    return f"_{found.hexdigest()[:16]}" if parts else ""
