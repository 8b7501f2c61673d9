"""``qnetsim demand``."""

from __future__ import annotations

from pathlib import Path

import click

from qnetsim.case import load, open_case
from qnetsim.cli.default_path import default_path
from qnetsim.cli.demand_import import import_demand
from qnetsim.cli.keeping import Keeping, resume_option
from qnetsim.cli.set_option import Changes, set_option
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.output import (
    emit,
    force_option,
    json_option,
    progress,
    scenario_argument,
)
from qnetsim.cli.show.recording import say_recording
from qnetsim.cli.strict_command import StrictCommand
from qnetsim.last_message import AGAIN, note_command
from qnetsim.replay.record import record_world


class DemandGroup(click.Group):
    """A group whose commands need no name where a scenario is given."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take everything but the name of a command for what ``record`` is given."""
        if args and args[0] not in self.commands:
            args = ["record", *args]
        return super().parse_args(ctx, args)


@click.group(cls=DemandGroup)
def demand() -> None:
    """Record the demand of a scenario, or import that of others."""


demand.add_command(import_demand)


@demand.command(cls=StrictCommand)
@scenario_argument
@set_option
@click.option("--slots", type=int, help="Slots to record, instead of the scenario's.")
@click.option("--seed", type=int, help="Seed, instead of the scenario's.")
@click.option("--replication", type=click.IntRange(0, 10**6), default=0, help="Which world.")
@click.option(
    "--out",
    "-o",
    type=click.Path(path_type=Path),
    help="File to write: .csv for the demand alone, else the whole world in HDF5.",
)
@resume_option
@force_option
@json_option
def record(
    scenario: Path,
    changes: Changes,
    slots: int | None,
    seed: int | None,
    replication: int,
    out: Path | None,
    resume: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Record a world of SCENARIO: its demand, yields and failures, with no policy in it.

    `qnetsim demand import FILE` turns demand of others into a recording.
    """
    keep = Keeping(force, resume)
    spec = load(scenario, changes=changes, slots=slots, seed=seed)
    say_recording(spec)
    path = out or default_path(f"{scenario.stem}-world-r{replication:03d}.h5")
    if path.suffix.lower() == ".csv":
        note_command(AGAIN)
    case = open_case(spec)
    with progress("recording", spec.run.slots) as advance:
        digest = record_world(
            case,
            path,
            replication=replication,
            force=keep.force,
            resume=keep.resume,
            progress=advance,
        )
    if as_json:
        facts = {"slots": spec.run.slots, "requests": case.forecast.requests}
        emit("demand", {**facts, "world_digest": digest, "world": path})
        return
    echo(f"slots         {spec.run.slots:,}")
    echo(f"requests      {case.forecast.requests:,}")
    echo(f"world digest  {digest}")
    echo(f"world         {path}")
