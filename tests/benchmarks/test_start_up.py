"""Start-up of small commands and the demo beside version 0.1.0, in CPU time: ``make bench``.

``python -m tests.benchmarks.test_start_up`` prints the tables of docs/background/speed.md, and
``python -m tests.benchmarks.test_start_up workers`` what two workers cost beside one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.release import unpack_release

pytestmark = pytest.mark.slow

#: Runs of each command, in turn; the least CPU time counts.
ROUNDS = 5
#: Most CPU time of a small command, in imports of numpy and h5py.
MOST = 2.5
#: A command that plans is there in quiet minutes only, and one that writes a trace not yet.
MOST_OF = {"plan": 3.0, "run": 4.0}
FLOOR = ["-c", "import numpy, h5py"]
NSFNET, TINY = (str(ROOT / "scenarios" / f"{name}.toml") for name in ("nsfnet", "tiny"))
RUN = ["run", NSFNET, "-p", "sip", "--slots", "500", "--out", "t.h5", "--force"]
SMALL = {
    "--help": ["--help"],
    "topologies": ["topologies"],
    "policies": ["policies"],
    "scenario check nsfnet": ["scenario", "check", NSFNET],
    "plan tiny": ["plan", TINY],
    "plan nsfnet": ["plan", NSFNET],
    "run nsfnet, 500 slots": RUN,
    "inspect": ["inspect", "t.h5"],
}
#: Worlds of the demo that keep one process busy for about 20 CPU seconds, at 40 ms a run.
REPLICATIONS = 60
DEMO = ["compare", NSFNET, "--out", "demo", "--force"]


#: Runs a command and prints the CPU seconds of all its processes; on Linux also of those that
#: outlive their parents (prctl 36 makes this one their next parent).
MEASURE = """
import ctypes, os, resource, subprocess, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
while True:
    try:
        os.wait()
    except ChildProcessError:
        break
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime)
"""


def cpu(tree: Path, folder: Path, arguments: list[str]) -> float:
    """CPU seconds of a Python process with the package of a folder; byte code is kept."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPATH": str(tree), "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, sys.executable, *arguments],
        cwd=folder,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return float(done.stdout)


def least(folder: Path, release: Path, rounds: int) -> dict[str, tuple[float, float]]:
    """Least CPU seconds of each small command: in version 0.1.0, and now; and of the floor."""
    commands = {"floor": FLOOR} | {name: ["-m", "qnetsim", *c] for name, c in SMALL.items()}
    found = {name: (float("inf"), float("inf")) for name in commands}
    for number in range(rounds + 1):
        for place, tree in enumerate((release, ROOT)):
            for name, arguments in commands.items():
                seconds = cpu(tree, folder, arguments)
                if number:  # the first round writes the byte code
                    pair = list(found[name])
                    pair[place] = min(pair[place], seconds)
                    found[name] = pair[0], pair[1]
    return found


def test_small_commands_cost_little_more_than_their_libraries(
    release: Path, tmp_path: Path
) -> None:
    found = least(tmp_path, release, ROUNDS)
    floor = min(found.pop("floor"))
    for name, (before, now) in found.items():
        print(f"\n{name}: 0.1.0 {before:.2f} s, now {now:.2f} s, {now / floor:.2f} of the floor")
    for name, (before, now) in found.items():
        most = MOST_OF.get(name.split()[0], MOST)
        assert now <= most * floor, name
        assert now < before or name == "--help", name


def test_the_demo_beside_version_0_1_0(release: Path, tmp_path: Path) -> None:
    command = ["-m", "qnetsim", *DEMO]
    rounds = [(cpu(release, tmp_path, command), cpu(ROOT, tmp_path, command)) for _ in range(2)]
    before, now = map(min, zip(*rounds, strict=True))
    print(f"\ndemo: 0.1.0 {before:.2f} s, now {now:.2f} s")
    assert now < before


def efficiency(folder: Path, replications: int, rounds: int) -> list[tuple[float, float]]:
    """CPU seconds of the demo's runs by one worker and by two, in turn."""
    command = ["-m", "qnetsim", *DEMO, "--no-report", "--replications", str(replications)]
    pairs = []
    for _ in range(rounds):
        one, two = (cpu(ROOT, folder, [*command, "--workers", str(n)]) for n in (1, 2))
        print(f"one worker {one:.2f} CPU s, two {two:.2f}; efficiency {one / two:.2f}", flush=True)
        pairs.append((one, two))
    return pairs


def test_two_workers_cost_little_more_than_one(tmp_path: Path) -> None:
    one, two = map(min, zip(*efficiency(tmp_path, REPLICATIONS, rounds=2), strict=True))
    assert one / two >= 0.9


def main() -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        release = folder / "release"
        release.mkdir()
        unpack_release(release)
        found = least(folder, release, ROUNDS)
        floor = min(found.pop("floor"))
        print(f"floor {floor:.3f} CPU s")
        print("| command | 0.1.0 | now | of the floor |\n|---|---|---|---|")
        for command, (before, now) in found.items():
            print(f"| `{command}` | {before:.2f} | {now:.2f} | {now / floor:.1f} |", flush=True)
        command = ["-m", "qnetsim", *DEMO]
        pair = [min(cpu(tree, folder, command) for _ in range(2)) for tree in (release, ROOT)]
        print(f"| demo | {pair[0]:.1f} | {pair[1]:.1f} | |")


def workers_main() -> None:
    """Print what two workers cost beside one."""
    with tempfile.TemporaryDirectory() as name:
        efficiency(Path(name), REPLICATIONS, rounds=3)


if __name__ == "__main__":
    workers_main() if sys.argv[1:] == ["workers"] else main()
