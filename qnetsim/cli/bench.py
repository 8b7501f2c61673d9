"""``qnetsim bench``: the fixed worlds, a row of them, and the check of a row."""

from __future__ import annotations

from pathlib import Path

import click

from qnetsim.cli.exit_status import EXIT_PARTIAL
from qnetsim.cli.show.bench import bounds_table, checks_table, rows_table
from qnetsim.cli.show.boxed_table import print_table
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.output import POLICY_HELP, emit, json_option, progress
from qnetsim.cli.strict_command import StrictCommand
from qnetsim.errors import BoundError, QnetsimError, WorldMismatchError
from qnetsim.policies.chosen import choose
from qnetsim.runs.simulate import Progress
from qnetsim.scenario import PolicyTable
from qnetsim.shipped import benchmark_scenarios
from qnetsim.studies.benchmark.bench_run import bench_row
from qnetsim.studies.benchmark.benchmark_worlds import BenchmarkWorld, open_world
from qnetsim.studies.benchmark.reference_rows import reference
from qnetsim.studies.benchmark.row_check import RowFileCheck
from qnetsim.studies.benchmark.row_file import BenchmarkRow, RowFile, refuse_present

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

    Without --policy the policies of the reference are run. Exit status 4 where a policy cannot be
    run in some of the worlds.
    """
    if out is not None:
        refuse_present(out)
    worlds = [open_world(name) for name in dict.fromkeys(names or benchmark_scenarios())]
    jobs = [(world, policy) for world in worlds for policy in policies or world.scenario.policy]
    rows: list[BenchmarkRow] = []
    failed: list[QnetsimError] = []
    total = sum(world.scenario.run.slots * world.scenario.run.replications for world, _ in jobs)
    with progress("running", total) as advance:
        for world, policy in jobs:
            try:
                rows.append(_row(world, policy, workers, advance))
            except (BoundError, WorldMismatchError):
                raise
            except QnetsimError as error:
                failed.append(error)
                echo(f"warning: world {world.name}: {error}", err=True)
    if not rows:
        raise failed[0]
    found = RowFile(rows=tuple(rows))
    if out is not None:
        found.write(out)
    if as_json:
        emit("bench-run", found.model_dump(mode="json", exclude={"form"}))
    else:
        print_table(rows_table(rows))
        if any(row.sees_future for row in rows):
            echo("* sees the future: no competitor")
        if out is not None:
            echo(f"rows          {out}")
    return EXIT_PARTIAL if failed else 0


def _row(
    world: BenchmarkWorld, policy: str | PolicyTable, workers: int, advance: Progress
) -> BenchmarkRow:
    chosen = choose(policy, world.scenario.policy)
    record = reference().world(world.name)
    return bench_row(world, record, chosen, workers=workers, progress=advance)


@bench.command(cls=StrictCommand)
@click.argument("row", type=click.Path(path_type=Path))
@click.option(
    "--policy",
    "-p",
    help="FILE.py:Class or module:Class of the rows, where the policy is not an installed one.",
)
@workers_option
@json_option
def check(row: Path, policy: str | None, workers: int, as_json: bool) -> int:
    """Run the rows of the file ROW again, and say in what they differ.

    Exit status 4 where a row does not come out as it stands in the file.
    """
    asked = RowFileCheck(row, policy)
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
        emit("bench-check", {"file": row, "passed": passed, "rows": listed})
    else:
        print_table(checks_table(row, checks))
    return 0 if passed else EXIT_PARTIAL
