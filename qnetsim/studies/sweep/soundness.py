"""Whether a result is that of its job, and as it was written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from qnetsim.errors import QnetsimError, TraceError
from qnetsim.plans.storage import load_plan
from qnetsim.policies.learned.weights import read_weights
from qnetsim.scenario.tables.portable import without_folders
from qnetsim.studies.sweep.job_cases import case_of_job, policy_of_job
from qnetsim.studies.sweep.job_records import JobRecord, read_record, sha256_of
from qnetsim.studies.sweep.manifest import SweepJob
from qnetsim.trace import Trace, open_trace

REMEDY = "remove it, and run the sweep again"
#: What a result and its line say of one thing: a name, the result's and the line's.
Pair = tuple[str, object, object]


def check_result(folder: Path, job: SweepJob, record: JobRecord | None) -> None:
    """Check a result that is there: by its record, or by all that it says of itself.

    Parameters
    ----------
    folder : Path
        Of the sweep.
    job : SweepJob
    record : JobRecord or None
        Of the job, complete; None where nothing vouches for the result.

    Raises
    ------
    TraceError
        It was changed, or is the result of another job.
    """
    place = job.place(folder)
    try:
        if record is None:
            CHECKS[job.kind](folder, job)
        elif place.stat().st_size != record.size or sha256_of(place) != record.sha256:
            raise TraceError(f"{place}: was changed since its job ended, or is of another job")
    except OSError as error:
        raise TraceError(f"{place}: cannot be read: {error.strerror}") from None
    except QnetsimError as error:
        raise TraceError(f"{error}; {REMEDY}") from None


def _check_trace(folder: Path, job: SweepJob) -> None:
    place = job.place(folder)
    with open_trace(place) as trace:
        whole = trace.status == "complete"
        if not whole or trace.content_digest() != trace.attribute("content_digest"):
            raise TraceError(f"{place}: was changed or damaged")
        check_trace_identity(folder, job, trace)


def check_trace_identity(folder: Path, job: SweepJob, trace: Trace) -> None:
    """Check that a trace is that of a job.

    Raises
    ------
    TraceError
        It is that of another job.
    """
    stated = trace.provenance
    made_by = stated.get("policy") or {}
    pairs = [
        ("scenario", stated.get("scenario_digest"), job.scenario_digest),
        ("fibres", stated.get("network_digest"), job.network_digest),
        ("replication", stated.get("replication"), job.replication),
        *_policy_pairs(folder, job, made_by),
        *_weights_pairs(folder, job, made_by),
    ]
    _refuse_another(job.place(folder), pairs)


def _policy_pairs(folder: Path, job: SweepJob, made_by: Mapping[str, Any]) -> Iterator[Pair]:
    """What a result says of its policy, beside what the line says."""
    policy = job.policy
    yield "policy", made_by.get("name"), policy["name"]
    yield "label", made_by.get("title"), job.title
    options = made_by.get("options") or {}
    source = policy.get("source")
    if source is None:
        # options that nobody gave are compared too; a user's own code is not run for that
        wanted = policy_of_job(folder, job).once().options.model_dump(mode="json")
        yield "options", options, without_folders(wanted)
        return
    given = without_folders(dict(policy.get("options") or {}))
    yield "options", {key: options.get(key) for key in given}, given
    if job.kind == "run":
        yield "code", made_by.get("source_sha256"), source["sha256"]


def _weights_pairs(folder: Path, job: SweepJob, made_by: Mapping[str, Any]) -> Iterator[Pair]:
    """Which weights decided: those of the line, or those that a training left."""
    wanted = job.policy.get("weights")
    if trained := job.policy.get("trained"):
        record = read_record(folder, trained)
        if record is None or not record.sha256:
            return  # nothing says which they were
        wanted = record.sha256
    yield "weights", made_by.get("weights_sha256"), wanted


def _check_plan(folder: Path, job: SweepJob) -> None:
    place = job.place(folder)
    stored = load_plan(place, case_of_job(job))
    if stored.differences:
        raise TraceError(f"{place}: is of another job: {stored.differences[0]}")
    made_by = {
        "name": stored.policy.name,
        "title": stored.policy.title,
        "options": without_folders(stored.policy.options),
    }
    _refuse_another(place, _policy_pairs(folder, job, made_by))


def _check_weights(folder: Path, job: SweepJob) -> None:
    place = job.place(folder)
    card = read_weights(place).card
    _refuse_another(
        place,
        [
            ("scenario", card.get("scenario_digest"), job.scenario_digest),
            ("policy", card.get("policy"), job.policy["name"]),
            ("options", card.get("options") or {}, job.policy.get("options") or {}),
        ],
    )


def _refuse_another(place: Path, pairs: Iterator[Pair] | list[Pair]) -> None:
    for name, found, wanted in pairs:
        if found != wanted:
            raise TraceError(
                f"{place}: is of another job: {name} is {found!r}, and the manifest has {wanted!r}"
            )


#: How a result is checked that no record vouches for.
CHECKS: dict[str, Callable[[Path, SweepJob], None]] = {
    "run": _check_trace,
    "plan": _check_plan,
    "train": _check_weights,
}
