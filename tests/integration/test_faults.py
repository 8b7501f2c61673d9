"""Each command, with each of its calls that change a folder failing in turn.

Three kinds of faults: one call fails (EIO), the disk is full from one call on (ENOSPC), and the
process is killed in place of one call. The default tests take a few of them, `make verify` all;
``python -m pytest tests/integration/test_faults.py -m slow -s -n 0`` prints how many.
"""

from __future__ import annotations

import errno
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from qnetsim.policies.learned.weights import read_weights
from qnetsim.trace import open_trace, open_world, read_plan
from tests.support.faults import Done, Fault, Faults

SCENARIO = """
[run]
slots = 1100
replications = 1
[network]
topology = "ring.csv"
[demand]
pairs = [["a", "c"], ["b", "d"], ["a", "d"], ["c", "d"]]
[learning]
epochs = 2
slots_per_epoch = 4
updates_per_epoch = 2
batch = 4
hidden_units = 8
"""
RING = "source,target,length_km\na,b,100\nb,c,100\nc,d,100\na,d,100\n"

#: Kinds of faults, and how each is made at a call.
FAULTS: dict[str, Callable[[int], Fault]] = {
    "fails": Fault,
    "full disk": partial(Fault, error=errno.ENOSPC, stays=True),
    "killed": partial(Fault, kills=True),
}
#: Of commands that write as others do and take long, every n-th call.
STRIDES = {"replay": 5, "compare": 23, "report": 4}
MODULES = ("compare", "demand", "plan", "replay", "report", "run", "train")
#: What the commands import besides, which else each of some hundred forks does anew.
LIBRARIES = (
    *("matplotlib.figure", "rich.live", "rich.progress", "rich.table", "scipy.sparse"),
    *("torch", "qnetsim.learning.results", "qnetsim.analysis.report"),
    "qnetsim.cli.inspect",
)


@dataclass(frozen=True)
class Bench:
    """Where the commands run: their inputs, where they write, and the process that forks."""

    faults: Faults
    inputs: Path
    out: Path

    @property
    def scenario(self) -> str:
        return str(self.inputs / "s.toml")

    def run(self, *arguments: str, fault: Fault | None = None) -> Done:
        return self.faults.run(self.out, arguments, fault)

    def well(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.status == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    inputs = tmp_path_factory.mktemp("inputs")
    (inputs / "ring.csv").write_text(RING)
    (inputs / "s.toml").write_text(SCENARIO)
    modules = [f"qnetsim.cli.{name}" for name in MODULES] + list(LIBRARIES)
    with Faults(tmp_path_factory.mktemp("scratch"), modules) as faults:
        made = Bench(faults, inputs, tmp_path_factory.mktemp("faulty") / "out")
        for policy in ("evf", "random"):
            made.well("run", made.scenario, "-p", policy, "-o", str(inputs / f"{policy}.h5"))
        yield made


def content(path: Path) -> str:
    with open_trace(path) as trace:
        assert trace.status == "complete"
        assert trace.content_digest() == trace.attribute("content_digest")
        return trace.content_digest()


def finished(bench: Bench, path: Path, policy: str) -> str:
    """Content digest of a trace, which is looked at and gone on with first."""
    if path.exists():
        bench.well("inspect", str(path))
    bench.well("run", bench.scenario, "-p", policy, "-o", str(path), "--resume")
    return content(path)


def report_is_whole(folder: Path) -> None:
    """A page is there with all its figures, or not at all."""
    if (folder / "report.html").exists():
        assert (folder / "report.html").read_text().rstrip().endswith("</html>")
        figures = list((folder / "figures").glob("[!.]*"))
        names, formats = ({getattr(path, part) for path in figures} for part in ("stem", "suffix"))
        # `compare` draws them as SVG, `report` in three formats
        assert len(figures) == len(names) * len(formats)
        assert len(names) == 4
        assert all(figure.stat().st_size > 500 for figure in figures)


class Run:
    """``run --durable``, and going on with ``--resume``."""

    def arguments(self, bench: Bench) -> list[str]:
        path = str(bench.out / "sub" / "t.h5")
        return ["run", bench.scenario, "-p", "random", "-o", path, "--durable"]

    def result(self, bench: Bench) -> object:
        return finished(bench, bench.out / "sub" / "t.h5", "random")


class Replay:
    """``replay``; what it leaves is gone on with by ``run``, as the world is the seed's."""

    def arguments(self, bench: Bench) -> list[str]:
        source = str(bench.inputs / "random.h5")
        return ["replay", source, "-p", "evf", "-o", str(bench.out / "t.h5")]

    def result(self, bench: Bench) -> object:
        return finished(bench, bench.out / "t.h5", "evf")


class Compare:
    """``compare``: two traces and a report."""

    def arguments(self, bench: Bench) -> list[str]:
        policies = ["-p", "evf", "-p", "random"]
        return ["compare", bench.scenario, *policies, "-o", str(bench.out / "c")]

    def result(self, bench: Bench) -> object:
        folder = bench.out / "c"
        report_is_whole(folder)
        names = {"evf": folder / "evf-r000.h5", "random": folder / "random-r000.h5"}
        # traces of an interrupted comparison are those of single runs
        return [finished(bench, path, policy) for policy, path in names.items()]


class Report:
    """``report`` of two traces."""

    def arguments(self, bench: Bench) -> list[str]:
        traces = [str(bench.inputs / f"{policy}.h5") for policy in ("evf", "random")]
        return ["report", *traces, "-o", str(bench.out / "r")]

    def result(self, bench: Bench) -> object:
        report_is_whole(bench.out / "r")
        return None


class Plan:
    """``plan`` over a plan that is there."""

    def arguments(self, bench: Bench) -> list[str]:
        return ["plan", bench.scenario, "-p", "sip", "-o", str(bench.out / "p.h5")]

    def result(self, bench: Bench) -> object:
        path = bench.out / "p.h5"
        if path.exists():
            bench.well("inspect", str(path))
        bench.well(*self.arguments(bench), "--force")
        return read_plan(path).columns["fibres/qkd_channels"].tolist()


class Demand:
    """``demand``: a whole world."""

    def arguments(self, bench: Bench) -> list[str]:
        return ["demand", bench.scenario, "-o", str(bench.out / "w.h5")]

    def result(self, bench: Bench) -> object:
        path = bench.out / "w.h5"
        if path.exists():
            with open_world(path) as world:
                assert world.slots <= 1100
        bench.well(*self.arguments(bench), "--force")
        with open_world(path) as world:
            assert world.status == "complete"
            return world.attribute("world_digest")


class DemandTable:
    """``demand`` into a table: there is no half of one."""

    def arguments(self, bench: Bench) -> list[str]:
        return ["demand", bench.scenario, "-o", str(bench.out / "w.csv")]

    def result(self, bench: Bench) -> object:
        path = bench.out / "w.csv"
        if not path.exists():
            bench.well(*self.arguments(bench))
        return path.read_bytes()


class Train:
    """``train``; the same command goes on."""

    def arguments(self, bench: Bench) -> list[str]:
        path = str(bench.out / "w.safetensors")
        return ["train", bench.scenario, "-p", "decsac", "-o", path, "--durable"]

    def result(self, bench: Bench) -> object:
        weights = bench.out / "w.safetensors"
        if weights.exists():
            read_weights(weights)
        if not all(weights.with_suffix(s).exists() for s in (".md", ".h5")) or (
            weights.with_suffix(".state").exists()
        ):
            bench.well(*self.arguments(bench))
        assert not weights.with_suffix(".state").exists()
        assert weights.with_suffix(".h5").exists()
        sha256 = read_weights(weights).sha256
        assert sha256 in weights.with_suffix(".md").read_text()
        return sha256


COMMANDS = {
    "run": Run(),
    "replay": Replay(),
    "compare": Compare(),
    "report": Report(),
    "plan": Plan(),
    "demand": Demand(),
    "demand, csv": DemandTable(),
    "train": Train(),
}


def begin(bench: Bench) -> None:
    shutil.rmtree(bench.out, ignore_errors=True)
    bench.out.mkdir()
    (bench.out / "precious").write_text("years of work")


def undisturbed(bench: Bench, name: str) -> tuple[object, int]:
    """Result of a command without faults, and how many of its calls can fail."""
    begin(bench)
    done = bench.run(*COMMANDS[name].arguments(bench))
    assert done.status == 0, done.stderr
    return COMMANDS[name].result(bench), done.calls


def check_fault(bench: Bench, name: str, fault: Fault, wanted: object) -> Done:
    """One fault: the message, what is left of the files, and how it goes on."""
    command = COMMANDS[name]
    begin(bench)
    done = bench.run(*command.arguments(bench), fault=fault)
    said = f"{name}, {fault}, {done}"
    left = [path.name for path in bench.out.rglob(".*")]
    if fault.kills:
        assert done.status in {0, -signal.SIGKILL}, said
    elif done.kind == "none":
        assert done.status == 0, said
        assert not left, said
    elif done.kind in {"unlink", "mkdir"} and done.status == 0:
        # a lock that stays, or a folder that was there
        assert all(path.endswith(".lock") for path in left), said
    else:
        assert done.status == 3, said
        assert done.stderr.startswith("error: "), said
        assert done.stderr.count("\n") == 1, said
        assert done.kind == "unlink" or not left, (said, left)
    assert (bench.out / "precious").read_text() == "years of work"
    assert command.result(bench) == wanted, said
    return done


@pytest.mark.parametrize("name", ["run", "plan", "demand", "train"])
def test_a_few_faults_lose_nothing(bench: Bench, name: str) -> None:
    wanted, calls = undisturbed(bench, name)
    rng = np.random.default_rng(18)
    for make in FAULTS.values():
        for number in rng.choice(calls, 3, replace=False):
            check_fault(bench, name, make(int(number) + 1), wanted)


@pytest.mark.slow
@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("name", COMMANDS)
def test_no_fault_loses_anything(bench: Bench, name: str, kind: str) -> None:
    wanted, calls = undisturbed(bench, name)
    met = 0
    first = 1 + list(FAULTS).index(kind)
    for number in range(1 if name not in STRIDES else first, 2 * calls, STRIDES.get(name, 1)):
        done = check_fault(bench, name, FAULTS[kind](number), wanted)
        if done.status == 0 and done.kind == "none":
            break
        met += 1
    print(f"\n{name}, {kind}: {met} faults")
    assert met >= 3
