"""Plan a sweep into a folder, and work it off."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.resources import files
from pathlib import Path

from qnetsim.errors import BeingWrittenError, QnetsimError, UsageError, argument
from qnetsim.input_files import note_input
from qnetsim.last_message import note_planned, note_standing
from qnetsim.studies.sweep.agenda import Agenda, Tell
from qnetsim.studies.sweep.executors import Crew, work_off
from qnetsim.studies.sweep.job_cases import case_of_job
from qnetsim.studies.sweep.job_list import manifest_of
from qnetsim.studies.sweep.job_records import JobRecord
from qnetsim.studies.sweep.manifest import NAME, Manifest
from qnetsim.studies.sweep.manifest_file import is_manifest, read_manifest, write_manifest
from qnetsim.studies.sweep.shards import Shard, runs_of
from qnetsim.studies.sweep.sweep_file import Study, load_sweep
from qnetsim.trace.hdf5.files import only_writer, write_whole

#: Scripts that are written beside the manifest, for those who have what runs them.
SCRIPTS = ("sweep.sbatch", "Snakefile")
_DRAFT = re.compile(r"\.[0-9a-f]{32}\.[0-9a-f]{8}\.part")


def plan_sweep(sweep: Path | Study, folder: Path) -> Manifest:
    """Work out the jobs of a sweep, and write the manifest and the scripts.

    Results that are there stay, and count where their jobs are in the manifest.

    Parameters
    ----------
    sweep : Path or Study
        A sweep file, or one that was read.
    folder : Path
        Of its results.

    Raises
    ------
    ScenarioError
        With every problem of the file.
    UsageError
        The folder is that of another sweep file.
    """
    study = sweep if isinstance(sweep, Study) else load_sweep(sweep)
    if is_manifest(folder):
        there = Path(read_manifest(folder).sweep)
        if there != study.path and there.exists():
            raise UsageError(
                f"{folder}: is the folder of {there}; give another {argument('folder')}"
            )
    manifest = manifest_of(study)
    write_manifest(manifest, folder)
    for name in SCRIPTS:
        # one that is there may be the user's by now
        if not (folder / name).exists():
            write_whole(folder / name, script(name))
    return manifest


def script(name: str) -> str:
    """Text of a shipped script."""
    return files("qnetsim.studies.sweep").joinpath(name).read_text("utf-8")


def run_sweep(
    manifest: Manifest,
    folder: Path,
    crew: Crew,
    shard: Shard | None = None,
    tell: Tell = lambda record: None,
) -> Agenda:
    """Work off a sweep; what is done is checked and kept.

    Parameters
    ----------
    manifest : Manifest
    folder : Path
        Of the sweep.
    crew : Crew
        Who does the jobs.
    shard : Shard, optional
        The part to do; all of it unless given.
    tell : callable, optional
        Told of every job that has ended.

    Returns
    -------
    Agenda
        Its ``records`` say how the jobs ended.
    """
    runs = runs_of(manifest, shard)
    agenda = Agenda(manifest, folder, runs, turn=shard.turn if shard else 0.0)
    note_planned(len(runs))

    def told(record: JobRecord) -> None:
        job = manifest.by_digest[record.job]
        if job.kind == "run" and record.status == "complete":
            note_standing(job.place(folder), "complete")
        tell(record)

    work_off(agenda, folder.absolute(), crew, told)
    return agenda


def note_what_stands(manifest: Manifest, folder: Path, shard: Shard | None = None) -> None:
    """Count the traces that are there, also those whose workers could not tell of them."""
    for job in runs_of(manifest, shard):
        place = job.place(folder)
        if place.exists():
            note_standing(place, "complete")


def note_inputs(manifest: Manifest, folder: Path) -> None:
    """Count all files that a sweep is made of as read: none is ever written over."""
    named = {manifest.sweep, str(folder / NAME)}
    for job in manifest.jobs:
        options = job.policy.get("options") or {}
        source = job.policy.get("source") or {}
        values = (job.scenario, source.get("place"), *options.values(), *job.changes.values())
        named.update(value for value in values if isinstance(value, str))
    for text in named:
        note_input(Path(text))
    for job in {job.scenario_digest: job for job in manifest.jobs}.values():
        with suppress(QnetsimError):  # one that is gone, or has changed, is for its job to tell
            for file in case_of_job(job).scenario.named_files:
                note_input(file)
    for path in folder.glob("*/*"):
        note_input(path)


def clear_drafts(folder: Path) -> None:
    """Remove what killed workers left: files under temporary names that nobody writes."""
    for draft in (folder / "traces").glob(".*.part"):
        inner = _DRAFT.search(draft.name)
        if inner is None:
            continue
        # a file that is being created has the name of the draft inside its own
        with suppress(QnetsimError, OSError), only_writer(draft.with_name(inner.group())):
            draft.unlink(missing_ok=True)


@contextmanager
def one_runner(folder: Path) -> Iterator[None]:
    """Hold a folder for this run, so that two runs do not do all its jobs twice.

    Raises
    ------
    BeingWrittenError
        Another run has it.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(only_writer(folder / "sweep"))
        except BeingWrittenError:
            raise BeingWrittenError(
                f"{folder}: another run works this sweep off; wait for it, or let several share "
                f"it by {argument('shard', 'K/N')}"
            ) from None
        yield
