"""``qnetsim verify``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from qnetsim.cli.exit_status import EXIT_FAILED, EXIT_PARTIAL
from qnetsim.cli.show.boxed_table import print_table
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.output import emit, json_option, progress, table
from qnetsim.cli.strict_command import StrictCommand
from qnetsim.replay.verify import NOT_PROVED
from qnetsim.replay.verify import verify as check_trace
from qnetsim.trace import open_world

#: What a finding says by whether it passed.
OUTCOMES = {True: "ok", False: "WRONG", None: "not checked"}


@click.command(cls=StrictCommand)
@click.argument("trace", type=click.Path(path_type=Path))
@click.option(
    "--policy",
    "-p",
    help="FILE.py:Class or module:Class of the run, where the policy is not an installed one.",
)
@click.option("--plan", type=click.Path(path_type=Path), help="Plan file that the run went by.")
@click.option(
    "--topology",
    type=click.Path(path_type=Path),
    help="Topology file of the run, where it is neither bundled nor from topohub.",
)
@click.option("--demand", type=click.Path(path_type=Path), help="Demand file of the run.")
@click.option(
    "--weights", type=click.Path(path_type=Path), help="Trained weights that the run went by."
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    multiple=True,
    help="File of data that a task of the run learns from.",
)
@click.option(
    "--key", type=click.Path(path_type=Path), help="Public key that the trace must be signed by."
)
@click.option("--no-rerun", is_flag=True, help="Leave the simulation out.")
@json_option
def verify(
    trace: Path,
    policy: str | None,
    plan: Path | None,
    topology: Path | None,
    demand: Path | None,
    weights: Path | None,
    data: tuple[Path, ...],
    key: Path | None,
    no_rerun: bool,
    as_json: bool,
) -> None:
    """Check TRACE: contents, ledger, costs, digests, provenance, and the whole run again.

    Exit status: 0 where everything is right, 3 where anything is wrong, 4 where something could
    not be checked, as in a trace that was cut short.
    """
    with open_world(trace) as opened:
        slots = opened.slots
    with progress("running again", slots) as advance:
        found = check_trace(
            trace,
            policy=policy,
            plan=plan,
            topology=topology,
            demand=demand,
            weights=weights,
            data=data,
            key=key,
            rerun=not no_rerun,
            progress=advance,
        )
    status = EXIT_FAILED if found.failed else EXIT_PARTIAL if found.partial else 0
    if as_json:
        difference = found.difference and asdict(found.difference)
        emit(
            "verify",
            {
                "trace": trace,
                "passed": status == 0,
                "findings": [asdict(finding) for finding in found.findings],
                "difference": difference,
                "proved": found.proved,
                "not_proved": NOT_PROVED,
            },
        )
    else:
        rows = table(str(trace), ["check", "", "what was found"], left=3, keys=2)
        for finding in found.findings:
            rows.add_row(finding.name, OUTCOMES[finding.passed], finding.text)
        print_table(rows)
        _say("proved", found.proved)
        _say("no file can prove", NOT_PROVED)
    if status:
        raise click.exceptions.Exit(status)


def _say(what: str, sentences: tuple[str, ...]) -> None:
    for sentence in sentences:
        echo(f"{what}: {sentence}")
