"""``qnetsim fel``."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from qnetsim.analysis.fel_tasks import TaskRun, task_runs
from qnetsim.case import Case, load, open_case
from qnetsim.case.task_leaks import open_leaks
from qnetsim.case.tasks import open_session
from qnetsim.cli.keeping import Keeping, resume_option
from qnetsim.cli.set_option import Changes, set_option
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.fel import (
    TrainingRound,
    budget_json,
    show_budget,
    show_leaks,
    show_rounds,
    show_simulated_rounds,
)
from qnetsim.cli.show.job_levels import show_job_sizes
from qnetsim.cli.show.metrics import task_json
from qnetsim.cli.show.output import emit, force_option, json_option, progress, scenario_argument
from qnetsim.cli.strict_command import StrictCommand
from qnetsim.errors import SettingError, UsageError
from qnetsim.fel.computing import processes_for_parties
from qnetsim.fel.key_usage import KeyUsageTable, run_flow
from qnetsim.fel.protocol import RoundOutcome
from qnetsim.interrupt import remove_at_end
from qnetsim.plain_text import counted
from qnetsim.policies.chosen import policy_table
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable, Scenario, locate
from qnetsim.studies.job_sizes import job_sizes as sizes_of
from qnetsim.studies.key_budget import key_budget
from qnetsim.trace import open_trace, refuse_existing


@click.command(cls=StrictCommand)
@scenario_argument
@set_option
@click.option(
    "--task",
    type=click.IntRange(1),
    default=1,
    help="Which [[fel]] table; it is taken alone, with draws of its own.",
)
@click.option("--policy", "-p", help="Train inside the network that this policy runs.")
@click.option("--out", "-o", type=click.Path(path_type=Path), help="Trace to keep, with --policy.")
@click.option("--rounds", type=click.IntRange(1, 10_000), help="Rounds, instead of the table's.")
@click.option(
    "--channels",
    type=click.IntRange(1, 10**6),
    help="Channels lit for the task on every fibre, in the budget; 1 unless given. Not with "
    "--policy.",
)
@click.option(
    "--processes",
    type=click.IntRange(1, 1024),
    default=1,
    show_default=True,
    help="Processes of the parties in real mode; results do not depend on it. Not with --policy.",
)
@click.option("--budget", "only_budget", is_flag=True, help="Plan the keys only; train nothing.")
@click.option(
    "--job-sizes",
    is_flag=True,
    help="Count a round, and say what sizes a job of [jobs] has that does the same; train nothing.",
)
@resume_option
@force_option
@json_option
def fel(
    scenario: Path,
    changes: Changes,
    task: int,
    policy: str | None,
    out: Path | None,
    rounds: int | None,
    channels: int | None,
    processes: int,
    only_budget: bool,
    job_sizes: bool,
    resume: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Train a federated task of SCENARIO and show what keys its rounds take.

    Without --policy it trains outside the network: losses and keys, no simulated time. The key
    budget holds where every worker takes part, nobody else uses the task's channels and the
    stores keep what a round needs.
    """
    if job_sizes:
        _refuse_beside_job_sizes(only_budget or policy or rounds or channels, processes, force)
    if only_budget and (policy or rounds):
        raise UsageError("--budget trains nothing; leave --policy and --rounds out")
    if out is not None and policy is None:
        raise UsageError("--out keeps the trace of a run; give --policy too")
    if channels and policy:
        raise UsageError(
            "--channels is for the budget of a task that has channels of its own; with --policy it "
            f"lights those of the scenario: --set fel.{task - 1}.on_demand_channels=N"
        )
    if processes > 1 and (policy or only_budget):
        raise UsageError("--processes is for training outside the network: without --policy")
    if resume and out is None:
        raise UsageError("--resume goes on with a trace that was kept; give --policy and --out")
    if force and out is None:
        raise UsageError("--force overwrites a trace that was kept; give --policy and --out")
    keep = Keeping(force, resume)
    spec = _with_one_task(load(scenario, changes=changes), scenario, task, rounds)
    _refuse_idle_processes(spec, processes)
    case = open_case(spec)
    if job_sizes:
        sizes = sizes_of(case)[0]
        show_job_sizes(replace(sizes, name=f"{task} {spec.fel[0].data_name}"), as_json)
        return
    try:
        budget = key_budget(case, 0, channels or 1)
    except SettingError as error:
        raise locate(scenario, error.problems) from None
    rows: list[TrainingRound] = []
    run: TaskRun | None = None
    if policy is not None:
        run = _run_task(spec, policy_table(policy, spec.policy), out, keep)
    elif not only_budget:
        rows = _train_outside_network(case, processes)
    settings = spec.fel[0]
    workers = counted(sum(map(len, settings.workers)), "worker")
    title = f"{settings.data_name}, {workers}, {settings.mode}"
    if as_json:
        trained = task_json(run) if run else {"rounds": [_row_json(row) for row in rows]}
        left_open = list(open_leaks(settings))
        found = {"task": title, "training": trained, "budget": budget_json(case, budget)}
        emit("fel", {**found, "left_open": left_open})
        return
    if run is not None:
        show_simulated_rounds(f"{title}, policy {policy}", run)
    elif rows:
        show_rounds(title, rows)
    show_budget(case, budget, channels or 1)
    show_leaks(settings)
    if out is not None:
        echo(f"trace         {out}")


def _refuse_beside_job_sizes(others: object, processes: int, force: bool) -> None:
    if others or processes > 1 or force:
        options = "--budget, --policy, --rounds, --processes, --channels, --force"
        raise UsageError(f"--job-sizes counts one round, and trains nothing; leave {options} out")


def _refuse_idle_processes(spec: Scenario, processes: int) -> None:
    if processes > 1 and spec.fel[0].mode != "real":
        raise UsageError(
            "--processes is for mode = 'real': a counted task encrypts nothing; leave it out"
        )


def _row_json(row: TrainingRound) -> dict[str, object]:
    """JSON form of a round; JSON has no number for a figure that is none."""
    known = {name: None if x != x else x for name, x in row.held_out.items()}
    return {**vars(row), "held_out": known}


def _with_one_task(spec: Scenario, path: Path, task: int, rounds: int | None) -> Scenario:
    """The scenario with one task alone."""
    if not spec.fel:
        raise UsageError(f"{path}: has no [[fel]] table; the shipped scenario `fel` has some")
    if task > len(spec.fel):
        raise UsageError(
            f"{path} has {counted(len(spec.fel), '[[fel]] table')}; there is no number {task}"
        )
    settings = spec.fel[task - 1]
    if rounds is not None:
        settings = settings.model_copy(update={"rounds": rounds})
    return spec.model_copy(update={"fel": (settings,)})


def _run_task(spec: Scenario, policy: PolicyTable, out: Path | None, keep: Keeping) -> TaskRun:
    """Run the scenario under a policy; returns the task's figures."""
    if out is not None:
        refuse_existing(out, keep.force or keep.resume)
    with TemporaryDirectory() as folder, progress(policy.title, spec.run.slots) as advance:
        remove_at_end(Path(folder))
        place = out or Path(folder) / "fel.h5"
        path = simulate(spec, policy, place, **asdict(keep), progress=advance)
        with open_trace(path) as trace:
            return task_runs(trace)[0]


def _train_outside_network(case: Case, processes: int) -> list[TrainingRound]:
    """Train outside the network."""
    settings = case.scenario.fel[0]
    rows = []
    with (
        processes_for_parties(processes if settings.mode == "real" else 1) as computing,
        progress(settings.data_name, settings.rounds + 1) as advance,
    ):
        session = open_session(settings, 0, case.scenario.run.seed, computing=computing)
        run_flow(session.setup(), KeyUsageTable())
        advance(1)
        for number in range(1, settings.rounds + 1):
            usage = KeyUsageTable()
            outcome = RoundOutcome()
            started = time.perf_counter()
            run_flow(session.round(session.workers, outcome), usage)
            rows.append(
                TrainingRound(
                    number=number,
                    workers=len(outcome.workers),
                    loss=outcome.loss,
                    accuracy=session.accuracy,
                    key_bytes=usage.total.key_bytes,
                    seconds=time.perf_counter() - started,
                    held_out=asdict(found) if (found := session.evaluation) else {},
                )
            )
            advance(1)
    return rows
