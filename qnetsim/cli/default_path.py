"""Where results go unless ``--out`` says it."""

from __future__ import annotations

from pathlib import Path

from qnetsim.errors import UsageError
from qnetsim.scenario.labels import unportable


def default_path(name: str) -> Path:
    """Path of a file or folder of this name among the results.

    Raises
    ------
    UsageError
        Not every file system takes the name, which comes from that of a scenario or trace.
    """
    reason = unportable(name)
    if reason:
        raise UsageError(f"the results would be called {name!r}, which {reason}; give --out")
    return Path("runs") / name
