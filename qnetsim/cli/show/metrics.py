"""The figures of one run in a terminal and as JSON."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from qnetsim.analysis import RunMetrics, run_metrics
from qnetsim.analysis.group_rows import groups_json
from qnetsim.analysis.mean_intervals import Intervals, over_batches
from qnetsim.analysis.text_table import ends_text
from qnetsim.cli.show.basis import intervals_json, warm_up_json
from qnetsim.cli.show.boxed_table import print_table
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.groups import print_groups
from qnetsim.cli.show.output import emit, table, text_table
from qnetsim.plain_text import counted
from qnetsim.trace import open_trace

if TYPE_CHECKING:
    from qnetsim.analysis.fel_tasks import TaskRun


def print_run(schema: str, path: Path, as_json: bool) -> None:
    """Print the figures of the run in a trace, as JSON with this schema name or in a table."""
    with open_trace(path) as trace:
        metrics = run_metrics(trace)
        intervals = over_batches(trace, metrics)
    if as_json:
        emit(schema, metrics_json(metrics, intervals))
    else:
        show_metrics(metrics, intervals)


def metrics_json(metrics: RunMetrics, intervals: Intervals) -> dict[str, object]:
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
        "warm_up": warm_up_json(metrics.warm_up),
        "intervals": intervals_json(intervals),
        "requests": groups_json([metrics]),
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
        "held_out": {
            name: [None if math.isnan(value) else value for value in values.tolist()]
            for name, values in task.held_out.items()
        },
        "workers": task.workers.tolist(),
        "key_bits": [
            {"step": step, "purpose": purpose, "bits": bits}
            for (step, purpose), bits in task.key_bits_by_kind.items()
        ],
        "waits_for": task.ending.want,
        "relayed": [{"party": party, **seen} for party, seen in task.ending.relayed.items()],
        "attacked": task.ending.attacked,
        "burnt_bits": task.ending.burnt_bits,
    }


def _amount(intervals: Intervals, name: str) -> str:
    """Half the width of an interval behind its mean; empty where there is none."""
    half = intervals.half(name)
    return "" if half is None else f" ± {half:,.2f}"


def _share(intervals: Intervals, name: str) -> str:
    half = intervals.half(name)
    return "" if half is None else f" ± {half:.2%}"


def _wait(intervals: Intervals, name: str, seconds: float) -> str:
    """A percentile of the waiting times, with the ends of its interval where that has a width."""
    found = intervals.waits_s.get(name)
    ends = "" if found is None or found.low == found.high else f" ({ends_text(found)})"
    return f"{name} {seconds:g} s{ends}"


def show_metrics(metrics: RunMetrics, intervals: Intervals) -> None:
    """Print a run's figures."""
    rows = table(f"policy {metrics.policy}, replication {metrics.replication}", ["", ""], left=1)
    rows.show_header = False
    rows.add_row("slots", f"{metrics.slots:,}")
    rows.add_row("cost per slot", f"{metrics.cost:,.2f}" + _amount(intervals, "cost_per_slot"))
    for kind, cost in metrics.cost_by_kind.items():
        if kind in {"blocking_cost", "exposure_cost"} and cost == 0:
            continue
        label = "  " + kind.removesuffix("_cost").replace("_", " ")
        rows.add_row(label, f"{cost:,.2f}" + _amount(intervals, kind))
    rows.add_row("requests", f"{metrics.arrived:,}")
    rows.add_row("served", f"{metrics.served_share:.2%}" + _share(intervals, "served"))
    rows.add_row("blocked", f"{metrics.blocked_share:.2%}" + _share(intervals, "blocked"))
    rows.add_row("pending at the end", f"{metrics.pending:,}")
    if metrics.interrupted:
        rows.add_row("sessions interrupted", f"{metrics.interrupted:,}")
    if metrics.rerouted:
        rows.add_row("deliveries over detours", f"{metrics.rerouted:,}")
    waits = metrics.waits.percentiles_s
    if waits["max"] > 0:
        shown = ", ".join(_wait(intervals, name, seconds) for name, seconds in waits.items())
        rows.add_row("waiting time of the served", shown)
    if metrics.mean_pool_bits.any():
        level = counted(round(metrics.mean_pool_bits.mean()), "bit")
        half = intervals.half("pool_bits")
        spread = "" if half is None else f" ± {half:,.0f}"
        rows.add_row("mean pool level of a fibre", level + spread)
        if metrics.depletion_s is not None:
            half = intervals.half("depletion_s")
            spread = "" if half is None else f" ± {half:,.3g}"
            label = "mean time until pools run empty"
            rows.add_row(label, f"{metrics.depletion_s:,.3g} s{spread}")
    used = f"{metrics.utilisation.mean():.2%}{_share(intervals, 'utilisation')} mean"
    rows.add_row("utilisation (consumed / produced)", used)
    rows.add_row("trust exposure", counted(metrics.exposed_bits, "bit"))
    rows.add_row(
        "on-demand share of bits",
        f"{metrics.on_demand_share:.2%}" + _share(intervals, "on_demand_share"),
    )
    rows.add_row("status", metrics.status)
    if metrics.plan is not None:
        rows.add_row("plan", str(metrics.plan["status"]))
    print_table(rows)
    print_groups({metrics.policy: [metrics]})
    if metrics.tasks:
        from qnetsim.analysis.held_out_rows import run_held_out_rows
        from qnetsim.analysis.task_rows import run_task_rows

        print_table(text_table("federated learning", run_task_rows(metrics.tasks)))
        if (held_out := run_held_out_rows(metrics.tasks)) is not None:
            print_table(text_table("training and held-out records", held_out))
        for task in metrics.tasks:
            for sentence in task.ending.sentences(task.name):
                echo(sentence)
    for sentence in (metrics.warm_up.sentence, intervals.sentence):
        if sentence:
            echo(sentence)
    echo(f"world digest    {metrics.world_digest}")
    echo(f"content digest  {metrics.content_digest}")
    echo(f"trace           {metrics.trace}")
