"""A process of its own for the inputs, which may hang in C or be killed, and is started anew."""

from __future__ import annotations

import faulthandler
import os
import time
import warnings
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

from tests.fuzz.attempt import GRACE_S, NOT_MADE, attempt
from tests.fuzz.reached import Reached
from tests.fuzz.seeds import Home, make_home
from tests.fuzz.targets import TARGETS, Target, seeds_of

#: Inputs that reach something new and are kept for a target, at most.
MOST_KEPT = 400
#: Inputs without anything new after which only every tenth is watched for new lines.
TIRED = 200
#: Times the limits of a target that its answer may take; the process minds four times itself.
PATIENCE = 6.0
#: CPU time for making an input, and before the first one what its target needs, in seconds.
DRAW_S = 60.0
#: Name of the file with the latest input.
LATEST = "latest"


class Worker:
    """Gives inputs to targets in another process.

    Attributes
    ----------
    input : Path
        Where the latest input stands.
    """

    def __init__(self, folder: Path, seed: int, corpus: Path) -> None:
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.input = self.folder / LATEST
        self._arguments = (self.folder, seed, corpus)
        self._start()

    def _start(self) -> None:
        context = get_context("spawn")
        self._connection, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(there, *self._arguments), daemon=False)
        self._process.start()
        there.close()
        self._connection.recv()  # it is ready

    def attempt(self, name: str, number: int) -> tuple[str, str, str]:
        """Give a target its input of a number; returns kind, text and key of how it ended."""
        target = TARGETS[name]
        drawn = False
        try:
            self._connection.send((name, number))
            if self._answers_within(DRAW_S):
                self._connection.recv()
                drawn = True
            if drawn and self._answers_within(PATIENCE * (target.limit_s + GRACE_S * target.stops)):
                found: tuple[str, str, str] = self._connection.recv()
                return found
            self._process.kill()
            end = ("hang", "no answer, and no signal was minded", "hang-in-C")
            if not drawn:
                end = (NOT_MADE, "", "")
        except (EOFError, BrokenPipeError, ConnectionResetError):
            self._process.join()
            text = (self.folder / "stderr.txt").read_text("utf-8", "replace")[-20_000:]
            end = ("crash", f"status {self._process.exitcode}\n{text}", "crash")
            if not drawn:
                end = (NOT_MADE, "", "")
        self._process.join()
        self._connection.close()
        self._start()
        return end

    def _answers_within(self, limit_s: float) -> bool:
        """Whether there is an answer within a limit of CPU time, or eight times that in all."""
        began = _cpu_s(self._process.pid)
        latest = time.monotonic() + 8 * limit_s
        while not self._connection.poll(0.5):
            if _cpu_s(self._process.pid) - began > limit_s or time.monotonic() > latest:
                return False
        return True

    @property
    def process(self) -> int | None:
        """Number of the process."""
        return self._process.pid

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()


def _cpu_s(process: int | None) -> float:
    """CPU time of a process so far, as Linux tells it."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class _Pool:
    """Inputs of a target: those to begin with, and those that reached something new."""

    def __init__(self, target: Target, home: Home, seed: int, corpus: Path) -> None:
        self.target = target
        self.seed = seed
        self.inputs = seeds_of(target, home, corpus)
        self.given = len(self.inputs)
        self.reached = Reached()
        self.idle = 0

    def draw(self, number: int) -> bytes:
        """Input of a number: first each seed as it is, then mutations."""
        if number < self.given:
            return self.inputs[number]
        rng = Random(f"{self.seed}/{self.target.name}/{number}")
        return self.target.mutate(rng, rng.choice(self.inputs), rng.choice(self.inputs))

    def prepare(self, number: int, folder: Path) -> bytes:
        """Draw an input and write it."""
        (folder / LATEST).write_bytes(b"")  # so that a mutation that hangs blames no input
        data = self.draw(number)
        (folder / LATEST).write_bytes(data)  # the target may change its own
        return data

    def attempt(self, number: int, data: bytes, folder: Path, home: Home) -> tuple[str, str, str]:
        """Give an input to the target."""
        path = folder / f"input{self.target.suffix}"
        path.write_bytes(data)
        # where there is much to find each input is watched, later a tenth, which costs less;
        # commands are not, as an interrupt that is raised in Python's hook for lines can be lost
        if not self.target.stops and (self.idle < TIRED or number % 10 == 0):
            with self.reached.watching() as news:
                end = attempt(self.target, path, home)
            self.idle = 0 if news() else self.idle + 1
            if news() and number >= self.given and len(self.inputs) < self.given + MOST_KEPT:
                self.inputs.append(data)
        else:
            end = attempt(self.target, path, home)
        return end.kind, end.text, end.key


def _serve(connection: Connection, folder: Path, seed: int, corpus: Path) -> None:
    """Answer the parent until it goes."""
    faulthandler.enable((folder / "stderr.txt").open("w"))
    warnings.simplefilter("ignore")  # of mutations; those of the package are looked for
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    home = make_home(folder / "home")
    pools: dict[str, _Pool] = {}
    connection.send("ready")
    while True:
        try:
            name, number = connection.recv()
        except EOFError:
            return
        target = TARGETS[name]
        if name not in pools:
            pools[name] = _Pool(target, home, seed, corpus)
        data = pools[name].prepare(number, folder)
        connection.send("drawn")
        connection.send(pools[name].attempt(number, data, folder, home))
