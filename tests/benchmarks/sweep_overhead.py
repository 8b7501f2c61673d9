"""What a sweep costs beside its jobs, and how well two processes share them.

``python -m tests.benchmarks.sweep_overhead`` prints the figures of docs/background/speed-notes.md;
with the word ``overhead`` or ``efficiency``, one of the two. Load is printed beside every figure:
the clock says something of two processes only where nothing else runs.
"""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from qnetsim.case import load as load_scenario
from qnetsim.case import open_case
from qnetsim.plans.make import make_plan
from qnetsim.runs.simulate import simulate

JOBS = 1000
#: Short jobs for the overhead, longer ones for the efficiency.
SHORT = f"""
scenario = "nsfnet"
policies = ["evf"]
replications = {JOBS}
set.run.slots = 50
set.demand.requests = 20
"""
LONG = """
scenario = "nsfnet"
policies = ["evf"]
replications = 40
set.run.slots = 100000
set.demand.requests = 100
"""


def own_cpu() -> float:
    """CPU seconds of this process and of its finished children."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    used = [resource.getrusage(kind) for kind in kinds]
    return sum(u.ru_utime + u.ru_stime for u in used)


def sweep(folder: Path, text: str, workers: int) -> tuple[float, float]:
    """CPU and wall seconds of ``qnetsim sweep run``, planning included."""
    folder.mkdir()
    (folder / "study.toml").write_text(text)
    line = ["sweep", "run", "study.toml", "--workers", str(workers)]
    cpu, wall = own_cpu(), time.perf_counter()
    subprocess.run([sys.executable, "-m", "qnetsim", *line], cwd=folder, check=True)
    return own_cpu() - cpu, time.perf_counter() - wall


def alone(folder: Path) -> float:
    """CPU seconds of the same jobs in a loop in this process."""
    changes = {("run", "slots"): 50, ("demand", "requests"): 20}
    case = open_case(load_scenario("nsfnet", changes=changes))
    plan = make_plan(case, "evf")
    simulate(case, "evf", folder / "first.h5", plan=plan)
    cpu = own_cpu()
    for replication in range(JOBS):
        out = folder / f"{replication}.h5"
        simulate(case, "evf", out, replication=replication, plan=plan)
    return own_cpu() - cpu


def load() -> str:
    """What else the machine does, for the figures that the clock gives."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"


def overhead(folder: Path) -> None:
    """Print what a job of a sweep takes beside the run itself."""
    before = load()
    loop = alone(folder)
    cpu, wall = sweep(folder / "overhead", SHORT, 2)
    print(f"{JOBS} jobs: loop {loop:.1f} CPU s; sweep {cpu:.1f} CPU s, {wall:.1f} s of wall")
    print(f"overhead a job: {(cpu - loop) / JOBS * 1000:.1f} ms of CPU (at most 20); {before}")


def efficiency(folder: Path) -> None:
    """Print T1 / 2 T2: by the clock, and by CPU time, which other programs do not disturb."""
    before = load()
    cpu1, wall1 = sweep(folder / "one", LONG, 1)
    cpu2, wall2 = sweep(folder / "two", LONG, 2)
    print(f"one process {wall1:.1f} s ({cpu1:.1f} CPU s), two {wall2:.1f} s ({cpu2:.1f} CPU s)")
    print(f"efficiency by the clock {wall1 / (2 * wall2):.2f} (at least 0.9, undisturbed)")
    print(f"efficiency by CPU time  {cpu1 / cpu2:.2f}")
    # two undisturbed processes would take two processors
    print(f"processors that it got: one {cpu1 / wall1:.2f}, two {cpu2 / wall2:.2f}; {before}")


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    asked = sys.argv[1:] or ["overhead", "efficiency"]
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        for what in asked:
            {"overhead": overhead, "efficiency": efficiency}[what](Path(name))
