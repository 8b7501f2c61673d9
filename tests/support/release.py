"""Version 0.1.0 beside this one: its package in a folder, run in processes of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from tests.support import ROOT

#: Commit of version 0.1.0.
RELEASE = "9944c7d"
#: Goes ahead of all code: a ratio means nothing unless the package comes from the tree meant.
GUARD = """
import json, pathlib, sys
import qnetsim
_found = pathlib.Path(qnetsim.__file__).resolve().parents[1]
if str(_found) != sys.argv[1]:
    sys.exit(f"qnetsim comes from {_found}, not from {sys.argv[1]}")
del sys.argv[1]
"""
#: Defines ``peak_mb``. What ``getrusage`` gives a new process is no less than what the process had
#: that started it.
PEAK = """
def peak_mb():
    from pathlib import Path
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e6
"""
#: Goes behind code that defines ``measure``: one round for each line of the input.
ROUNDS = """
for _ in sys.stdin:
    print(json.dumps(measure()), flush=True)
"""


class Ratio(NamedTuple):
    """What one thing costs in version 0.1.0 and now.

    Attributes
    ----------
    name, unit : str
    before, now : float
    promised : float
        The least ratio that is asserted.
    asked : float or None
        The ratio that was asked for, where one was.
    """

    name: str
    unit: str
    before: float
    now: float
    promised: float
    asked: float | None = None

    @property
    def ratio(self) -> float:
        """How many times less it costs now."""
        return self.before / self.now

    def hold(self) -> None:
        """Print it as a row of a table, and assert what is promised."""
        asked = "" if self.asked is None else f"{self.asked:.2f}"
        row = (
            f"| {self.name} | {self.before:.3g} {self.unit} | {self.now:.3g} {self.unit} "
            f"| {self.ratio:.2f} | {asked} | {self.promised:.2f} |"
        )
        print(f"\n{row}", flush=True)
        assert self.ratio >= self.promised, row


def median_pair(rounds: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The round whose ratio is the middle one: machines change their pace between rounds."""
    return sorted(rounds, key=lambda pair: pair[0] / pair[1])[len(rounds) // 2]


def unpack_release(folder: Path) -> None:
    """Put the package of version 0.1.0 into a folder, with what its scenarios name.

    Its own entry points go with it: those of an installation name modules that it does not have.
    """
    parts = ("qnetsim", "models", "scenarios", "traces", "setup.cfg", "setup.py", "README.md")
    command = ["git", "archive", RELEASE, *parts]
    archive = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    with tarfile.open(fileobj=BytesIO(archive)) as packed:
        packed.extractall(folder, filter="data")
    command = [sys.executable, "-W", "ignore", "setup.py", "-q", "egg_info"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def environment_of(tree: Path) -> dict[str, str]:
    """Variables of a process with the package of a folder."""
    return {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1"}


def in_tree(tree: Path, code: str, *words: str) -> dict[str, Any]:
    """Run Python code with the package of a folder; returns the JSON that it prints."""
    done = subprocess.run(
        [sys.executable, "-c", GUARD + code, str(tree.resolve()), *words],
        cwd=tree,
        env=environment_of(tree),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@contextmanager
def measuring(
    tree: Path, code: str, words: Sequence[str]
) -> Iterator[Callable[[], dict[str, Any]]]:
    """Start a process with the package of a folder; what is given measures a round in it.

    Parameters
    ----------
    tree : Path
    code : str
        Defines ``measure``, which takes nothing and returns what JSON can hold.
    words : sequence of str
    """
    with subprocess.Popen(
        [sys.executable, "-c", GUARD + code + ROUNDS, str(tree.resolve()), *words],
        cwd=tree,
        env=environment_of(tree),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        ask, answer = process.stdin, process.stdout
        assert ask is not None
        assert answer is not None

        def measure() -> dict[str, Any]:
            ask.write("\n")
            ask.flush()
            found: dict[str, Any] = json.loads(answer.readline())
            return found

        yield measure


def in_turn(
    release: Path, code: str, words: Sequence[str], rounds: int
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Measure version 0.1.0 and this one, one round each, in turn, in a process each."""
    with ExitStack() as stack:
        old, new = (stack.enter_context(measuring(tree, code, words)) for tree in (release, ROOT))
        return [(old(), new()) for _ in range(rounds)]
