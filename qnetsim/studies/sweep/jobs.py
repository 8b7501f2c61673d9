"""Do jobs of a sweep, in any process: each leaves one file, whole or not at all."""

from __future__ import annotations

import secrets
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from qnetsim.errors import BeingWrittenError, QnetsimError, TraceError, UsageError
from qnetsim.interrupt import stoppable
from qnetsim.optimize import Plan
from qnetsim.plain_text import one_line
from qnetsim.plans.make import planned
from qnetsim.plans.storage import FROM_FILE, load_plan, save_plan
from qnetsim.runs.simulate import simulate
from qnetsim.studies.sweep.job_cases import Recent, case_of_job, policy_of_job
from qnetsim.studies.sweep.job_records import JobRecord, read_record, sha256_of, write_record
from qnetsim.studies.sweep.manifest import SweepJob
from qnetsim.studies.sweep.soundness import check_result
from qnetsim.trace import make_folder
from qnetsim.trace.hdf5.files import only_writer
from qnetsim.world.remembered import RememberedWorld

#: How long to wait for a file that another process makes before looking again, in seconds.
LOOK_S = 0.1

#: Jobs share what this process keeps; a worker with several threads does one after another.
_one_at_a_time = threading.Lock()
_worlds: Recent[tuple[str, int], RememberedWorld] = Recent(1)
_plans: Recent[str, Plan | None] = Recent(32)


def do_jobs(folder: str, lines: Sequence[str]) -> list[JobRecord]:
    """Do jobs one after another, those of one world in that world.

    Parameters
    ----------
    folder : str
        Of the sweep, an absolute path that all workers share.
    lines : sequence of str
        Of the manifest; what they need is there, or is made here.

    Returns
    -------
    list of JobRecord
        Failures are among them, and no exception.
    """
    with _one_at_a_time:
        return [_do_job(Path(folder), SweepJob.of_line(line)) for line in lines]


def _do_job(folder: Path, job: SweepJob) -> JobRecord:
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        kept = _kept(folder, job)
        if kept is not None:
            return kept
        make_folder(job.place(folder).parent)
        MAKERS[job.kind](folder, job)
        record = _complete(folder, job)
    except QnetsimError as error:
        record = JobRecord(job.digest, "failed", one_line(str(error)))
    except Exception as error:  # noqa: BLE001 - a fault of one job must not stop the others
        record = JobRecord(job.digest, "failed", one_line(_unexpected(error)))
    spent = (time.perf_counter() - wall, time.process_time() - cpu)
    record = replace(record, wall_s=spent[0], cpu_s=spent[1])
    with suppress(TraceError):  # the result stands, or the failure is told, without it
        write_record(folder, record)
    return record


def _unexpected(error: Exception) -> str:
    """An error that no check foresaw, with its place."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"unexpected {type(error).__name__}: {error} ({last.filename}:{last.lineno})"


def _complete(folder: Path, job: SweepJob) -> JobRecord:
    place = job.place(folder)
    if not place.exists():
        return JobRecord(job.digest, "complete")
    return JobRecord(job.digest, "complete", size=place.stat().st_size, sha256=sha256_of(place))


def _kept(folder: Path, job: SweepJob) -> JobRecord | None:
    """Record of a job whose result is there and sound; None where it is to be done.

    Raises
    ------
    TraceError
        The result is there, and is not what it was, or is that of another job.
    """
    place = job.place(folder)
    record = read_record(folder, job.digest)
    complete = record is not None and record.status == "complete"
    if not place.exists():
        # a policy without a plan leaves a record alone
        nothing = complete and record is not None and not record.size and job.kind == "plan"
        return replace(record, kept=True) if nothing and record is not None else None
    if complete and record is not None:
        check_result(folder, job, record)
        return replace(record, kept=True)
    check_result(folder, job, None)
    record = _complete(folder, job)
    write_record(folder, record)
    return replace(record, kept=True)


def _run(folder: Path, job: SweepJob) -> None:
    case = case_of_job(job)
    chosen = policy_of_job(folder, job)
    weights = chosen.once().weights_sha256(case.network)
    if not job.policy.get("trained") and weights != job.policy.get("weights"):
        raise UsageError(
            f"policy {job.title}: its weights have changed since the manifest was written; "
            "`qnetsim sweep plan` writes it anew"
        )
    plan = _plan(folder, job) if job.plan else None
    place = job.place(folder)
    draft = place.with_name(f".{job.digest}.{secrets.token_hex(4)}.part")
    try:
        simulate(
            case,
            chosen,
            draft,
            replication=job.replication,
            world=_worlds.get(
                (job.scenario_digest, job.replication),
                lambda: RememberedWorld(case.realisation(job.replication)),
            ),
            plan=plan,
        )
        draft.replace(place)
    except OSError as error:
        raise TraceError(f"{place}: cannot be written: {error.strerror}") from None
    finally:
        draft.unlink(missing_ok=True)


def _plan(folder: Path, job: SweepJob) -> Plan | None:
    """The plan of a run, or of a plan job; made here where nobody has made it."""
    digest = job.plan or job.digest
    place = folder / "plans" / f"{digest}.h5"
    return _plans.get(digest, lambda: _made_once(place, folder, job))


def _made_once(place: Path, folder: Path, job: SweepJob) -> Plan | None:
    """Read a plan, or make it while no other process does."""
    case = case_of_job(job)
    make_folder(place.parent)
    while not place.exists():
        try:
            with only_writer(place):
                if place.exists():
                    break
                chosen = policy_of_job(folder, job)
                plan = planned(chosen.once(), chosen.title, case)
                if type(plan) is Plan:
                    save_plan(plan, case, chosen, place)
                return plan
        except BeingWrittenError:
            with stoppable() as check:
                time.sleep(LOOK_S)
                check()
    plan = load_plan(place, case).plan
    # it is the policy's own plan for this very scenario, as if it were made in the run
    return replace(plan, note=plan.note.partition(FROM_FILE)[0].rstrip("; "))


def _train(folder: Path, job: SweepJob) -> None:
    # torch takes seconds to import, so only a training does
    from qnetsim.studies.sweep.training_job import train

    options = job.policy.get("options", {})
    train(case_of_job(job), str(job.policy["name"]), job.place(folder), options)


#: How a result is made.
MAKERS: dict[str, Callable[[Path, SweepJob], object]] = {
    "run": _run,
    "plan": _plan,
    "train": _train,
}
