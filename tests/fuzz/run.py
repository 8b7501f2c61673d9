"""Fuzz every reader and every command, and say what came of it.

From the repository's root::

    python -m tests.fuzz.run --minutes 5          # all targets in turn
    python -m tests.fuzz.run --inputs 20          # so many inputs for each target
    python -m tests.fuzz.run trace plan           # these targets alone
    python -m tests.fuzz.run --guided trace       # one target, guided by Atheris

Inputs that end in a traceback, a hang, a crash, or an undocumented status are kept under
``build/fuzz/failures``, one for each fault, with what was said. The exit status is 1 if there is
any. To try one again: ``python -m tests.fuzz.run --again build/fuzz/failures/TARGET/FILE``.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.attempt import FAULTS, FINE, NOT_MADE, attempt
from tests.fuzz.seeds import CORPUS, make_home
from tests.fuzz.targets import TARGETS
from tests.fuzz.worker import Worker
from tests.support import ROOT

#: Seconds that a target has until the next one has its turn.
TURN_S = 4.0


@dataclass
class Tally:
    """What came of the inputs of a target."""

    ends: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)

    @property
    def failed(self) -> int:
        """Inputs that ended in a fault."""
        return sum(self.ends[kind] for kind in FAULTS)


class Campaign:
    """All targets in turn, until the time is used up or each has had its inputs."""

    def __init__(
        self, names: Iterable[str], folder: Path, seed: int, corpus: Path = CORPUS
    ) -> None:
        self.names = list(names)
        self.folder = folder
        self.first = 0
        self.tallies: dict[str, Tally] = defaultdict(Tally)
        self.worker = Worker(folder, seed, corpus)

    def run(self, *, minutes: float | None, inputs: int, first: int = 0) -> None:
        """Fuzz for so many minutes, or so many inputs of each target, from a number on."""
        self.first = first
        end = None if minutes is None else time.monotonic() + 60 * minutes
        try:
            if end is None:
                for name in self.names:
                    self._turn(name, inputs, None)
            while end is not None and time.monotonic() < end:
                # a short campaign reaches all targets too
                turn_s = min(TURN_S, 60 * (minutes or 0.0) / len(self.names))
                for name in self.names:
                    if time.monotonic() < end:
                        self._turn(name, 10**9, min(end, time.monotonic() + turn_s))
        finally:
            self.worker.close()

    def _turn(self, name: str, inputs: int, until: float | None) -> None:
        tally = self.tallies[name]
        first = self.first + sum(tally.ends.values())
        began = time.monotonic()
        for number in range(first, first + inputs):
            kind, text, key = self.worker.attempt(name, number)
            tally.ends[kind] += 1
            if kind in FAULTS:
                tally.faults[key] += 1
                if tally.faults[key] == 1:
                    self._keep(name, key, text)
            if until is not None and time.monotonic() > until:
                break
        tally.seconds += time.monotonic() - began

    def _keep(self, name: str, key: str, text: str) -> None:
        data = self.worker.input.read_bytes()
        place = self.folder / "failures" / name
        place.mkdir(parents=True, exist_ok=True)
        safe = "".join(c if c.isalnum() or c in "-_" else "_" for c in key)[:120]
        stem = f"{safe}-{hashlib.sha256(data).hexdigest()[:8]}"
        (place / f"{stem}{TARGETS[name].suffix}").write_bytes(data)
        (place / f"{stem}.txt").write_text(text, "utf-8", "replace")
        print(f"{name}: {key}", file=sys.stderr, flush=True)

    def table(self) -> str:
        """A row for each target, as a table of Markdown."""
        heads = ("target", "inputs", *FINE, *FAULTS, NOT_MADE, "seconds")
        rows = [heads, ("---", *("--:" for _ in heads[1:]))]
        total = Tally()
        for name in self.names:
            rows.append(_row(name, self.tallies[name]))
            total.ends += self.tallies[name].ends
            total.seconds += self.tallies[name].seconds
        rows.append(_row("all", total))
        return "\n".join("| " + " | ".join(row) + " |" for row in rows)

    @property
    def not_reached(self) -> list[str]:
        """Targets that had no input in the time."""
        return [name for name in self.names if not self.tallies[name].ends]

    @property
    def failed(self) -> bool:
        """Whether any input ended in a fault."""
        return any(tally.failed for tally in self.tallies.values())


def _row(name: str, tally: Tally) -> tuple[str, ...]:
    counts = (tally.ends[kind] for kind in (*FINE, *FAULTS, NOT_MADE))
    inputs = sum(tally.ends.values())
    return (name, f"{inputs:,}", *(f"{count:,}" for count in counts), f"{tally.seconds:.0f}")


def _again(path: Path, folder: Path) -> int:
    target = TARGETS[path.parent.name]
    end = attempt(target, path.resolve(), make_home(folder / "home"))
    print(f"{end.kind} {end.key}\n{end.text}")
    return int(end.kind in FAULTS)


def _guided(name: str, folder: Path, minutes: float | None) -> int:
    """Fuzz a target by Atheris, in a process of its own, which must import the package first."""
    if find_spec("atheris") is None:
        print("Atheris is not installed: pip install atheris", file=sys.stderr)
        return 2
    words = [sys.executable, "-m", "tests.fuzz.guided", name, "--folder", str(folder)]
    return subprocess.call(words + (["--minutes", str(minutes)] if minutes is not None else []))


def main(arguments: list[str] | None = None) -> int:
    """Read the command line and fuzz; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description="Fuzz qnetsim.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--minutes", type=float, help="how long")
    parser.add_argument("--inputs", type=int, default=50, help="inputs of each target otherwise")
    parser.add_argument("--seed", type=int, default=1, help="of the mutations")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "fuzz", help="for results")
    parser.add_argument("--guided", metavar="TARGET", help="guided by Atheris")
    parser.add_argument("--again", type=Path, metavar="FILE", help="try one input again")
    given = parser.parse_args(arguments)
    unknown = [
        name for name in (*given.targets, *filter(None, [given.guided])) if name not in TARGETS
    ]
    if unknown:
        parser.error(f"no target {unknown[0]!r}; there are {', '.join(TARGETS)}")
    if given.again is not None:
        return _again(given.again, given.folder)
    if given.guided is not None:
        return _guided(given.guided, given.folder, given.minutes)
    campaign = Campaign(given.targets or TARGETS, given.folder, given.seed)
    campaign.run(minutes=given.minutes, inputs=given.inputs)
    print("readers are guided by the lines of qnetsim they reach (Atheris: --guided TARGET)\n")
    print(campaign.table())
    if campaign.not_reached:
        print(f"\nnot reached, give more time: {', '.join(campaign.not_reached)}")
    if campaign.failed:
        print(f"\nfailing inputs: {given.folder / 'failures'}")
    return int(campaign.failed)


if __name__ == "__main__":
    sys.exit(main())
