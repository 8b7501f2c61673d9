"""Load a module as it stands, or compiled by numba where that is installed."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from functools import lru_cache
from types import ModuleType
from typing import Any, Literal, TypeVar

from qnetsim.extras import require

Function = TypeVar("Function", bound=Callable[..., Any])
Kernel = Literal["auto", "numba", "numpy", "loop"]
Served = Literal["numba", "numpy", "loop"]
#: Requests from which on the compiled loop pays, although its first use on a machine takes half a
#: minute: where array steps serve whole slots, and where requests are walked one by one.
WORTH_COMPILING = {"arrays": 10_000_000, "walk": 50_000}

_compiling = False


def jit(function: Function) -> Function:
    """Compile a function while its module is loaded for that; else leave it as it is.

    numba's cache looks at the file of a function alone, so what it calls must stand in that file.
    """
    if not _compiling:
        return function
    numba: Any = importlib.import_module("numba")
    return numba.njit(cache=True, nogil=True)(function)  # type: ignore[no-any-return]


def inlined(function: Function) -> Function:
    """Mark a function that is compiled into whoever calls it: a call costs more than it does."""
    if not _compiling:
        return function
    numba: Any = importlib.import_module("numba")
    return numba.njit(cache=True, nogil=True, inline="always")(function)  # type: ignore[no-any-return]


def have_numba() -> bool:
    """Whether numba is installed."""
    return importlib.util.find_spec("numba") is not None


def chosen(kernel: Kernel, requests: int, *, walks: bool) -> Served:
    """Kernel of a run that serves this many requests; the results do not depend on it.

    Parameters
    ----------
    kernel : {"auto", "numba", "numpy", "loop"}
    requests : int
    walks : bool
        Whether requests wait, go on or come one by one, so that slots are no plain array steps.

    Raises
    ------
    MissingExtraError
        numba is asked for and not installed.
    """
    if kernel == "numba":
        require("the kernel 'numba' (another one is 'numpy')", "numba")
    if kernel == "auto":
        worth = requests >= WORTH_COMPILING["walk" if walks else "arrays"]
        return "numba" if worth and have_numba() else "numpy"
    return kernel


@lru_cache
def compiled(module: ModuleType) -> ModuleType:
    """Load a module once more, with the functions that it marks by :func:`jit` compiled."""
    global _compiling
    name = f"{module.__name__}_compiled"
    assert module.__file__ is not None
    spec = importlib.util.spec_from_file_location(name, module.__file__)
    assert spec is not None and spec.loader is not None
    twin = importlib.util.module_from_spec(spec)
    sys.modules[name] = twin
    _compiling = True
    try:
        spec.loader.exec_module(twin)
    finally:
        _compiling = False
    return twin
