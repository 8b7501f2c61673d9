"""Small sweeps, worked off in this process or in others."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from qnetsim.studies.sweep.agenda import Agenda
from qnetsim.studies.sweep.executors import ExecutorCrew
from qnetsim.studies.sweep.manifest import Manifest
from qnetsim.studies.sweep.shards import Shard
from qnetsim.studies.sweep.work import plan_sweep, run_sweep

#: Two points, two policies that plan, two replications; 20 slots of a small demand.
SMALL = """
scenario = "nsfnet"
policies = ["sip", "evf"]
replications = 2
set.run.slots = 20
[[factor]]
key = "demand.requests"
values = [5, 8]
"""
#: A policy that stays in the middle of its job until somebody opens the gate.
GATED = '''
import os
import time
from dataclasses import replace
from pathlib import Path

from qnetsim.policies.level import FixedLevel


class Gated(FixedLevel):
    """Reserves a level: slot by slot, and slowly, until the gate is open."""

    def decide(self, observation):
        gate = Path(os.environ["GATE"])
        (gate / str(os.getpid())).touch()
        decision = super().decide(observation)
        if (gate / "open").exists():
            return decision
        time.sleep(0.05)
        return replace(decision, hold_slots=1)
'''
#: A policy that fails in every job.
FAILING = '''
from qnetsim.policies.level import FixedLevel


class Failing(FixedLevel):
    """Fails."""

    def prepare(self, setting, plan):
        raise ValueError("no luck today")
'''


def written(folder: Path, text: str = SMALL, name: str = "study.toml") -> Path:
    """A sweep file in a folder."""
    path = folder / name
    path.write_text(text)
    return path


def planned(folder: Path, text: str = SMALL) -> tuple[Manifest, Path]:
    """A sweep that is planned, and its folder."""
    place = folder / "out"
    return plan_sweep(written(folder, text), place), place


def done_here(manifest: Manifest, place: Path, shard: Shard | None = None) -> Agenda:
    """Work off a sweep in a thread of this process."""
    with ThreadPoolExecutor(1) as pool:
        return run_sweep(manifest, place, ExecutorCrew(pool, 1), shard)
