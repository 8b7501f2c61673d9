"""Small commands and the demo beside version 0.1.0, in CPU time of processes: ``make bench``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import NamedTuple

import pytest

from tests.support import ROOT
from tests.support.release import GUARD, Ratio, environment_of, median_pair

pytestmark = pytest.mark.slow

#: Rounds of each command, in turn; the median of what they say counts, without the first.
ROUNDS = 4
#: CPU time of a small command that was asked for, in imports of numpy and h5py.
ASKED_FLOORS = 2.5
FLOOR = ["-c", "import numpy, h5py"]
#: What the demo needs of libraries.
DEMO_FLOOR = [
    "-c",
    "import numpy, h5py, pydantic, matplotlib.figure, matplotlib.backends.backend_svg",
]
NSFNET, TINY = (str(ROOT / "scenarios" / f"{name}.toml") for name in ("nsfnet", "tiny"))
RUN = ["run", NSFNET, "-p", "sip", "--slots", "500", "--out", "t.h5", "--force"]
DEMO = ["compare", NSFNET, "--out", "demo", "--force"]


class Small(NamedTuple):
    """A small command; its most CPU time in floors, and its ratio to 0.1.0: promised, asked."""

    name: str
    arguments: list[str]
    floors: float
    promised: float
    asked: float | None = None


SMALL = (
    Small("`--help`", ["--help"], 0.7, 0.8),
    Small("`topologies`", ["topologies"], 2.3, 2.2, 2.1),
    Small("`policies`", ["policies"], 3.0, 2.1),
    Small("`scenario check nsfnet`", ["scenario", "check", NSFNET], 3.3, 2.4, 1.95),
    Small("`plan tiny`", ["plan", TINY], 3.3, 2.3, 1.36),
    Small("`plan nsfnet`", ["plan", NSFNET], 3.4, 2.4, 1.36),
    Small("`plan nsfnet --out`", ["plan", NSFNET, "--out", "p.h5", "--force"], 4.2, 2.4),
    Small("`run nsfnet`, 500 slots", RUN, 4.4, 1.7, 1.57),
    Small("`inspect`", ["inspect", "t.h5"], 1.8, 4.7),
)

#: Runs a command and prints the CPU seconds of all its processes, and those of the clock; on Linux
#: also of those that outlive their parents (prctl 36 makes this one their next parent).
MEASURE = """
import ctypes, os, resource, subprocess, sys, time
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
begun = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
while True:
    try:
        os.wait()
    except ChildProcessError:
        break
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, time.perf_counter() - begun)
"""


def environment(tree: Path, folder: Path) -> dict[str, str]:
    """Variables of a process with the package of a folder; byte code is kept."""
    found = environment_of(tree) | {"PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    return {name: value for name, value in found.items() if name != "PYTHONDONTWRITEBYTECODE"}


def refuse_others(tree: Path, folder: Path) -> None:
    """Refuse to measure another package than that of a folder."""
    command = [sys.executable, "-c", GUARD, str(tree.resolve())]
    subprocess.run(command, cwd=folder, env=environment(tree, folder), check=True)


def spent(tree: Path, folder: Path, arguments: list[str]) -> tuple[float, float]:
    """CPU seconds of a Python process with the package of a folder, and those of the clock."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, sys.executable, *arguments],
        cwd=folder,
        env=environment(tree, folder),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    cpu, clock = map(float, done.stdout.split())
    return cpu, clock


def in_turn(folder: Path, runs: list[tuple[Path, list[str]]], rounds: int) -> list[list[float]]:
    """CPU seconds of each of these in each round but the first, which writes byte code.

    A round runs one after the other, so that its ratios are of one moment: a machine that many
    share changes its pace by half within a minute.
    """
    for tree, _ in runs:
        refuse_others(tree, folder)
    found = [[spent(tree, folder, words)[0] for tree, words in runs] for _ in range(rounds)]
    return found[1:]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of all small commands, with a trace for ``inspect``."""
    found = tmp_path_factory.mktemp("small")
    spent(ROOT, found, ["-m", "qnetsim", *RUN])
    return found


@pytest.mark.parametrize("small", SMALL, ids=lambda s: s.name.strip("`").replace(" ", "-"))
def test_a_small_command_costs_little_more_than_its_libraries(
    small: Small, release: Path, folder: Path
) -> None:
    command = ["-m", "qnetsim", *small.arguments]
    # the floor beside each command, for machines change their pace
    runs = [(release, command), (ROOT, command), (ROOT, FLOOR)]
    rounds = in_turn(folder, runs, ROUNDS)
    floors = median(now / floor for _, now, floor in rounds)
    print(
        f"\n{small.name}: {floors:.2f} of the floor ({rounds[-1][2]:.3f} s); "
        f"asked {ASKED_FLOORS}, at most {small.floors}"
    )
    before, now = median_pair([(old, new) for old, new, _ in rounds])
    Ratio(small.name, "s", before, now, small.promised, small.asked).hold()
    assert floors <= small.floors


def test_the_demo_beside_the_release(release: Path, tmp_path: Path) -> None:
    demo = ["-m", "qnetsim", *DEMO]
    runs = [(release, demo), (ROOT, demo), (ROOT, DEMO_FLOOR)]
    ((before, now, floor),) = in_turn(tmp_path, runs, rounds=2)
    print(f"\nthe demo: imports of its libraries alone take {floor:.2f} s")
    # asked are 3 of 7.7 seconds
    Ratio("the demo", "s", before, now, 2.8, 2.57).hold()


#: Worlds of the demo that keep one process busy for 20 CPU seconds or more, at 20 ms a run.
REPLICATIONS = 160
#: Pairs of one worker and two; the median of their efficiencies counts.
PAIRS = 5
#: Least efficiency of two workers that is promised: in CPU time, and by the clock.
OF_CPU, OF_CLOCK = 0.9, 0.8


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="two workers need two cores")
def test_two_workers_share_the_work(tmp_path: Path) -> None:
    refuse_others(ROOT, tmp_path)
    command = ["-m", "qnetsim", *DEMO, "--no-report", "--replications", str(REPLICATIONS)]
    of_cpu, of_clock = [], []
    for _ in range(PAIRS):
        (cpu_of_one, one), (cpu_of_two, two) = (
            spent(ROOT, tmp_path, [*command, "--workers", count]) for count in ("1", "2")
        )
        of_cpu.append(cpu_of_one / cpu_of_two)
        of_clock.append(one / two / 2)
        print(
            f"\none worker {cpu_of_one:.1f} CPU s, {one:.1f} s; "
            f"two {cpu_of_two:.1f} CPU s, {two:.1f} s: "
            f"efficiency {of_cpu[-1]:.2f} in CPU time, {of_clock[-1]:.2f} by the clock"
        )
        if cpu_of_one < 20:
            pytest.fail(f"one worker took {cpu_of_one:.1f} of 20 CPU seconds; raise REPLICATIONS")
    cpu, clock = median(of_cpu), median(of_clock)
    print(
        f"medians {cpu:.2f} and {clock:.2f} on {os.cpu_count()} cores "
        f"at a load of {os.getloadavg()[0]:.1f}; asked 0.9"
    )
    assert cpu >= OF_CPU
    assert clock >= OF_CLOCK
