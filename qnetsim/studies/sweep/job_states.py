"""How far a sweep is: what is there, what failed, what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from qnetsim.errors import QnetsimError
from qnetsim.plain_text import one_line
from qnetsim.studies.sweep.job_records import JobRecord, read_records
from qnetsim.studies.sweep.manifest import PLACES, Cell, Manifest, SweepJob
from qnetsim.studies.sweep.soundness import check_result
from qnetsim.studies.sweep.stopping import Look, StoppingRule, read_looks

#: ``stopped`` is a run that a point no longer needs, once its intervals are narrow.
State = Literal["complete", "failed", "missing", "stopped"]


@dataclass(frozen=True)
class SweepState:
    """What a folder holds of a sweep.

    Attributes
    ----------
    manifest : Manifest
    folder : Path
    records : dict from str to JobRecord
        By the digests of jobs.
    there : frozenset of str
        Digests of the jobs whose results are there.
    damaged : mapping from str to str
        What is wrong with results that are there and are not those of their jobs.
    """

    manifest: Manifest
    folder: Path
    records: dict[str, JobRecord]
    there: frozenset[str]
    damaged: Mapping[str, str]

    @cached_property
    def looks(self) -> dict[int, list[Look]]:
        """Looks at each point, where replications come in blocks."""
        if self.manifest.stopping is None:
            return {}
        manifest = self.manifest
        return {
            point: read_looks(self.folder, point, manifest.looks_digest(point))
            for point in range(len(manifest.values))
        }

    @cached_property
    def _needed(self) -> dict[int, int]:
        """Replications that each point needs, as far as is known."""
        manifest = self.manifest
        most = manifest.replications
        needed = dict.fromkeys(range(len(manifest.values)), most)
        if manifest.stopping is None:
            return needed
        rule = StoppingRule.of(manifest.stopping, most)
        for point, looks in self.looks.items():
            last = max((look.number for look in looks), default=0)
            if last and all(look.narrow for look in looks if look.number == last):
                needed[point] = rule.upto(last)
        return needed

    def state(self, job: SweepJob) -> State:
        """State of a job."""
        record = self.records.get(job.digest)
        if job.digest in self.damaged or (record is not None and record.status == "failed"):
            return "failed"
        if job.digest in self.there or (record is not None and not record.size):
            return "complete"
        if job.kind == "run" and all(job.replication >= self._needed[p] for p in job.points):
            return "stopped"
        return "missing"

    def cell_state(self, cell: Cell) -> State:
        """State of a row of the table: a point may do without a run that another one needs."""
        if cell.replication >= self._needed[cell.point]:
            return "stopped"
        return self.state(self.manifest.runs[cell])

    @cached_property
    def states(self) -> dict[str, State]:
        """States of all jobs, by their digests."""
        return {job.digest: self.state(job) for job in self.manifest.jobs}

    def counts(self, kind: str) -> Counter[State]:
        """Jobs of a kind by their states."""
        return Counter(self.states[job.digest] for job in self.manifest.jobs if job.kind == kind)

    @property
    def failures(self) -> dict[str, str]:
        """Errors of the jobs that failed, by their digests."""
        failed = [digest for digest, state in self.states.items() if state == "failed"]
        return {d: self.damaged.get(d) or self.records[d].error for d in failed}

    @property
    def whole(self) -> bool:
        """Whether nothing is missing and nothing failed."""
        return not {"failed", "missing"} & set(self.states.values())


def state_of(manifest: Manifest, folder: Path) -> SweepState:
    """Look what a folder holds of a sweep, and whether results are those of their jobs."""
    there = {
        path.name
        for room, suffix in PLACES.values()
        for path in (folder / room).glob(f"*{suffix}")
        if not path.name.startswith(".")
    }
    found = [job for job in manifest.jobs if job.place(folder).name in there]
    records = read_records(folder, manifest.by_digest)
    damaged = {}
    for job in found:
        record = records.get(job.digest)
        if record is not None and record.status == "failed":
            continue  # its own error is told
        try:
            check_result(folder, job, record)
        except QnetsimError as error:
            damaged[job.digest] = one_line(str(error))
    there_now = frozenset(job.digest for job in found)
    return SweepState(manifest, folder, records, there_now, damaged)
