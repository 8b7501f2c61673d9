"""Version 0.1.0 beside this one: its package in a folder, run in processes of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any, NamedTuple

from tests.support import ROOT

#: Commit of version 0.1.0.
RELEASE = "9944c7d"


class Pair(NamedTuple):
    """What one thing costs in version 0.1.0 and now."""

    before: float
    now: float

    @property
    def ratio(self) -> float:
        """How many times less it costs now."""
        return self.before / self.now


def unpack_release(folder: Path) -> None:
    """Put the package of version 0.1.0 into a folder, with what its scenarios name."""
    archive = folder / "release.tar"
    parts = ("qnetsim", "models", "scenarios", "traces")
    command = ["git", "archive", "--output", str(archive), RELEASE, *parts]
    subprocess.run(command, cwd=ROOT, check=True)
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")


def in_tree(tree: Path, code: str, *words: str) -> dict[str, Any]:
    """Run Python code with the package of a folder; returns the JSON that it prints."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=tree,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found
