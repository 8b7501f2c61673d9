"""A short tour through the installed qnetsim, in the current folder; ends with 1 where it fails.

It stands alone: it runs with the interpreter of the installation, and imports no test.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

#: Commands; those with --json must print one document on stdout and nothing else.
COMMANDS = (
    "compare tiny --out runs/tiny --json",
    "plan tight.toml --no-information --json",
    "plan auto.toml --no-information --json",
    "plan tiny --model model.mps --json",
    "run nsfnet -p fedsac --slots 20 --out fedsac.h5 --json",
    "verify fedsac.h5 --json",
    "demand outages --slots 20 --out world.h5 --json",
    "replay world.h5 -p evf --out replayed.h5 --json",
    "report runs/tiny --out page",
    "fel fel --task 2 --rounds 2 --json",
    "rates outages --out card.png --json",
    "scenario check germany50 diurnal --json",
    "sweep run study.toml --workers 1 --json",
    "sweep collect study.toml --out table.parquet --json",
    "sweep collect study.toml --out table.h5 --json",
    "sweep report study.toml --json",
    "train nsfnet -p fedsac --epochs 1 --out weights.safetensors --json",
)
#: What an installation with all extras can do in Python.
PROGRAM = """
import qnetsim
from qnetsim.learning.pettingzoo import QkdParallelEnv
with qnetsim.open_trace("fedsac.h5") as trace:
    assert len(trace.frame("slots")) == 20
    assert trace.dataset("slots").sizes["slot"] == 20
environment = QkdParallelEnv(qnetsim.load("tiny"))
observations, _ = environment.reset(seed=1)
environment.step({name: environment.action_space(name).sample() for name in observations})
from qnetsim.scenario import PolicyTable
digests = set()
for kernel in ("numba", "numpy"):
    qnetsim.run(qnetsim.load("tiny"), PolicyTable(name="sip"), f"{kernel}.h5", kernel=kernel)
    with qnetsim.open_trace(f"{kernel}.h5") as trace:
        digests.add(trace.content_digest())
assert len(digests) == 1
from pathlib import Path
from distributed import LocalCluster
from qnetsim.studies.sweep.dask_crew import DaskCrew
from qnetsim.studies.sweep.work import plan_sweep, run_sweep
place = Path("by-dask").resolve()
manifest = plan_sweep(Path("study.toml"), place)
with LocalCluster(n_workers=1, processes=False, dashboard_address=None) as cluster:
    with DaskCrew(cluster.scheduler_address, place) as crew:
        records = run_sweep(manifest, place, crew).records
assert {record.status for record in records.values()} == {"complete"}
"""


def main() -> int:
    """Run everything; returns the exit status."""
    text = Path("nsfnet.toml")
    _run("scenario", "new", "nsfnet")
    limited = text.read_text("utf-8").replace("qkd_wavelengths = 0", "qkd_wavelengths = 700")
    for solver, name in (("highs", "tight.toml"), ("auto", "auto.toml")):
        Path(name).write_text(f'{limited}\n[planning]\nsolver = "{solver}"\n', "utf-8")
    Path("study.toml").write_text('scenario = "tiny"\nreplications = 2\n', "utf-8")
    failed = 0
    for command in COMMANDS:
        words = command.split()
        done = _run(*words)
        problem = _problem(done, "--json" in words)
        failed += bool(problem)
        print(f"{'FAILED' if problem else 'ok':8}qnetsim {command}{problem}")
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    failed += done.returncode != 0
    print(f"{'FAILED' if done.returncode else 'ok':8}in Python{done.stderr}")
    return 1 if failed else 0


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "qnetsim", *words], capture_output=True, text=True, check=False
    )


def _problem(done: subprocess.CompletedProcess[str], as_json: bool) -> str:
    if done.returncode:
        return f"\n{done.stdout[-1000:]}{done.stderr[-3000:]}"
    if not as_json:
        return ""
    try:
        json.loads(done.stdout)
    except ValueError as error:
        return f"\nstdout is not one document: {error}\n{done.stdout[:300]}"
    return ""


if __name__ == "__main__":
    sys.exit(main())
