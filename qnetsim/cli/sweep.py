"""``qnetsim sweep``: many runs over factors of a scenario."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from qnetsim.cli.exit_status import EXIT_PARTIAL
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.output import emit, force_option, json_option, progress, working
from qnetsim.cli.show.sweep import (
    estimate_json,
    jobs_json,
    show_estimate,
    show_failures,
    show_jobs,
    show_states,
    state_json,
)
from qnetsim.cli.strict_command import StrictCommand
from qnetsim.cli.sweep_folder import folder_of, known, manifest_in, require_manifest
from qnetsim.errors import UsageError
from qnetsim.plain_text import counted
from qnetsim.studies.sweep.agenda import Agenda, failures
from qnetsim.studies.sweep.executors import Crew, LocalCrew, default_workers
from qnetsim.studies.sweep.job_records import JobRecord
from qnetsim.studies.sweep.job_states import SweepState, state_of
from qnetsim.studies.sweep.manifest import Manifest
from qnetsim.studies.sweep.manifest_file import read_manifest
from qnetsim.studies.sweep.shards import Shard, read_shard, runs_of
from qnetsim.studies.sweep.work import clear_drafts, note_what_stands, one_runner, run_sweep
from qnetsim.trace import refuse_existing

sweep_argument = click.argument("sweep", type=click.Path(path_type=Path))
folder_option = click.option(
    "--folder",
    type=click.Path(path_type=Path),
    help="Folder of the results.  [default: runs/NAME of NAME.toml]",
)


@click.group()
def sweep() -> None:
    """Vary keys of a scenario: plan the jobs, work them off, collect one table.

    SWEEP is a sweep file (TOML), or the folder of a sweep that was planned.
    """


@sweep.command(cls=StrictCommand)
@sweep_argument
@folder_option
@click.option(
    "--estimate/--no-estimate",
    "estimates",
    default=True,
    help="Estimate time and disk, by short runs where no job is done yet.",
)
@click.option("--workers", type=click.IntRange(min=1), help="Processes that the estimate is for.")
@json_option
def plan(
    sweep: Path, folder: Path | None, estimates: bool, workers: int | None, as_json: bool
) -> None:
    """List the jobs of SWEEP with an estimate of time and disk, and write the manifest."""
    from qnetsim.studies.sweep.estimate import estimate

    place = folder_of(sweep, folder)
    state = state_of(manifest_in(sweep, place), place)
    found = None
    if estimates:
        with working("estimating by short runs"):
            found = estimate(state)
    crowd = workers or default_workers()
    if as_json:
        facts = state_json(state) | {"jobs": jobs_json(state)}
        emit("sweep-plan", facts | {"estimate": estimate_json(found, crowd)})
        return
    show_states(state)
    show_jobs(state)
    if found is not None:
        show_estimate(found, crowd)
    echo(f"manifest      {place / 'manifest.jsonl'}")
    echo(f"goes on with  qnetsim sweep run {sweep if folder is None else place}")


@sweep.command(cls=StrictCommand)
@sweep_argument
@folder_option
@click.option(
    "--workers", type=click.IntRange(min=1), help="Processes.  [default: processors there are]"
)
@click.option("--scheduler", metavar="tcp://HOST:PORT", help="Workers of a Dask scheduler instead.")
@click.option("--shard", metavar="K/N", help="Do one part of N alone, for example in a job array.")
@json_option
def run(
    sweep: Path,
    folder: Path | None,
    workers: int | None,
    scheduler: str | None,
    shard: str | None,
    as_json: bool,
) -> int:
    """Work off the jobs of SWEEP; those that are done are checked and kept.

    A job that fails does not stop the others: exit status 4 says that some failed. Stopped or
    killed, the same command goes on.
    """
    if scheduler is not None and (workers is not None or shard is not None):
        raise UsageError("--scheduler has its own workers; give neither --workers nor --shard")
    part = read_shard(shard) if shard is not None else None
    place = folder_of(sweep, folder)
    if part is not None:
        require_manifest(sweep, place)
    # shards must agree on the jobs, so none of them plans
    manifest = read_manifest(place) if part is not None else manifest_in(sweep, place)
    with ExitStack() as stack:
        if part is None:
            stack.enter_context(one_runner(place))
            clear_drafts(place)
        # counted last, once all workers have ended
        stack.callback(note_what_stands, manifest, place, part)
        most = len(runs_of(manifest, part))
        crew = stack.enter_context(_crew(place, min(workers or default_workers(), most), scheduler))
        agenda = _work_off(manifest, place, crew, part)
        if part is None:
            clear_drafts(place)
    return _told(agenda, place, manifest, as_json)


def _crew(folder: Path, workers: int, scheduler: str | None) -> Any:
    if scheduler is None:
        return LocalCrew(max(workers, 1))
    from qnetsim.studies.sweep.dask_crew import DaskCrew, is_open

    if is_open(scheduler):
        echo(
            f"warning: {scheduler} is neither encrypted nor on this machine: who can reach it can "
            "run code there; use tls://, or a tunnel",
            err=True,
        )
    crew = DaskCrew(scheduler, folder.absolute())
    if not crew.has_workers:
        echo(f"{scheduler} has no workers yet; the jobs wait for `dask worker`", err=True)
    return crew


def _work_off(manifest: Manifest, folder: Path, crew: Crew, part: Shard | None) -> Agenda:
    needed = {need for job in runs_of(manifest, part) for need in job.needs}
    total = len(runs_of(manifest, part)) + len(needed)
    with progress("sweeping", total) as advance:
        return run_sweep(manifest, folder, crew, part, _teller(advance))


def _teller(advance: Callable[[int], None]) -> Callable[[JobRecord], None]:
    return lambda record: advance(1)


def _told(agenda: Agenda, folder: Path, manifest: Manifest, as_json: bool) -> int:
    """Say how the jobs ended; returns the exit status."""
    records = agenda.records.values()
    failed = failures(agenda.records)
    kept = sum(record.kept for record in records)
    done = len(records) - kept - len(failed)
    if as_json:
        listed = [{"job": job, "error": error} for job, error in failed.items()]
        facts = {"folder": folder, "done": done, "kept": kept, "failed": len(failed)}
        emit("sweep-run", facts | {"failures": listed})
    else:
        show_failures(manifest, failed)
        kept_text = f", {kept:,} there already" if kept else ""
        failed_text = f", {len(failed):,} failed" if failed else ""
        echo(f"{counted(done, 'job')} done{kept_text}{failed_text}")
        echo(f"results       {folder}")
    return EXIT_PARTIAL if failed else 0


@sweep.command(cls=StrictCommand)
@sweep_argument
@folder_option
@json_option
def status(sweep: Path, folder: Path | None, as_json: bool) -> int:
    """Say what is done of SWEEP, what failed and what is missing; exit status 4 unless all is."""
    state = known(sweep, folder)
    if as_json:
        listed = [{"job": job, "error": error} for job, error in state.failures.items()]
        looks = {str(i): [asdict(look) for look in found] for i, found in state.looks.items()}
        emit("sweep-status", state_json(state) | {"failures": listed, "looks": looks})
    else:
        show_states(state)
        show_failures(state.manifest, state.failures)
    return 0 if state.whole else EXIT_PARTIAL


def _exit_status(sweep: Path, state: SweepState, columns: Mapping[str, Sequence[Any]]) -> int:
    """Exit status of a table: 4 unless all its rows are sound, and then it is said why."""
    statuses = Counter(columns["status"])
    if state.whole and not statuses["failed"]:
        return 0
    lacking = {name: n for name, n in sorted(statuses.items()) if name != "complete"}
    rows = ", ".join(f"{n:,} {name}" for name, n in lacking.items())
    why = f"of {counted(len(columns['status']), 'row')} {rows}; " if rows else ""
    echo(f"warning: {why}`qnetsim sweep status {sweep}` says what there is", err=True)
    return EXIT_PARTIAL


@sweep.command(cls=StrictCommand)
@sweep_argument
@folder_option
@click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path),
    help="Table to write: .csv, .parquet, or .h5 and .nc for xarray.  [default: table.csv]",
)
@force_option
@json_option
def collect(sweep: Path, folder: Path | None, out: Path | None, force: bool, as_json: bool) -> int:
    """Write one tidy table: a row for each point, policy and replication.

    Exit status 4 where runs failed or are missing; their rows say so.
    """
    from qnetsim.trace.files.tidy_table import refuse_table_name, write_table

    state = known(sweep, folder)
    path = out or state.folder / "table.csv"
    refuse_table_name(path)
    refuse_existing(path, force)
    columns = _collected(state)
    write_table(path, columns, force=force)
    rows = len(columns["policy"])
    if as_json:
        emit("sweep-collect", {"table": path, "rows": rows, "columns": list(columns)})
    else:
        echo(f"table         {path} ({counted(rows, 'row')})")
    return _exit_status(sweep, state, columns)


def _collected(state: SweepState) -> dict[str, list[Any]]:
    from qnetsim.studies.sweep.collect import collect as read_table

    rows = sum(1 for _ in state.manifest.cells())
    with progress("reading traces", rows) as advance:
        return read_table(state, advance)


@sweep.command(cls=StrictCommand)
@sweep_argument
@folder_option
@click.option(
    "--out", "-o", type=click.Path(path_type=Path), help="Page to write.  [default: report.html]"
)
@force_option
@json_option
def report(sweep: Path, folder: Path | None, out: Path | None, force: bool, as_json: bool) -> int:
    """Draw the report of SWEEP: one HTML page with its figures inside.

    Exit status 4 where runs failed or are missing.
    """
    state = known(sweep, folder)
    path = out or state.folder / "report.html"
    refuse_existing(path, force)
    columns = _collected(state)
    from qnetsim.studies.sweep.sweep_page import write_page

    with working("drawing the report"):
        write_page(path, state, columns, force=force)
    if as_json:
        emit("sweep-report", {"report": path})
    else:
        echo(f"report        {path}")
    return _exit_status(sweep, state, columns)
