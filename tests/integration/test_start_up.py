"""Small commands import what they use: counted in modules, not in seconds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT

#: Packages that no small command has a use for.
HEAVY = {
    "Crypto",
    "cryptography",
    "gmpy2",
    "gurobipy",
    "highspy",
    "matplotlib",
    "multiprocessing",
    "networkx",
    "numba",
    "numpy.f2py",
    "numpy.ma",
    "numpy.testing",
    "pandas",
    "phe",
    "rich",
    "safetensors",
    "scipy",
    "sklearn",
    "topohub",
    "torch",
}
#: What runs a policy, which only `run` does.
RUNNING = {"qnetsim.kernel.simulation", "simpy"}
#: What reads foreign demand, assigns wavelengths and decides by trained weights.
ELSEWHERE = {
    "qnetsim.optimize.solvers.highs",
    "qnetsim.optimize.wavelengths.assignment",
    "qnetsim.optimize.lightpaths.checker",
    "qnetsim.policies.learned.weights",
    "qnetsim.traffic",
}
#: What happens in a world, which plans and checks do without.
WORLDS = {
    "qnetsim.world.attendance",
    "qnetsim.world.fast_draws",
    "qnetsim.world.faults",
    "qnetsim.world.realisation",
}
#: Rounds of FEL tasks, where there are none, and the rows of comparisons.
TASKS = {
    "qnetsim.analysis.fel_tasks",
    "qnetsim.fel.pads",
    "qnetsim.kernel.party_exposure",
    "qnetsim.kernel.rounds",
    "qnetsim.kernel.running_tasks",
    "qnetsim.kernel.task_attacks",
}
COMPARING = {
    "qnetsim.analysis.compare",
    "qnetsim.analysis.divergence",
    "qnetsim.analysis.interval_rows",
    "qnetsim.analysis.rows",
    "qnetsim.analysis.task_means",
}
#: Policies that stand in packages with those of the scenario.
OTHER_POLICIES = {"qnetsim.policies.learned.belief_net", "qnetsim.policies.rules.boosted_levels"}
#: Jobs, requests that are followed, limits of recordings and cuts, where there are none, and what
#: writes a trace as a long run goes.
OF_OTHERS = {
    "qnetsim.case.used_rows",
    "qnetsim.forecast.fel_jobs",
    "qnetsim.forecast.job_forecast",
    "qnetsim.forecast.job_law",
    "qnetsim.kernel.followed_requests",
    "qnetsim.kernel.request_log",
    "qnetsim.kernel.serving.open_slot",
    "qnetsim.optimize.columns.load_cuts",
    "qnetsim.trace.hdf5.write_behind",
    "qnetsim.trace.writer",
    "qnetsim.world.fast_draws",
}
PLANNING = {"qnetsim.optimize.columns.routes_program", "qnetsim.optimize.full.full_program"}
BEFORE_A_RUN = RUNNING | PLANNING | WORLDS | OTHER_POLICIES | OF_OTHERS
CODE = """
import sys
from qnetsim.cli import _run
status = _run(sys.argv[2:])
print(*sorted(set(sys.argv[1].split(",")) & set(sys.modules)), file=sys.stderr)
sys.exit(status)
"""
NSFNET, TINY = (str(ROOT / "scenarios" / f"{name}.toml") for name in ("nsfnet", "tiny"))


def loaded(folder: Path, unwanted: set[str], *arguments: str) -> str:
    """Modules among the unwanted ones that a command has loaded."""
    hidden = {"FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE"}
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment |= {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CODE, ",".join(sorted(unwanted)), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr.strip()


@pytest.mark.parametrize(
    ("arguments", "more"),
    [
        (["topologies"], {"h5py", "qnetsim.optimize", *RUNNING}),
        (["policies"], {"h5py", "qnetsim.optimize.plan", *RUNNING, *ELSEWHERE}),
        (["scenario", "check", NSFNET], {"h5py", *BEFORE_A_RUN, *ELSEWHERE}),
        (["plan", TINY], {"h5py", *BEFORE_A_RUN, *ELSEWHERE}),
        (["plan", NSFNET], {"h5py", *BEFORE_A_RUN, *ELSEWHERE}),
        (["plan", NSFNET, "-o", "p.h5"], BEFORE_A_RUN),
    ],
    ids=["topologies", "policies", "scenario check", "plan tiny", "plan nsfnet", "plan to a file"],
)
def test_small_commands_import_nothing_heavy(
    arguments: list[str], more: set[str], tmp_path: Path
) -> None:
    assert loaded(tmp_path, HEAVY | more, *arguments) == ""


def test_a_short_run_and_a_look_at_it_import_nothing_heavy(tmp_path: Path) -> None:
    run = ["run", NSFNET, "--policy", "sip", "--slots", "500", "--out", "t.h5"]
    unwanted = HEAVY | PLANNING | TASKS | COMPARING | OTHER_POLICIES | OF_OTHERS
    assert loaded(tmp_path, unwanted | ELSEWHERE, *run) == ""
    assert loaded(tmp_path, HEAVY | PLANNING | RUNNING, "inspect", "t.h5") == ""
    assert loaded(tmp_path, HEAVY | PLANNING, "verify", "t.h5") == ""


def test_a_run_by_a_plan_imports_no_solver(tmp_path: Path) -> None:
    assert loaded(tmp_path, set(), "plan", NSFNET, "-o", "p.h5") == ""
    run = ["run", NSFNET, "--plan", "p.h5", "--slots", "500", "--out", "t.h5"]
    unwanted = HEAVY | PLANNING | TASKS | COMPARING | OTHER_POLICIES
    assert loaded(tmp_path, unwanted | {"qnetsim.optimize.solvers.highs"}, *run) == ""


def test_a_small_command_collects_no_garbage_that_is_not_there(tmp_path: Path) -> None:
    """Neither again and again while it imports, nor at the end of the process."""
    code = """
import atexit, gc, sys
collections = []
gc.callbacks.append(lambda phase, _: collections.append(phase))
atexit.register(lambda: print(len(collections) // 2, len(gc.get_objects()), file=sys.stderr))
from qnetsim.__main__ import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", code, "scenario", "check", NSFNET],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    collections, left = map(int, done.stderr.split())
    # more than fifty where every 700 objects are collected
    assert collections < 20
    assert left < 1000


def test_a_training_does_without_torchs_compiler(tmp_path: Path) -> None:
    """It takes longer to import than many a training takes."""
    pytest.importorskip("torch")
    few = ("epochs=1", "slots_per_epoch=2", "updates_per_epoch=1", "batch=2", "hidden_units=2")
    keys = [word for key in few for word in ("--set", f"learning.{key}")]
    train = ["train", TINY, "-p", "fedsac", "-o", "w.safetensors", *keys]
    assert loaded(tmp_path, {"torch._dynamo"}, *train) == ""


def test_the_test_sees_what_is_loaded(tmp_path: Path) -> None:
    found = loaded(tmp_path, {"numpy", "rich", "scipy"}, "scenario", "check", NSFNET)
    assert found == "numpy"


def test_a_command_leaves_out_docstrings_of_properties() -> None:
    """They are made anew in each process; what matplotlib says of them later is whole."""
    code = """
from qnetsim.cli.show.drawing_library import import_matplotlib
import gc
import_matplotlib()
from matplotlib import artist
from matplotlib.lines import Line2D
print(gc.isenabled(), "markevery" in Line2D.set.__doc__, "markevery" in artist.kwdoc(Line2D))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "False", "True"]
