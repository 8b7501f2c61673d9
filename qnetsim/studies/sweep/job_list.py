"""Which jobs a sweep takes: worlds and plans that several of them share are made once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from qnetsim.case import Case, open_case
from qnetsim.errors import UsageError
from qnetsim.plans.make import unmodelled_parts
from qnetsim.plans.reuse import PLANNED_FOR
from qnetsim.policies import Policy
from qnetsim.policies.registry import policy_of
from qnetsim.scenario import PolicyTable, Scenario
from qnetsim.studies.sweep.manifest import Manifest, SweepJob, digest_of
from qnetsim.studies.sweep.sweep_file import Study, StudyPoint

#: Tables of a scenario that a plan and its search depend on, beside some keys of [run].
SEARCHED_FOR = {*PLANNED_FOR, "planning"}


def manifest_of(study: Study) -> Manifest:
    """Work out the jobs of a sweep.

    Raises
    ------
    QnetsimError
        A policy cannot run in a point, for example for want of trained weights.
    """
    table = study.table
    found: dict[str, SweepJob] = {}
    for number, point in enumerate(study.points):
        for job in _jobs_of_point(study, point, number):
            known = found.setdefault(job.digest, job)
            if number not in known.points:
                found[job.digest] = replace(known, points=(*known.points, number))
    jobs = _without_single_plans(list(found.values()))
    order = {"train": 0, "plan": 1, "run": 2}
    return Manifest(
        name=study.path.stem,
        sweep=str(study.path),
        design=table.design,
        factors=study.factors,
        values=tuple(point.values for point in study.points),
        policies=study.titles,
        replications=study.replications,
        reference=study.reference,
        stopping=None if table.stopping is None else table.stopping.model_dump(),
        jobs=tuple(sorted(jobs, key=lambda job: order[job.kind])),
    )


def _jobs_of_point(study: Study, point: StudyPoint, number: int) -> Iterator[SweepJob]:
    """Jobs of one point; runs of one replication beside each other, for they share the world."""
    case = open_case(point.scenario)
    base = SweepJob(
        kind="run",
        scenario=study.scenario,
        changes=point.changes,
        scenario_digest=point.scenario.digest(),
        network_digest=case.network.topology.digest(),
        policy={},
        points=(number,),
    )
    runs = []
    for table in point.policies:
        policy = policy_of(table)
        stated = _stated(table, policy.sees_future)
        if table.name in study.table.train:
            trained = {"name": table.name, "label": None, "options": _training_options(study)}
            training = replace(base, kind="train", policy=trained)
            yield training
            stated["trained"] = training.digest
        elif sha256 := _weights(policy, case, point):
            stated["weights"] = sha256
        run = replace(base, policy=stated)
        if type(policy).plan is not Policy.plan and not stated.get("trained"):
            key = plan_digest(point.scenario)
            plan = replace(run, kind="plan", planned_for=key)
            yield plan
            run = replace(run, plan=plan.digest)
        runs.append(run)
    for replication in range(study.replications):
        for run in runs:
            yield replace(run, replication=replication)


def _training_options(study: Study) -> dict[str, Any]:
    """How policies are trained, as far as that is said: defaults are no part of a job."""
    table = study.table.training
    return {} if table is None else table.model_dump(exclude_defaults=True)


def _stated(table: PolicyTable, sees_future: bool) -> dict[str, Any]:
    """A policy as a line has it, with files by their full paths."""
    options = dict(table.options)
    for file in table.named_files:
        for key, value in table.options.items():
            if value == str(file):
                options[key] = str(Path(value).resolve())
    source = None if table.source is None else asdict(table.source)
    stated = {"name": table.name, "label": table.label, "options": options, "source": source}
    return stated | {"sees_future": sees_future}


def _weights(policy: Policy, case: Case, point: StudyPoint) -> str | None:
    try:
        return policy.weights_sha256(case.network)
    except UsageError as error:
        raise UsageError(f"with {dict(point.changes)}: {error}") from None


def plan_digest(scenario: Scenario) -> str:
    """Digest of all that a policy is told ahead of its plan, and that the plan's note says."""
    run = scenario.run
    return digest_of(
        [
            scenario.portable().model_dump(mode="json", include=SEARCHED_FOR),
            [run.slot_s, run.slots, run.seed],
            unmodelled_parts(scenario),
        ]
    )


def _without_single_plans(jobs: list[SweepJob]) -> list[SweepJob]:
    """Leave out plans that one run alone needs: it makes its own, without a file between."""
    users = Counter(job.plan for job in jobs)
    single = {job.digest for job in jobs if job.kind == "plan" and users[job.digest] < 2}
    return [
        replace(job, plan="") if job.plan in single else job
        for job in jobs
        if job.digest not in single
    ]
