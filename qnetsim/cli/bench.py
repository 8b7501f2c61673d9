"""``qnetsim bench``: the fixed worlds, a row of them, and the check of a row."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from qnetsim.cli.exit_status import EXIT_PARTIAL
from qnetsim.cli.show.bench import bounds_table, checks_table, differences, rows_table
from qnetsim.cli.show.boxed_table import print_table
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.output import POLICY_HELP, emit, json_option, progress
from qnetsim.cli.strict_command import StrictCommand
from qnetsim.shipped import benchmark_scenarios
from qnetsim.studies.benchmark.bench_jobs import BenchJobs
from qnetsim.studies.benchmark.benchmark_worlds import open_world
from qnetsim.studies.benchmark.reference_rows import reference
from qnetsim.studies.benchmark.row_check import RowFileCheck
from qnetsim.studies.benchmark.row_file import BenchmarkRow, RowFile
from qnetsim.studies.benchmark.row_keeper import RowKeeper
from qnetsim.version import __version__

workers_option = click.option("--workers", type=click.IntRange(min=1), default=1, help="Processes.")


@click.group()
def bench() -> None:
    """Fixed worlds with proved bounds, and rows of policies that anybody can enter and check."""


@bench.command("list", cls=StrictCommand)
@json_option
def list_worlds(as_json: bool) -> None:
    """List the worlds with their digests and bounds; commands take them as benchmark/NAME."""
    worlds = reference().worlds
    if as_json:
        emit(
            "bench-list",
            {
                "worlds": [
                    {
                        "name": world.name,
                        "world_digest": world.world_digest,
                        "bound": world.bound,
                        "bound_status": world.bound_status,
                        "expected": world.expected,
                        "setup_digest": world.setup_digest,
                        "scenario": f"benchmark/{world.name}",
                    }
                    for world in worlds
                ]
            },
        )
        return
    print_table(bounds_table(worlds))
    echo("a row of your own: `qnetsim bench run --policy FILE.py:Class`")


@bench.command(cls=StrictCommand)
@click.option("--policy", "-p", "policies", multiple=True, help=POLICY_HELP)
@click.option("--world", "-w", "names", multiple=True, help="World; all of them unless given.")
@click.option("--out", "-o", type=click.Path(path_type=Path), help="Row file to write.")
@workers_option
@json_option
def run(
    policies: tuple[str, ...],
    names: tuple[str, ...],
    out: Path | None,
    workers: int,
    as_json: bool,
) -> int:
    """Run a policy in the worlds: a row for each, with its ratio to the bound.

    Without --policy the policies of the reference are run. Every row is in the file of --out as
    soon as it is made: stopped or killed, the same command goes on. Exit status 4 where a policy
    cannot be run in some of the worlds.
    """
    worlds = [open_world(name) for name in dict.fromkeys(names or benchmark_scenarios())]
    jobs = BenchJobs.of(worlds, policies)
    keeper = RowKeeper(out, jobs.jobs)
    with progress("running", jobs.slots) as advance:
        whole = jobs.run(keeper, _warn, workers=workers, progress=advance)
    rows = keeper.rows
    if as_json:
        emit("bench-run", RowFile(rows=rows).model_dump(mode="json", exclude={"form"}))
    else:
        print_table(rows_table(rows))
        if any(row.sees_future for row in rows):
            echo("* sees the future: no competitor")
        if out is not None:
            echo(f"rows          {out}")
    _warn_of_incredible(rows)
    return 0 if whole else EXIT_PARTIAL


def _warn(text: str) -> None:
    echo(f"warning: {text}", err=True)


def _warn_of_incredible(rows: Iterable[BenchmarkRow]) -> None:
    for row in filter(lambda row: row.incredible, rows):
        _warn(
            f"world {row.world}: policy {row.policy} costs less than is proved to be the least "
            "without foresight, beyond chance (an honest policy does in one of 40 rows at most); "
            "read its code, and try it in other worlds: `qnetsim compare "
            f"benchmark/{row.world} -p sip -p … --set run.seed=2`"
        )


@bench.command(cls=StrictCommand)
@click.argument("row", type=click.Path(path_type=Path))
@click.option(
    "--policy",
    "-p",
    "policies",
    multiple=True,
    help="FILE.py:Class or module:Class of the rows, where the policy is not an installed one.",
)
@workers_option
@json_option
def check(row: Path, policies: tuple[str, ...], workers: int, as_json: bool) -> int:
    """Run the rows of the file ROW again, and say in what they differ.

    Exit status 4 where a row does not come out as it stands in the file.
    """
    asked = RowFileCheck(row, policies)
    with progress("running again", asked.slots) as advance:
        checks = list(asked.run(workers=workers, progress=advance))
    passed = not any(check.differences for check in checks)
    if as_json:
        listed = [
            {
                "world": check.row.world,
                "policy": check.row.policy,
                "passed": not check.differences,
                "differences": check.differences,
            }
            for check in checks
        ]
        facts = {"file": row, "version": asked.version, "passed": passed, "rows": listed}
        emit("bench-check", facts)
    else:
        print_table(checks_table(row, checks))
        for line in differences(checks):
            echo(line)
    if asked.version != __version__:
        _warn(f"{row}: was made by qnetsim {asked.version}, and checked by {__version__}")
    _warn_of_incredible(check.row for check in checks)
    return 0 if passed else EXIT_PARTIAL
