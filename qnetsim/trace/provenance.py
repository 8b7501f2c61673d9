"""Where a trace comes from: software and environment."""

from __future__ import annotations

import platform
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from qnetsim.version import __version__

#: Packages whose version may matter for a result.
PACKAGES = ("numpy", "scipy", "simpy", "h5py", "highspy", "networkx", "pydantic")


@cache
def software() -> dict[str, Any]:
    """Versions of qnetsim, Python and the packages below it."""
    packages: dict[str, str | None] = {}
    for name in PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = None
    return {"name": "qnetsim", "version": __version__, "packages": packages}


def environment() -> dict[str, str]:
    """Interpreter and platform, without anything that names a person or a machine."""
    return {
        "python": sys.version.split()[0],
        "implementation": platform.python_implementation(),
        "system": platform.system(),
        "machine": platform.machine(),
    }
