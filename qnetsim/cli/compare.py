"""``qnetsim compare``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path

import click

from qnetsim.analysis import compare_traces
from qnetsim.case import load
from qnetsim.cli.default_path import default_path
from qnetsim.cli.exit_status import EXIT_PARTIAL
from qnetsim.cli.keeping import Keeping, resume_option
from qnetsim.cli.set_option import Changes, set_option
from qnetsim.cli.show.comparison import comparison_json, show_comparison
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.output import (
    POLICY_HELP,
    durable_option,
    emit,
    force_option,
    json_option,
    progress,
    working,
)
from qnetsim.cli.show.recording import say_recording
from qnetsim.cli.show.report import draw_report, refuse_report
from qnetsim.cli.sign_option import Signer, sign_option
from qnetsim.cli.strict_command import StrictCommand
from qnetsim.errors import UsageError
from qnetsim.plain_text import counted
from qnetsim.plans.make import plan_policies
from qnetsim.policies.chosen import policy_table
from qnetsim.runs.batch import run_policies
from qnetsim.runs.workers import map_in_workers
from qnetsim.scenario import Scenario
from qnetsim.shipped import scenario_file
from qnetsim.trace import is_hdf5
from qnetsim.trace.files.planned_traces import traces_of


@click.command(cls=StrictCommand)
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path))
@set_option
@click.option(
    "--policy",
    "-p",
    "policies",
    multiple=True,
    help=POLICY_HELP,
)
@click.option("--replications", type=int, help="Worlds, instead of the scenario's.")
@click.option("--slots", type=int, help="Slots of a world, instead of the scenario's.")
@click.option("--seed", type=int, help="Seed, instead of the scenario's.")
@click.option("--out", "-o", type=click.Path(path_type=Path), help="Folder for the results.")
@click.option("--workers", type=click.IntRange(min=1), default=1, help="Processes.")
@click.option(
    "--report/--no-report",
    "draws",
    default=True,
    help="Draw the report: one HTML file, and each figure as SVG beside it.",
)
@sign_option
@resume_option
@durable_option
@force_option
@json_option
def compare(
    sources: tuple[Path, ...],
    changes: Changes,
    policies: tuple[str, ...],
    replications: int | None,
    slots: int | None,
    seed: int | None,
    out: Path | None,
    workers: int,
    draws: bool,
    key: Path | None,
    resume: bool,
    durable: bool,
    force: bool,
    as_json: bool,
) -> int:
    """Compare policies in identical worlds.

    SOURCES is one scenario, which is run, or traces or their folder, which are read. A --policy
    that has no trace among them is replayed in their worlds. Worlds that `qnetsim demand` recorded
    may stand beside traces, or alone. Exit status 4 where a comparison was cut short and traces are
    missing; the same command with --resume completes it.
    """
    keep = Keeping(force, resume, durable)
    sources = traces_of(sources)
    signer = Signer(key)
    if all(source.suffix == ".h5" or is_hdf5(source) for source in sources):
        _refuse_of_a_scenario(
            {
                "--replications": replications,
                "--slots": slots,
                "--seed": seed,
                "--set": changes or None,
            }
        )
        folder = out or Path("runs") / "comparison"
        if draws:
            refuse_report(folder, force, resume)
        paths = _traces_and_replays(sources, policies, folder, keep)
    else:
        if len(sources) > 1:
            raise UsageError("give one scenario, or traces; not several of them together")
        found = scenario_file(sources[0])
        scenario = load(
            found,
            changes=changes,
            replications=replications,
            slots=slots,
            seed=seed,
        )
        say_recording(scenario)
        folder = out or default_path(found.stem)
        if draws:
            refuse_report(folder, force, resume)
        paths = _run_scenario(scenario, policies, folder, keep, workers=workers)
    made = [path for path in paths if path not in sources]
    if key is not None and not made:
        raise UsageError("--sign signs what is written, and traces are only read here")
    signer.sign(made)
    return _tell(paths, folder if draws else None, workers=workers, as_json=as_json)


def _tell(paths: Sequence[Path], folder: Path | None, *, workers: int, as_json: bool) -> int:
    """Print the comparison of these traces, draw its report into a folder; returns the status."""
    # the thread of a status line would keep workers from being forked
    with nullcontext() if workers > 1 else working("reading traces"):
        comparison = compare_traces(paths, each=partial(map_in_workers, workers=workers))
    for warning in comparison.warnings:
        echo(f"warning: {warning}", err=True)
    report = None if folder is None else draw_report(comparison, folder, formats=("svg",))
    if as_json:
        emit("compare", comparison_json(comparison) | {"report": report})
    else:
        show_comparison(comparison)
        where = paths[0].parent if len({path.parent for path in paths}) == 1 else "as given"
        echo(f"traces        {where} ({counted(len(paths), 'file')})")
        if report is not None:
            echo(f"report        {report}")
    return EXIT_PARTIAL if comparison.missing else 0


def _refuse_of_a_scenario(given: Mapping[str, object]) -> None:
    """Refuse options that change a scenario, where traces are read."""
    for option, value in given.items():
        if value is not None:
            raise UsageError(f"{option} goes with a scenario; traces are read as they are")


def _run_scenario(
    scenario: Scenario,
    policies: Sequence[str],
    folder: Path,
    keep: Keeping,
    *,
    workers: int,
) -> list[Path]:
    """Run the policies in the worlds of a scenario; returns the traces."""
    chosen = [policy_table(text, scenario.policy) for text in policies] or list(scenario.policy)
    total = len(chosen) * scenario.run.replications * scenario.run.slots
    with working("planning") as tell:
        plans = plan_policies(scenario, chosen, tell)
    with progress("comparing", total) as advance:
        return run_policies(
            scenario,
            chosen,
            folder,
            plans=plans,
            workers=workers,
            **asdict(keep),
            progress=advance,
        )


def _traces_and_replays(
    sources: Sequence[Path], policies: Sequence[str], folder: Path, keep: Keeping
) -> list[Path]:
    """Traces among the files, and those of the policies that are replayed in their worlds."""
    # a scenario that is run has no use for it
    from qnetsim.replay.replay_batch import recorded_files, replay_policies

    files = recorded_files(sources)
    missing = files.to_replay(policies)
    slots = len(missing) * len(sources) * files.scenario.run.slots
    with progress("replaying", slots) as advance:
        made = replay_policies(sources, missing, folder, **asdict(keep), progress=advance)
    return [*files.traces, *made]
