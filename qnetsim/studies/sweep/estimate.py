"""What a sweep takes: time and disk of the jobs that are still to be done."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from qnetsim.case import Case, open_case
from qnetsim.errors import QnetsimError
from qnetsim.interrupt import remove_at_end
from qnetsim.plans.make import planned
from qnetsim.runs.simulate import simulate
from qnetsim.studies.sweep.job_cases import case_of_job, policy_of_job
from qnetsim.studies.sweep.job_states import SweepState
from qnetsim.studies.sweep.manifest import SweepJob

#: Lengths of the short runs of a probe; a job's time and size are a line through them.
PROBE_SLOTS = (200, 1000)


@dataclass(frozen=True)
class Cost:
    """What one job takes."""

    cpu_s: float
    size: float


@dataclass(frozen=True)
class Estimate:
    """What the jobs that are still to be done take.

    Attributes
    ----------
    todo : dict from str to int
        Jobs by kind.
    cpu_s : float
        CPU time of all of them.
    size : float
        Bytes of their results.
    recorded, probed : int
        Jobs whose records, and short runs by which, this is known.
    unknown : tuple of str
        Jobs that nothing is known of, in words; they are not in the sums.
    """

    todo: dict[str, int]
    cpu_s: float
    size: float
    recorded: int
    probed: int
    unknown: tuple[str, ...]

    @property
    def source(self) -> str:
        """Where the figures come from, in words."""
        parts = []
        if self.recorded:
            parts.append(f"records of {self.recorded:,} finished jobs")
        if self.probed:
            parts.append(f"{self.probed:,} short runs made now")
        return " and ".join(parts) or "nothing is known"


def estimate(state: SweepState) -> Estimate:
    """Estimate by the records of finished jobs, and by short runs where there are none."""
    todo = [job for job in state.manifest.jobs if state.states[job.digest] in {"missing", "failed"}]
    known: dict[tuple[str, str], Cost] = {}
    recorded = 0
    for key, costs in _recorded(state).items():
        known[key] = _mean(costs)
        recorded += len(costs)
    probed = 0
    for job in _to_probe(todo, known):
        for key, costs in _probe(job).items():
            known.setdefault(key, _mean(costs))
            probed += len(costs)
    kinds = Counter((job.kind, job.title) for job in todo)
    found = {key: known[key] for key in kinds if key in known}
    return Estimate(
        todo=dict(Counter(job.kind for job in todo)),
        cpu_s=sum(kinds[key] * cost.cpu_s for key, cost in found.items()),
        size=sum(kinds[key] * cost.size for key, cost in found.items()),
        recorded=recorded,
        probed=probed,
        unknown=tuple(f"{kind} {title}" for kind, title in kinds if (kind, title) not in known),
    )


def _mean(costs: list[Cost]) -> Cost:
    return Cost(
        statistics.fmean(cost.cpu_s for cost in costs), statistics.fmean(c.size for c in costs)
    )


def _recorded(state: SweepState) -> dict[tuple[str, str], list[Cost]]:
    found: dict[tuple[str, str], list[Cost]] = {}
    for digest, record in state.records.items():
        job = state.manifest.by_digest[digest]
        if record.status == "complete" and record.cpu_s:
            found.setdefault((job.kind, job.title), []).append(Cost(record.cpu_s, record.size))
    return found


def _to_probe(todo: list[SweepJob], known: dict[tuple[str, str], Cost]) -> Iterator[SweepJob]:
    """The first and the last run of each policy that nothing is known of."""
    runs: dict[str, list[SweepJob]] = {}
    for job in todo:
        if job.kind == "run" and ("run", job.title) not in known and not job.policy.get("trained"):
            runs.setdefault(job.title, []).append(job)
    for jobs in runs.values():
        yield jobs[0]
        if len(jobs) > 1:
            yield jobs[-1]


def _probe(job: SweepJob) -> dict[tuple[str, str], list[Cost]]:
    """Make a plan and short runs; nothing where the policy cannot run here."""
    try:
        with tempfile.TemporaryDirectory(prefix="qnetsim-") as name:
            remove_at_end(Path(name))
            return _measured(job, Path(name))
    except QnetsimError:
        return {}  # the job will say what is wrong


def _measured(job: SweepJob, folder: Path) -> dict[tuple[str, str], list[Cost]]:
    case = case_of_job(job)
    slots = case.scenario.run.slots
    chosen = policy_of_job(folder, job)
    started = time.process_time()
    plan = planned(chosen.once(), chosen.title, case)
    plan_s = time.process_time() - started
    short, long = (min(slots, n) for n in PROBE_SLOTS)
    # the first run in a process pays for imports, and for what later runs share
    simulate(_shortened(case, short), chosen, folder / "first.h5", plan=plan)
    points = []
    for count in (short, long):
        out = folder / f"{count}-slots.h5"
        started = time.process_time()
        simulate(_shortened(case, count), chosen, out, plan=plan, force=True)
        points.append(Cost(time.process_time() - started, out.stat().st_size))
    run = _extrapolated(points[0], points[1], (slots - short) / max(long - short, 1))
    found = {("run", job.title): [run if job.plan else replace(run, cpu_s=run.cpu_s + plan_s)]}
    if job.plan:
        found["plan", job.title] = [Cost(plan_s, 0.0)]
    return found


def _extrapolated(short: Cost, long: Cost, times: float) -> Cost:
    """A line through two lengths, at a third one."""
    return Cost(
        max(short.cpu_s + times * (long.cpu_s - short.cpu_s), short.cpu_s),
        max(short.size + times * (long.size - short.size), short.size),
    )


def _shortened(case: Case, slots: int) -> Case:
    scenario = case.scenario.with_run(slots=slots)
    return replace(open_case(scenario, case.network.topology), scenario=scenario)
