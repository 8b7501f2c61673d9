"""Many runs: every policy in every world of a scenario."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from qnetsim.arguments import path_argument
from qnetsim.case import Case, open_case
from qnetsim.case.case_of import ScenarioLike, case_of
from qnetsim.errors import UsageError
from qnetsim.interrupt import note_planned
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
from qnetsim.trace.files.planned_traces import write_planned


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


def _run_job(job: Job, progress: Progress | None = None, case: Case | None = None) -> Path:
    return simulate(
        case or open_case(job.scenario, job.topology),
        job.policy.alone(),
        job.out,
        replication=job.replication,
        plan=job.plan,
        force=job.force,
        resume=job.resume,
        durable=job.durable,
        progress=progress,
    )


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
        for policy, plan, paths in zip(chosen, solved, places, strict=True)
        for r, path in enumerate(paths)
    ]
    write_planned(out, [job.out.name for job in jobs], keep=not force)
    advance = progress or (lambda slots: None)
    note_planned(len(jobs))
    if workers > 1:
        for policy in chosen:
            refuse_unpicklable(policy)
    if workers <= 1:
        return [_run_job(job, advance, case) for job in jobs]
    run_in_workers(_run_job, jobs, workers, lambda: advance(run.slots))
    return [job.out for job in jobs]
