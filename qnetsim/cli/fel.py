"""``qnetsim fel``."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from qnetsim.analysis.fel_tasks import TaskRun, task_runs
from qnetsim.case import Case, load, open_case
from qnetsim.case.tasks import open_session
from qnetsim.cli.policy_option import policy_table
from qnetsim.cli.show.metrics import task_json
from qnetsim.cli.show.output import (
    console,
    emit,
    force_option,
    json_option,
    progress,
    scenario_argument,
    table,
)
from qnetsim.errors import SettingError, UsageError
from qnetsim.fel.protocol import RoundOutcome
from qnetsim.fel.tally import Tally, drive
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable, Scenario, locate
from qnetsim.studies.key_budget import KeyBudget, key_budget
from qnetsim.trace import open_trace, refuse_existing, refuse_input

#: Rounds that a table shows at most.
SHOWN = 12


@dataclass(frozen=True)
class Row:
    """One round of training outside the network.

    Attributes
    ----------
    number, workers : int
    loss : float or None
        Before the step.
    accuracy : float
        After it.
    key_bytes : int
    seconds : float
        Wall-clock time.
    """

    number: int
    workers: int
    loss: float | None
    accuracy: float
    key_bytes: int
    seconds: float


@click.command()
@scenario_argument
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
    default=1,
    show_default=True,
    help="Channels lit for the task on every fibre, in the budget.",
)
@click.option("--budget", "only_budget", is_flag=True, help="Plan the keys only; train nothing.")
@force_option
@json_option
def fel(
    scenario: Path,
    task: int,
    policy: str | None,
    out: Path | None,
    rounds: int | None,
    channels: int,
    only_budget: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Train a federated task of SCENARIO and show what keys its rounds take.

    Without --policy it trains outside the network: losses and keys, no simulated time. The key
    budget holds where every worker takes part, nobody else uses the task's channels and the
    stores keep what a round needs.
    """
    if only_budget and (policy or rounds):
        raise UsageError("--budget trains nothing; leave --policy and --rounds out")
    if out is not None and policy is None:
        raise UsageError("--out keeps the trace of a run; give --policy too")
    spec = _only(load(scenario), scenario, task, rounds)
    case = open_case(spec)
    try:
        budget = key_budget(case, 0, channels)
    except SettingError as error:
        raise locate(scenario, error.problems) from None
    rows: list[Row] = []
    run: TaskRun | None = None
    if policy is not None:
        run = _simulated(spec, policy_table(policy, spec), scenario, out, force)
    elif not only_budget:
        rows = _train(case)
    settings = spec.fel[0]
    title = f"{settings.dataset}, {sum(map(len, settings.workers))} workers, {settings.mode}"
    if as_json:
        trained = task_json(run) if run else {"rounds": [vars(row) for row in rows]}
        emit("fel", {"task": title, "training": trained, "budget": _budget_json(case, budget)})
        return
    if run is not None:
        _show_run(f"{title}, policy {policy}", run)
    elif rows:
        _show_rounds(title, rows)
    _show_budget(case, budget, channels)
    if out is not None:
        click.echo(f"trace         {out}")


def _only(spec: Scenario, path: Path, task: int, rounds: int | None) -> Scenario:
    """The scenario with one task alone."""
    if task > len(spec.fel):
        raise UsageError(f"{path} has {len(spec.fel)} [[fel]] tables; there is no number {task}")
    settings = spec.fel[task - 1]
    if rounds is not None:
        settings = settings.model_copy(update={"rounds": rounds})
    return spec.model_copy(update={"fel": (settings,)})


def _simulated(
    spec: Scenario, policy: PolicyTable, scenario: Path, out: Path | None, force: bool
) -> TaskRun:
    """Run the scenario under a policy; returns how the task got on."""
    if out is not None:
        refuse_input(out, scenario)
        refuse_existing(out, force)
    with TemporaryDirectory() as folder, progress(policy.title, spec.run.slots) as advance:
        path = simulate(spec, policy, out or Path(folder) / "fel.h5", force=force, progress=advance)
        with open_trace(path) as trace:
            return task_runs(trace)[0]


def _train(case: Case) -> list[Row]:
    """Train outside the network."""
    settings, rows = case.scenario.fel[0], []
    session = open_session(settings, 0, case.scenario.run.seed)
    with progress(settings.dataset, settings.rounds + 1) as advance:
        drive(session.setup(), Tally())
        advance(1)
        for number in range(1, settings.rounds + 1):
            tally, outcome, started = Tally(), RoundOutcome(), time.perf_counter()
            drive(session.round(session.workers, outcome), tally)
            seconds, workers = time.perf_counter() - started, len(outcome.workers)
            keys = tally.total.key_bytes
            rows.append(Row(number, workers, outcome.loss, session.accuracy, keys, seconds))
            advance(1)
    return rows


def _some(count: int) -> list[int]:
    """Positions that a table of this many rows shows, the last one always."""
    step = max(1, -(-(count - 1) // (SHOWN - 1)))
    return [*range(0, count - 1, step), count - 1]


def _show_rounds(title: str, rows: list[Row]) -> None:
    shown = table(title, ["round", "workers", "loss before", "accuracy", "key bytes", "seconds"])
    for row in (rows[i] for i in _some(len(rows))):
        loss = "—" if row.loss is None else f"{row.loss:.4f}"
        cells = (f"{row.accuracy:.1%}", f"{row.key_bytes:,}", f"{row.seconds:.2f}")
        shown.add_row(str(row.number), str(row.workers), loss, *cells)
    console().print(shown)


def _show_run(title: str, run: TaskRun) -> None:
    columns = ["begins, s", "took, s", "waited, s", "workers", "loss before", "accuracy"]
    shown = table(title, ["round", *columns])
    for i in _some(run.done) if run.done else []:
        shown.add_row(
            str(i + 1),
            f"{run.started_s[i]:,.4g}",
            f"{run.ended_s[i] - run.started_s[i]:,.4g}",
            f"{run.waited_s[i]:,.4g}",
            str(run.workers[i]),
            "—" if run.loss[i] != run.loss[i] else f"{run.loss[i]:.4f}",
            f"{run.accuracy[i]:.1%}",
        )
    console().print(shown)
    setup = "did not end" if run.setup_s is None else f"took {run.setup_s:,.4g} s"
    click.echo(f"set-up {setup}; {run.done} of {run.rounds} rounds done, {run.lost} lost")


def _show_budget(case: Case, budget: KeyBudget, channels: int) -> None:
    columns = ["step", "purpose", "messages", "payload bytes", "key bytes"]
    for title, tally in (("keys of the set-up", budget.setup), ("keys of a round", budget.round)):
        shown = table(title, columns, left=2)
        lines = [((str(step), purpose), entry) for (step, purpose), entry in tally.by_purpose()]
        for (step, purpose), entry in [*lines, (("", "all"), tally.total)]:
            counts = (entry.messages, entry.payload_bytes, entry.key_bytes)
            shown.add_row(step, purpose, *(f"{count:,}" for count in counts))
        console().print(shown)
    run, worst = case.scenario.run, budget.bottleneck
    click.echo(
        f"bottleneck: fibre {case.network.topology.fibre_name(worst)}, "
        f"{int(budget.round_bits[worst]):,} bits a round at "
        f"{int(budget.bits_per_slot[worst]):,} bits a slot ({channels} channel(s))"
    )
    click.echo(
        f"a round takes the keys of {budget.slots_per_round:,.3g} slots "
        f"({budget.slots_per_round * run.slot_s:,.3g} s), the set-up those of "
        f"{budget.slots_for_setup:,.3g}; {run.slots:,} slots are enough for "
        f"{budget.rounds_in(run.slots):,} rounds, where no key makes a detour"
    )


def _budget_json(case: Case, budget: KeyBudget) -> dict[str, object]:
    def entries(tally: Tally) -> list[dict[str, object]]:
        return [
            {"step": step, "purpose": purpose, "source": source, "target": target, **vars(entry)}
            for (step, purpose, source, target), entry in tally.entries.items()
        ]

    topology = case.network.topology
    fibres = [
        {
            "fibre": topology.fibre_name(i),
            "setup_bits": int(budget.setup_bits[i]),
            "round_bits": int(budget.round_bits[i]),
            "bits_per_slot": int(budget.bits_per_slot[i]),
        }
        for i in range(len(topology.fibres))
    ]
    return {
        "setup_messages": entries(budget.setup),
        "round_messages": entries(budget.round),
        "fibres": fibres,
        "bottleneck": topology.fibre_name(budget.bottleneck),
        "slots_per_round": budget.slots_per_round,
        "slots_for_setup": budget.slots_for_setup,
        "rounds_affordable": budget.rounds_in(case.scenario.run.slots),
    }
