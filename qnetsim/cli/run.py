"""``qnetsim run``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from qnetsim.case import load
from qnetsim.cli.default_path import default_path
from qnetsim.cli.keeping import Keeping, resume_option
from qnetsim.cli.set_option import Changes, set_option
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.metrics import print_run
from qnetsim.cli.show.output import (
    POLICY_HELP,
    durable_option,
    force_option,
    json_option,
    progress,
    scenario_argument,
)
from qnetsim.cli.show.recording import say_recording
from qnetsim.cli.sign_option import Signer, sign_option
from qnetsim.cli.strict_command import StrictCommand
from qnetsim.errors import UsageError
from qnetsim.optimize import Plan
from qnetsim.policies.chosen import policy_table
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable, Scenario
from qnetsim.trace import open_trace


@click.command(cls=StrictCommand)
@scenario_argument
@set_option
@click.option("--policy", "-p", help=POLICY_HELP)
@click.option("--plan", type=click.Path(path_type=Path), help="Plan file to run by.")
@click.option("--slots", type=int, help="Slots to simulate, instead of the scenario's.")
@click.option("--seed", type=int, help="Seed, instead of the scenario's.")
@click.option("--replication", type=click.IntRange(0, 10**6), default=0, help="Which world.")
@click.option("--out", "-o", type=click.Path(path_type=Path), help="Trace to write.")
@resume_option
@sign_option
@durable_option
@force_option
@json_option
def run(
    scenario: Path,
    changes: Changes,
    policy: str | None,
    plan: Path | None,
    slots: int | None,
    seed: int | None,
    replication: int,
    out: Path | None,
    resume: bool,
    key: Path | None,
    durable: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Run one policy in one world of SCENARIO and write its trace.

    Give --policy, or --plan with the file of a plan, which is then run by the policy that made it;
    where that is your own code, give both.
    With --resume the slots that the trace holds are simulated again and must come out the same.
    """
    keep = Keeping(force, resume, durable)
    signer = Signer(key)
    spec = load(scenario, changes=changes, slots=slots, seed=seed)
    say_recording(spec)
    chosen, planned = _chosen(policy, plan, spec)
    path = out or default_path(f"{scenario.stem}-{chosen.title}-r{replication:03d}.h5")
    if key is not None and resume and path.exists():
        _refuse_complete(path)
    with progress(f"{chosen.title}", spec.run.slots) as advance:
        simulate(
            spec,
            chosen,
            path,
            replication=replication,
            plan=planned,
            **asdict(keep),
            progress=advance,
        )
    signer.sign([path])
    print_run("run", path, as_json)


def _refuse_complete(path: Path) -> None:
    """Refuse to sign what this command would leave as it is, and not have made."""
    with open_trace(path) as trace:
        if trace.status == "complete":
            raise UsageError(
                f"{path}: is complete, so that --resume runs nothing and --sign signs nothing; "
                "leave --sign out, or run it anew with --force"
            )


def _chosen(
    policy: str | None, plan: Path | None, spec: Scenario
) -> tuple[PolicyTable, Plan | None]:
    """Policy and plan of a run, from one of the two options; the code of a plan from the other."""
    given = None if policy is None else policy_table(policy, spec.policy)
    if (given is None) == (plan is None) and (given is None or given.source is None):
        raise UsageError(
            "give either --policy NAME or --plan FILE; both where your own code made the plan"
        )
    if plan is None:
        assert given is not None
        return given, None
    from qnetsim.plans.storage import load_plan

    found, table, differences = load_plan(plan, spec, given)
    for text in differences:
        echo(f"warning: {plan} was made for another scenario: {text}", err=True)
    return table, found
