"""What is to be done next in a sweep: jobs whose needs are there, in the worlds that they share."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qnetsim.analysis.metrics import run_metrics
from qnetsim.analysis.warm_up import given_warm_up
from qnetsim.studies.sweep.job_records import JobRecord, write_record
from qnetsim.studies.sweep.manifest import Cell, Manifest, SweepJob
from qnetsim.studies.sweep.stopping import Look, StoppingRule, look_at, write_looks
from qnetsim.trace import open_trace

#: Times that jobs are lost together with a worker before each is tried alone, and then alone.
LOST_TOGETHER = 2
LOST_ALONE = 2


@dataclass(frozen=True)
class JobGroup:
    """Jobs that one worker does one after another.

    Attributes
    ----------
    jobs : tuple of SweepJob
        Runs in one world, or one other job.
    lost : int
        How often it went down with a worker.
    """

    jobs: tuple[SweepJob, ...]
    lost: int = 0

    @property
    def alone(self) -> bool:
        """Whether it is done while nothing else is."""
        return self.lost >= LOST_TOGETHER


class Agenda:
    """Knows which jobs can begin, and learns how they ended.

    Parameters
    ----------
    manifest : Manifest
    folder : Path
        Of the sweep.
    runs : collection of SweepJob
        The runs to do: all, or those of a shard. What they need comes with them.
    turn : float
        From 0 to 1: with which of the plans to begin, so that shards begin with different ones.

    Attributes
    ----------
    records : dict from str to JobRecord
        How jobs ended, by their digests.
    """

    def __init__(
        self, manifest: Manifest, folder: Path, runs: Sequence[SweepJob], turn: float = 0.0
    ) -> None:
        self._manifest = manifest
        self._folder = folder
        self.records: dict[str, JobRecord] = {}
        self._waiting: dict[str, list[SweepJob]] = {}
        #: What others need, or was lost, goes first; then runs, world by world.
        self._first: deque[JobGroup] = deque()
        self._worlds: dict[tuple[str, int], JobGroup] = {}
        self._alone: deque[JobGroup] = deque()
        self._runs = {job.digest: job for job in runs}
        self._begun: set[str] = set()
        self._blocks = _Blocks(manifest, folder, self) if manifest.stopping else None
        if self._blocks:
            self._blocks.begin()
        else:
            self._release(self._runs.values())
        self._first.rotate(-int(turn * len(self._first)))

    @property
    def planned(self) -> int:
        """How many jobs were begun or are to begin."""
        return len(self._begun)

    def has(self, digest: str) -> bool:
        """Whether a run is among those to do."""
        return digest in self._runs

    def _release(self, runs: Iterable[SweepJob]) -> None:
        """Let runs begin, once what they need is there."""
        free: list[SweepJob] = []
        for job in runs:
            if job.digest in self._begun:
                continue
            self._begun.add(job.digest)
            missing = [need for need in job.needs if need not in self.records]
            for need in missing:
                self._waiting.setdefault(need, []).append(job)
                if need not in self._begun:
                    self._begun.add(need)
                    self._first.append(JobGroup((self._manifest.by_digest[need],)))
            if not missing:
                free.append(job)
        self._enqueue(free)

    def _enqueue(self, runs: Iterable[SweepJob]) -> None:
        for job in runs:
            world = (job.scenario_digest, job.replication)
            before = self._worlds[world].jobs if world in self._worlds else ()
            self._worlds[world] = JobGroup((*before, job))

    def next_unit(self, idle: bool, split: bool) -> JobGroup | None:
        """What to begin now; None where nothing can.

        Parameters
        ----------
        idle : bool
            Whether nothing is being done.
        split : bool
            Whether there are workers enough for every job alone.
        """
        if self._first:
            return self._first.popleft()
        if self._worlds:
            world = next(iter(self._worlds))
            unit = self._worlds.pop(world)
            if split and len(unit.jobs) > 1:
                self._worlds = {world: JobGroup(unit.jobs[1:]), **self._worlds}
                unit = JobGroup(unit.jobs[:1])
            return unit
        return self._alone.popleft() if idle and self._alone else None

    @property
    def ready(self) -> int:
        """Units that can begin."""
        return len(self._first) + len(self._worlds)

    def done(self, records: Iterable[JobRecord]) -> None:
        """Jobs have ended, well or not."""
        free: list[SweepJob] = []
        for record in records:
            self.records[record.job] = record
            for job in self._waiting.pop(record.job, []):
                if record.status == "failed":
                    need = self._manifest.by_digest[record.job]
                    self._fail(job, f"its {need.kind} job {record.job} failed: {record.error}")
                elif all(need in self.records for need in job.needs):
                    free.append(job)
        self._enqueue(free)
        if self._blocks:
            self._blocks.look()

    def lost(self, unit: JobGroup, why: str) -> None:
        """A worker went down with these jobs; they are done again, and in the end alone."""
        if unit.lost + 1 >= LOST_TOGETHER + LOST_ALONE:
            for job in unit.jobs:
                self._fail(job, f"{why}, {unit.lost + 1} times")
            return
        again = JobGroup(unit.jobs, unit.lost + 1)
        if again.alone:
            self._alone.extend(JobGroup((job,), again.lost) for job in unit.jobs)
        else:
            self._first.appendleft(again)

    def _fail(self, job: SweepJob, error: str) -> None:
        record = JobRecord(job.digest, "failed", error)
        write_record(self._folder, record)
        self.done([record])


class _Blocks:
    """Releases the replications of each point in blocks, until a look says that they are enough."""

    def __init__(self, manifest: Manifest, folder: Path, agenda: Agenda) -> None:
        assert manifest.stopping is not None
        self._rule = StoppingRule.of(manifest.stopping, manifest.replications)
        self._manifest = manifest
        self._folder = folder
        self._agenda = agenda
        self._costs: dict[str, float] = {}
        self._looks: dict[int, list[Look]] = {}
        #: Number of the look that each open point waits for.
        self._open: dict[int, int] = {}

    def begin(self) -> None:
        """Release the first block of every point whose jobs are to be done."""
        for point in range(len(self._manifest.values)):
            if all(self._agenda.has(job.digest) for job in self._jobs(point, 1)):
                self._looks[point] = []
                self._open[point] = 1
                self._agenda._release(self._jobs(point, 1))

    def _jobs(self, point: int, number: int) -> list[SweepJob]:
        """Runs of a point up to a look."""
        runs = self._manifest.runs
        count = self._rule.upto(number)
        return [runs[Cell(point, p, r)] for r in range(count) for p in self._manifest.policies]

    def look(self) -> None:
        """Look at every point whose block is done."""
        records = self._agenda.records
        for point, number in list(self._open.items()):
            jobs = self._jobs(point, number)
            if any(job.digest not in records for job in jobs):
                continue
            del self._open[point]
            if any(records[job.digest].status == "failed" for job in jobs):
                continue  # nothing to pair; the failure is told
            self._look_at(point, number)

    def _look_at(self, point: int, number: int) -> None:
        count = self._rule.upto(number)
        costs = {
            policy: np.array([self._cost(Cell(point, policy, r)) for r in range(count)])
            for policy in self._manifest.policies
        }
        looks = look_at(self._rule, number, costs, self._manifest.reference)
        self._looks[point] += looks
        made_for = self._manifest.looks_digest(point)
        write_looks(self._folder, point, self._looks[point], made_for)
        if number < self._rule.looks and not all(look.narrow for look in looks):
            self._open[point] = number + 1
            self._agenda._release(self._jobs(point, number + 1))

    def _cost(self, cell: Cell) -> float:
        job = self._manifest.runs[cell]
        if job.digest not in self._costs:
            with open_trace(job.place(self._folder)) as trace:
                self._costs[job.digest] = run_metrics(trace, given_warm_up(trace)).cost
        return self._costs[job.digest]


#: Told of every job that has ended.
Tell = Callable[[JobRecord], None]


def failures(records: Mapping[str, JobRecord]) -> dict[str, str]:
    """Errors of the jobs that failed, by their digests."""
    return {digest: r.error for digest, r in records.items() if r.status == "failed"}
