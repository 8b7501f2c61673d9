"""Commands that are killed at random instants lose nothing, and their reruns end the same.

``python -m pytest -m slow -s tests/verification/test_kills.py`` prints the counts.
"""

from __future__ import annotations

import hashlib
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from qnetsim.analysis.completeness import missing_traces
from qnetsim.trace import is_ours, open_world
from qnetsim.trace.files.curve_file import is_curve, read_curve
from qnetsim.trace.files.planned_traces import read_planned
from tests.support import SCENARIOS
from tests.support.processes import UGLY, alive, descendants, start, wait_until

pytestmark = pytest.mark.slow

NSFNET = str(SCENARIOS / "nsfnet.toml")
LEARNING = f"""
[run]
seed = 3
slots = 64
[network]
topology = "{SCENARIOS / "tiny.csv"}"
[demand]
pairs = "all"
[learning]
epochs = 40
slots_per_epoch = 12
updates_per_epoch = 6
batch = 8
hidden_units = 16
"""
BOTH = ("-p", "evf", "-p", "random", "--replications", "2", "--slots", "12000", "-o", "out")
#: Seconds for which processes may outlive the one that was killed.
OUTLIVE_S = 10


@dataclass(frozen=True)
class Kind:
    """A command, how often it is killed, and how it is given again.

    Attributes
    ----------
    kills : int
    arguments : tuple of str
    again : tuple of str
        Further options of the rerun.
    inputs : tuple of (tuple of str)
        Commands that make what it reads.
    """

    kills: int
    arguments: tuple[str, ...]
    again: tuple[str, ...] = ("--force",)
    inputs: tuple[tuple[str, ...], ...] = ()


RECORDED = ("run", NSFNET, "-p", "evf", "--slots", "12000", "-o", "in/evf-r000.h5")
KINDS = {
    "run": Kind(20, ("run", NSFNET, "-p", "evf", "--slots", "30000", "-o", "out/t.h5"), ()),
    "compare": Kind(15, ("compare", NSFNET, *BOTH)),
    "compare --workers 2": Kind(15, ("compare", NSFNET, *BOTH, "--workers", "2")),
    "replay": Kind(
        15, ("replay", "in/evf-r000.h5", "-p", "random", "-o", "out/t.h5"), inputs=(RECORDED,)
    ),
    "demand": Kind(10, ("demand", NSFNET, "--slots", "30000", "-o", "out/w.h5")),
    "report": Kind(10, ("report", "in/evf-r000.h5", "-o", "out"), inputs=(RECORDED,)),
    "train": Kind(15, ("train", "in/s.toml", "-p", "decsac", "-o", "out/w.safetensors"), ()),
}


@dataclass(frozen=True)
class Instant:
    """When to kill: seconds after the start, or after the first file of results.

    Attributes
    ----------
    seconds : float
    writing : bool
    """

    seconds: float
    writing: bool


def prepare(folder: Path, kind: Kind) -> None:
    """A folder with what a command reads, and with files of before that it must not touch."""
    for name in ("in", "out"):
        (folder / name).mkdir(parents=True)
        (folder / name / "precious.txt").write_text("precious")
    (folder / "in" / "s.toml").write_text(LEARNING)
    for arguments in kind.inputs:
        finish(folder, arguments)


def finish(folder: Path, arguments: Sequence[str]) -> None:
    """Run a command to its end."""
    process = start(folder, *arguments)
    _, err = process.communicate(timeout=600)
    assert process.returncode == 0, err


def results(folder: Path) -> dict[str, str]:
    """Digest of each result by its path; what the wall clock changes is left out."""
    found = {}
    for path in sorted((folder / "out").rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            found[str(path.relative_to(folder))] = digest(path)
    return found


def digest(path: Path) -> str:
    if is_curve(path):
        return read_curve(path).digest()
    if is_ours(path):
        with open_world(path) as trace:
            assert trace.status == "complete", path
            assert trace.content_digest() == trace.attribute("content_digest")
            return trace.attribute("content_digest")
    if path.suffix in {".html", ".md"}:
        return "there"  # they say when and how long
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_traces(folder: Path, whole: Path) -> int:
    """Hold every trace against that of the unbroken command; returns how many are cut short."""
    short = 0
    for path in (folder / "out").glob("*.h5"):
        if is_curve(path):
            read_curve(path)
            continue
        with open_world(path) as trace, open_world(whole / path.relative_to(folder)) as full:
            names = ["slots/served", "decisions/qkd_channels"] if trace.kind.noun == "trace" else []
            for column in ("world/levels", *names):
                np.testing.assert_array_equal(
                    trace.column(column), full.column(column, 0, trace.slots)
                )
            short += trace.status != "complete"
    return short


def begun_writing(folder: Path) -> bool:
    """Whether there is a result, or a file that is to become one."""
    return any(path.name != "precious.txt" for path in (folder / "out").rglob("*"))


def kill(folder: Path, kind: Kind, instant: Instant, number: int) -> bool:
    """Kill a command at an instant; returns whether it was still at work."""
    process = start(folder, *kind.arguments)
    if instant.writing:
        wait_until(lambda: begun_writing(folder) or process.poll() is not None)
    deadline = time.monotonic() + instant.seconds
    while time.monotonic() < deadline and process.poll() is None:
        time.sleep(min(0.02, max(0.0, deadline - time.monotonic())))
    family = set(descendants(process.pid))
    at_work = process.poll() is None
    process.send_signal(number)
    _, err = process.communicate(timeout=120)
    assert wait_until(lambda: not any(map(alive, family)), OUTLIVE_S)
    if number == signal.SIGTERM:
        # Python itself ends without a word before our first line runs
        assert process.returncode in {0, 143, -signal.SIGTERM}, err
        assert not any(word in err for word in UGLY), err
        assert not list(folder.rglob(".*")), "temporary files are left"
    return at_work


@pytest.mark.parametrize("name", list(KINDS))
def test_kills_lose_nothing(name: str, tmp_path: Path) -> None:
    kind = KINDS[name]
    whole = tmp_path / "whole"
    prepare(whole, kind)
    begun = time.monotonic()
    process = start(whole, *kind.arguments)
    wait_until(lambda: begun_writing(whole) or process.poll() is not None)
    quiet = time.monotonic() - begun
    _, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    # every other kill is aimed at the time in which files are written
    writing = time.monotonic() - begun - quiet
    expected = results(whole)
    rng = np.random.default_rng(18)
    at_work = short = terminated = 0
    for i in range(kind.kills):
        folder = tmp_path / str(i)
        prepare(folder, kind)
        before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
        number = signal.SIGTERM if i % 4 in {1, 2} and i % 8 > 3 else signal.SIGKILL
        length = writing if i % 2 else quiet + writing
        instant = Instant(float(rng.uniform(0, 1)) * length, writing=bool(i % 2))
        terminated += number == signal.SIGTERM
        at_work += kill(folder, kind, instant, number)
        short += check_traces(folder, whole)
        planned = read_planned(folder / "out")
        there = [path.name for path in (folder / "out").glob("*.h5")]
        if planned and len(there) < len(planned):
            assert missing_traces([folder / "out" / "x.h5"])
        resumes = name == "run" and (folder / "out" / "t.h5").exists()
        done = name == "train" and (folder / "out" / "w.safetensors").exists()
        again = ("--resume",) if resumes else ("--force",) if done else kind.again
        finish(folder, (*kind.arguments, *again))
        assert results(folder) == expected
        assert {p: p.read_bytes() for p in before} == before
    signals = f"{kind.kills - terminated} SIGKILL, {terminated} SIGTERM"
    print(f"\n{name}: {kind.kills} kills ({signals}), {at_work} at work, {short} traces cut short")
    assert at_work >= kind.kills // 2
