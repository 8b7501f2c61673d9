"""Many runs: every policy in every world of a scenario."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from qnetsim.errors import UsageError
from qnetsim.interrupt import note_planned
from qnetsim.optimize import Plan
from qnetsim.plans.make import plan_policies
from qnetsim.runs.simulate import Progress, simulate
from qnetsim.runs.workers import run_in_workers
from qnetsim.scenario import PolicyTable, Scenario
from qnetsim.scenario.labels import refuse_clashing_labels
from qnetsim.trace import refuse_existing
from qnetsim.trace.files.planned_traces import write_planned


@dataclass(frozen=True)
class Job:
    """One run of a comparison; picklable, so that a worker process can take it."""

    scenario: Scenario
    policy: PolicyTable
    plan: Plan | None
    replication: int
    out: Path
    force: bool
    resume: bool
    durable: bool


def _run_job(job: Job, progress: Progress | None = None) -> Path:
    return simulate(
        job.scenario,
        job.policy,
        job.out,
        replication=job.replication,
        plan=job.plan,
        force=job.force,
        resume=job.resume,
        durable=job.durable,
        progress=progress,
    )


def run_policies(
    scenario: Scenario,
    policies: Sequence[PolicyTable],
    out: Path,
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
    scenario : Scenario
    policies : sequence of PolicyTable
    out : Path
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
        raise UsageError("no policy to run; give --policy NAME or a [[policy]] table")
    titles = [policy.title for policy in policies]
    refuse_clashing_labels(titles)
    places = [
        [out / f"{policy.title}-r{r:03d}.h5" for r in range(scenario.run.replications)]
        for policy in policies
    ]
    for path in (path for paths in places for path in paths):
        refuse_existing(path, force or resume)
    solved = plan_policies(scenario, policies) if plans is None else plans
    jobs = [
        Job(
            scenario=scenario,
            policy=policy,
            plan=plan,
            replication=r,
            out=path,
            force=force,
            resume=resume,
            durable=durable,
        )
        for policy, plan, paths in zip(policies, solved, places, strict=True)
        for r, path in enumerate(paths)
    ]
    write_planned(out, [job.out.name for job in jobs], keep=not force)
    advance = progress or (lambda slots: None)
    note_planned(len(jobs))
    if workers <= 1:
        return [_run_job(job, advance) for job in jobs]
    run_in_workers(_run_job, jobs, workers, lambda: advance(scenario.run.slots))
    return [job.out for job in jobs]
