"""A comparison in a terminal and as JSON."""

from __future__ import annotations

from dataclasses import asdict, fields

from qnetsim.analysis import Comparison, PolicyResult
from qnetsim.analysis.group_rows import groups_json, runs_of
from qnetsim.analysis.held_out_rows import held_out_rows
from qnetsim.analysis.in_words import in_words
from qnetsim.analysis.interval_rows import basis, interval_rows
from qnetsim.analysis.paired import ConfidenceInterval
from qnetsim.analysis.rows import (
    cost_rows,
    key_rows,
    paired_rows,
    plan_cells,
    simulated_information_values,
)
from qnetsim.analysis.task_means import task_means
from qnetsim.analysis.task_rows import task_interval_rows, task_rows
from qnetsim.cli.show.basis import intervals_json, warm_up_json
from qnetsim.cli.show.boxed_table import print_table
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.groups import print_groups
from qnetsim.cli.show.metrics import task_json
from qnetsim.cli.show.output import text_table
from qnetsim.plain_text import counted


def comparison_json(comparison: Comparison) -> dict[str, object]:
    """JSON form of a comparison."""
    return {
        "policies": [_policy_json(policy) for policy in comparison.policies],
        "reference": comparison.reference,
        "summary": list(in_words(comparison)),
        "warnings": list(comparison.warnings),
        "notes": list(comparison.notes),
        "partial": bool(comparison.missing),
        "evpi": _interval_json(comparison.evpi),
        "vss": _interval_json(comparison.vss),
        "world_digest": comparison.world_digest,
        "replications": comparison.replications,
        "replication_numbers": list(comparison.replication_numbers),
        "planned_replications": comparison.planned_replications,
        "slots": comparison.slots,
        "warm_up": warm_up_json(comparison.warm_up),
    }


def _policy_json(policy: PolicyResult) -> dict[str, object]:
    ratio = policy.relative_cost
    return {
        "name": policy.name,
        "cost_per_slot": policy.cost_per_slot,
        "cost_low": policy.cost.low,
        "cost_high": policy.cost.high,
        "cost_by_kind": policy.cost_by_kind,
        "ratio": policy.ratio,
        "ratio_low": ratio and ratio.low,
        "ratio_high": ratio and ratio.high,
        "difference": policy.difference.estimate,
        "difference_low": policy.difference.low,
        "difference_high": policy.difference.high,
        "variance_reduction": policy.variance_reduction,
        "regret": _interval_json(policy.regret),
        "served": policy.served,
        "blocked": policy.blocked,
        "pending": policy.pending,
        "on_demand_share": policy.on_demand_share,
        "keys": asdict(policy.keys),
        "intervals": intervals_json(policy.intervals),
        "sees_future": policy.sees_future,
        "plan": policy.plan,
        "task_means": _task_means_json(policy),
        "requests": groups_json(policy.runs),
        "tasks": [[task_json(task) for task in run.tasks] for run in policy.runs],
        "trace": policy.runs[0].trace,
        "traces": [run.trace for run in policy.runs],
    }


def _task_means_json(policy: PolicyResult) -> list[dict[str, object]]:
    """Means of each FEL task over the replications, with their intervals."""
    found: list[dict[str, object]] = []
    for task, first in enumerate(policy.runs[0].tasks):
        means = task_means([run.tasks[task] for run in policy.runs])
        values: dict[str, object] = {
            f.name: _interval_json(getattr(means, f.name)) for f in fields(means)
        }
        found.append({"name": first.name, **values})
    return found


def _interval_json(value: ConfidenceInterval | None) -> dict[str, float | None] | None:
    if value is None:
        return None
    return {"mean": value.estimate, "low": value.low, "high": value.high}


def show_comparison(comparison: Comparison) -> None:
    """Print the tables of a comparison and its world digest."""
    costs = cost_rows(comparison, future_mark=" *")
    costs = costs.with_column("expected by plan", plan_cells(comparison))
    title = (
        f"{counted(comparison.replications, 'replication')} × {counted(comparison.slots, 'slot')}"
    )
    for note in comparison.notes:
        echo(f"note: {note}")
    print_table(text_table(title, costs))
    paired = paired_rows(comparison, future_mark="")
    print_table(text_table("paired differences per slot, 95 % intervals", paired))
    intervals = interval_rows(comparison)
    if len(intervals.columns) > 1:
        print_table(text_table("95 % intervals of all means", intervals))
    if any(policy.keys.dynamic for policy in comparison.policies):
        print_table(text_table("keys and waiting", key_rows(comparison)))
    print_groups(runs_of(comparison))
    if comparison.policies[0].runs[0].tasks:
        print_table(text_table("federated learning", task_rows(comparison)))
        if (held_out := held_out_rows(comparison)) is not None:
            print_table(text_table("training and held-out records", held_out))
        tasks = task_interval_rows(comparison)
        if len(tasks.columns) > tasks.keys:
            print_table(text_table("95 % intervals of these means", tasks))
    if any(policy.sees_future for policy in comparison.policies):
        echo("* sees the future: a bound, not a competitor")
    for sentence in (*in_words(comparison), *basis(comparison)):
        echo(sentence)
    for value in simulated_information_values(comparison):
        echo(f"{value.name:<5} in these worlds  {value.amount} per slot")
    echo(f"world digest  {comparison.world_digest}")
