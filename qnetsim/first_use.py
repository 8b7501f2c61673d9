"""Packages whose names are imported on first use, so that nobody pays for what is not used."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def on_first_use(
    package: str, homes: Mapping[str, str], *, keep: bool = True
) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a package.

    Parameters
    ----------
    package : str
    homes : mapping from name to str
        Module of each name; ``module:attribute`` where the name is another one there.
    keep : bool
        Make each a name of the package once it is used. ``help`` prints all that its names have.
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, _, attribute = homes[name].partition(":")
        value = getattr(import_module(module), attribute or name)
        if keep:
            setattr(sys.modules[package], name, value)
        return value

    return get
