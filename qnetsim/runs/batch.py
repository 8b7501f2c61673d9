"""Many runs: every policy in every world of a scenario."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from qnetsim.arguments import path_argument
from qnetsim.case import Case, open_case
from qnetsim.case.case_of import ScenarioLike, case_of
from qnetsim.errors import UsageError
from qnetsim.last_message import note_planned
from qnetsim.network import Topology
from qnetsim.optimize import Plan
from qnetsim.plans.make import plan_policies
from qnetsim.policies.chosen import (
    ChosenPolicy,
    PoliciesLike,
    choose_all,
    refuse_unpicklable,
)
from qnetsim.runs.simulate import Progress, simulate
from qnetsim.runs.workers import run_in_workers
from qnetsim.scenario import Scenario
from qnetsim.scenario.labels import refuse_clashing_labels
from qnetsim.trace import refuse_existing
from qnetsim.trace.files.planned_traces import planned_traces
from qnetsim.world.realisation import Realisation
from qnetsim.world.remembered import RememberedWorld


@dataclass(frozen=True)
class Job:
    """One run of a comparison; picklable, so that a worker process can take it."""

    scenario: Scenario
    topology: Topology
    policy: ChosenPolicy
    plan: Plan | None
    replication: int
    out: Path
    force: bool
    resume: bool
    durable: bool


class SharedWorld(NamedTuple):
    """The world of a replication, drawn once for all policies that run in it."""

    case: Case
    world: Realisation


def _drawn_once(case: Case, replication: int) -> SharedWorld:
    return SharedWorld(case, RememberedWorld(case.realisation(replication)))


@lru_cache(maxsize=1)
def _case(scenario: Scenario, topology: Topology) -> Case:
    """Case of all jobs of a worker, which keeps what is worked out for it."""
    return open_case(scenario, topology)


@lru_cache(maxsize=1)
def _shared_world(scenario: Scenario, topology: Topology, replication: int) -> SharedWorld:
    """World of the job that a worker has in hand, and most often of the next one."""
    return _drawn_once(_case(scenario, topology), replication)


def _run_job(job: Job, progress: Progress | None = None, world: SharedWorld | None = None) -> Path:
    shared = world or _shared_world(job.scenario, job.topology, job.replication)
    return simulate(
        shared.case,
        job.policy.alone(),
        job.out,
        replication=job.replication,
        world=shared.world,
        plan=job.plan,
        force=job.force,
        resume=job.resume,
        durable=job.durable,
        progress=progress,
    )


def _run_told_job(job: Job) -> Path:
    """A job of a worker process, whose parent has told what is to be said of trained models."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"qnetsim\.policies\.learned\.policies")
        return _run_job(job)


def run_policies(
    scenario: ScenarioLike,
    policies: PoliciesLike,
    out: str | os.PathLike[str],
    *,
    plans: Sequence[Plan | None] | None = None,
    workers: int = 1,
    force: bool = False,
    resume: bool = False,
    durable: bool = False,
    progress: Progress | None = None,
) -> list[Path]:
    """Run every policy in every replication's world.

    Parameters
    ----------
    scenario : Scenario, Case, path-like or mapping
        As in :func:`qnetsim.case.case_of.case_of`.
    policies : sequence, or mapping by title, of str, PolicyTable, class or object of a Policy
        As in :func:`qnetsim.policies.chosen.choose`. An object is copied for every run.
    out : path-like
        Folder of the traces, ``POLICY-rNNN.h5``.
    plans : sequence of Plan or None, optional
        What ``plan_policies`` returned; worked out here unless given.
    workers : int
        Processes; the traces are the same for any number.
    force : bool
        Overwrite existing traces.
    resume : bool
        Keep the complete traces that are there, once their digests are checked, and go on with
        the others.
    durable : bool
        As in ``simulate``.
    progress : callable, optional

    Returns
    -------
    list of Path
        By policy, then by replication.
    """
    if not policies:
        raise UsageError("no policy to run; name one, or give the scenario a [[policy]] table")
    case = case_of(scenario)
    run = case.scenario.run
    chosen = choose_all(policies, case.scenario.policy)
    refuse_clashing_labels([policy.title for policy in chosen])
    out = path_argument("out", out)
    places = [
        [out / f"{policy.title}-r{r:03d}.h5" for r in range(run.replications)] for policy in chosen
    ]
    for path in (path for paths in places for path in paths):
        refuse_existing(path, force or resume)
    solved = plan_policies(case, chosen) if plans is None else plans
    jobs = [
        Job(
            scenario=case.scenario,
            topology=case.network.topology,
            policy=policy,
            plan=plan,
            replication=r,
            out=path,
            force=force,
            resume=resume,
            durable=durable,
        )
        for r in range(run.replications)
        for policy, plan, path in zip(chosen, solved, (p[r] for p in places), strict=True)
    ]
    made = [path for paths in places for path in paths]
    advance = progress or (lambda slots: None)
    note_planned(len(jobs))
    if workers > 1:
        for policy in chosen:
            refuse_unpicklable(policy)
    with planned_traces(out, [path.name for path in made], keep=not force):
        if workers <= 1:
            for r in range(run.replications):
                world = _drawn_once(case, r)
                for job in jobs[r * len(chosen) : (r + 1) * len(chosen)]:
                    _run_job(job, advance, world)
        else:
            run_in_workers(
                _run_told_job,
                jobs,
                workers,
                lambda: advance(run.slots),
                lambda job: job.replication,
            )
    return made
