"""Importing matplotlib for a command that draws."""

from __future__ import annotations

import gc
from typing import Any


def import_matplotlib() -> None:
    """Import what draws, without the texts on properties that no command shows.

    matplotlib writes them into its docstrings whenever a process imports it, from those of all
    setters: two fifths of the import.
    """
    from matplotlib import artist

    module: Any = artist
    write, module.kwdoc = module.kwdoc, lambda _: ""
    collects = gc.isenabled()
    # a collection while modules are made frees nothing
    gc.disable()
    try:
        import matplotlib.backends.backend_svg
        import matplotlib.figure  # noqa: F401
    finally:
        module.kwdoc = write
        if collects:
            gc.enable()
