"""``qnetsim run``."""

from __future__ import annotations

import math
from pathlib import Path

import click

from qnetsim.analysis import RunMetrics, run_metrics
from qnetsim.analysis.fel_tasks import TaskRun
from qnetsim.analysis.training_table import TRAINING_COLUMNS, training_cells
from qnetsim.case import load
from qnetsim.cli.policy_option import policy_table
from qnetsim.cli.show.output import (
    console,
    emit,
    force_option,
    json_option,
    progress,
    scenario_argument,
    table,
)
from qnetsim.errors import UsageError
from qnetsim.optimize import Plan
from qnetsim.plans.storage import load_plan
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable, Scenario
from qnetsim.trace import open_trace, refuse_input


@click.command()
@scenario_argument
@click.option("--policy", "-p", help="NAME or NAME:key=value,…")
@click.option("--plan", type=click.Path(path_type=Path), help="Plan file to run by.")
@click.option("--slots", type=int, help="Slots to simulate, instead of the scenario's.")
@click.option("--seed", type=int, help="Seed, instead of the scenario's.")
@click.option("--replication", type=click.IntRange(0, 10**6), default=0, help="Which world.")
@click.option("--out", "-o", type=click.Path(path_type=Path), help="Trace to write.")
@click.option("--resume", is_flag=True, help="Go on with a trace that was cut short.")
@force_option
@json_option
def run(
    scenario: Path,
    policy: str | None,
    plan: Path | None,
    slots: int | None,
    seed: int | None,
    replication: int,
    out: Path | None,
    resume: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Run one policy in one world of SCENARIO and write its trace.

    Give --policy, or --plan with the file of a plan, which is then run by the policy that made it.
    With --resume the slots that the trace holds are simulated again and must come out the same.
    """
    if resume and force:
        raise UsageError("--resume keeps what is there and --force overwrites it; give one of them")
    spec = load(scenario, slots=slots, seed=seed)
    chosen, planned = _chosen(policy, plan, spec)
    if out is not None:
        refuse_input(out, scenario, plan)
    path = out or Path("runs") / f"{scenario.stem}-{chosen.title}-r{replication:03d}.h5"
    with progress(f"{chosen.title}", spec.run.slots) as advance:
        simulate(
            spec,
            chosen,
            path,
            replication=replication,
            plan=planned,
            force=force,
            resume=resume,
            progress=advance,
        )
    with open_trace(path) as trace:
        metrics = run_metrics(trace)
    if as_json:
        emit("run", metrics_json(metrics))
    else:
        show_metrics(metrics)


def _chosen(
    policy: str | None, plan: Path | None, spec: Scenario
) -> tuple[PolicyTable, Plan | None]:
    """Policy and plan of a run, from exactly one of the two options."""
    if (policy is None) == (plan is None):
        raise UsageError("give either --policy NAME or --plan FILE")
    if plan is None:
        return policy_table(policy or "", spec), None
    found, table, differences = load_plan(plan, spec)
    for text in differences:
        click.echo(f"warning: {plan} was made for another scenario: {text}", err=True)
    return table, found


def metrics_json(metrics: RunMetrics) -> dict[str, object]:
    """JSON form of a run's figures."""
    return {
        "policy": metrics.policy,
        "replication": metrics.replication,
        "slots": metrics.slots,
        "cost_per_slot": metrics.cost,
        "cost_by_kind": metrics.cost_by_kind,
        "arrived": metrics.arrived,
        "served": metrics.served_share,
        "blocked": metrics.blocked_share,
        "pending": metrics.pending,
        "interrupted": metrics.interrupted,
        "rerouted": metrics.rerouted,
        "wait_percentiles_s": metrics.waits.percentiles_s,
        "utilisation": metrics.utilisation.tolist(),
        "mean_pool_bits": metrics.mean_pool_bits.tolist(),
        "depletion_s": metrics.depletion_s,
        "exposed_bits": metrics.exposed_bits,
        "on_demand_share": metrics.on_demand_share,
        "tasks": [task_json(task) for task in metrics.tasks],
        "sees_future": metrics.sees_future,
        "status": metrics.status,
        "world_digest": metrics.world_digest,
        "content_digest": metrics.content_digest,
        "trace": metrics.trace,
    }


def task_json(task: TaskRun) -> dict[str, object]:
    """JSON form of a FEL task in a run."""
    # JSON has no number for a loss that is not known
    loss = [None if math.isnan(value) else value for value in task.loss.tolist()]
    return {
        "name": task.name,
        "rounds": task.rounds,
        "done": task.done,
        "lost": task.lost,
        "setup_s": task.setup_s,
        "trained_s": task.trained_s,
        "started_s": task.started_s.tolist(),
        "ended_s": task.ended_s.tolist(),
        "waited_s": task.waited_s.tolist(),
        "loss": loss,
        "accuracy": task.accuracy.tolist(),
        "workers": task.workers.tolist(),
        "key_bits": [
            {"step": step, "purpose": purpose, "bits": bits}
            for (step, purpose), bits in task.key_bits_by_kind.items()
        ],
    }


def show_metrics(metrics: RunMetrics) -> None:
    """Print a run's figures."""
    rows = table(f"policy {metrics.policy}, replication {metrics.replication}", ["", ""], left=1)
    rows.show_header = False
    rows.add_row("slots", f"{metrics.slots:,}")
    rows.add_row("cost per slot", f"{metrics.cost:,.2f}")
    for kind, cost in metrics.cost_by_kind.items():
        if kind in {"blocking_cost", "exposure_cost"} and cost == 0:
            continue
        rows.add_row("  " + kind.removesuffix("_cost").replace("_", " "), f"{cost:,.2f}")
    rows.add_row("requests", f"{metrics.arrived:,}")
    rows.add_row("served", f"{metrics.served_share:.2%}")
    rows.add_row("blocked", f"{metrics.blocked_share:.2%}")
    rows.add_row("pending at the end", f"{metrics.pending:,}")
    if metrics.interrupted:
        rows.add_row("sessions interrupted", f"{metrics.interrupted:,}")
    if metrics.rerouted:
        rows.add_row("deliveries over detours", f"{metrics.rerouted:,}")
    waits = metrics.waits.percentiles_s
    if waits["max"] > 0:
        shown = ", ".join(f"{name} {seconds:g} s" for name, seconds in waits.items())
        rows.add_row("waiting time of the served", shown)
    if metrics.mean_pool_bits.any():
        rows.add_row("mean pool level of a fibre", f"{metrics.mean_pool_bits.mean():,.0f} bits")
        if metrics.depletion_s is not None:
            rows.add_row("mean time until pools run empty", f"{metrics.depletion_s:,.3g} s")
    rows.add_row("utilisation (consumed / produced)", f"{metrics.utilisation.mean():.2%} mean")
    rows.add_row("trust exposure", f"{metrics.exposed_bits:,} bits")
    rows.add_row("on-demand share of bits", f"{metrics.on_demand_share:.2%}")
    rows.add_row("status", metrics.status)
    if metrics.plan is not None:
        rows.add_row("plan", str(metrics.plan["status"]))
    screen = console()
    screen.print(rows)
    if metrics.tasks:
        tasks = table("federated learning", list(TRAINING_COLUMNS))
        for task in metrics.tasks:
            tasks.add_row(*training_cells([task]))
        screen.print(tasks)
    click.echo(f"world digest    {metrics.world_digest}")
    click.echo(f"content digest  {metrics.content_digest}")
    click.echo(f"trace           {metrics.trace}")
