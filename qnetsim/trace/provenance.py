"""Where a file comes from: software, environment, and in what the settings of two differ."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, version
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
            packages[name] = _version(name)
        except PackageNotFoundError:
            packages[name] = None
    return {"name": "qnetsim", "version": __version__, "packages": packages}


def _version(name: str) -> str:
    """Version of a package; its metadata is a mail whose parser takes longer than a short run."""
    text = distribution(name).read_text("METADATA") or ""
    for line in text.splitlines():
        if line.startswith("Version: "):
            return line.removeprefix("Version: ").strip()
        if not line:
            break
    return version(name)


def environment() -> dict[str, str]:
    """Interpreter and platform, without anything that names a person or a machine."""
    return {
        "python": sys.version.split()[0],
        "implementation": platform.python_implementation(),
        "system": platform.system(),
        "machine": platform.machine(),
    }


def differing(
    where: str, one: Any, other: Any, names: tuple[str, str] = ("there", "here")
) -> Iterator[str]:
    """Settings that differ, by their dotted names; ``names`` says where each value stands."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in one | other:
            yield from differing(f"{where}.{key}", one.get(key), other.get(key), names)
    elif one != other:
        values = ["not set" if value is None else _short(repr(value)) for value in (one, other)]
        yield f"{where} is {values[0]} {names[0]} and {values[1]} {names[1]}"


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:60] + " …"
