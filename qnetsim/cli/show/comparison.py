"""How the command line shows a comparison: tables, and JSON."""

from __future__ import annotations

from dataclasses import asdict

import click
from rich.table import Table

from qnetsim.analysis import Comparison
from qnetsim.analysis.compare import ConfidenceInterval
from qnetsim.analysis.rows import KEY_COLUMNS, key_cells
from qnetsim.analysis.training_table import training_columns, training_rows
from qnetsim.cli.run import task_json
from qnetsim.cli.show.output import console, table


def comparison_json(comparison: Comparison) -> dict[str, object]:
    """JSON form of a comparison."""
    return {
        "policies": [
            {
                "name": policy.name,
                "cost_per_slot": policy.cost_per_slot,
                "cost_low": policy.cost_low,
                "cost_high": policy.cost_high,
                "cost_by_kind": policy.cost_by_kind,
                "ratio": policy.ratio,
                "ratio_low": policy.ratio_low,
                "ratio_high": policy.ratio_high,
                "difference": policy.difference,
                "difference_low": policy.difference_low,
                "difference_high": policy.difference_high,
                "variance_reduction": policy.variance_reduction,
                "regret": policy.regret and asdict(policy.regret),
                "served": policy.served,
                "blocked": policy.blocked,
                "pending": policy.pending,
                "on_demand_share": policy.on_demand_share,
                "keys": asdict(policy.keys),
                "sees_future": policy.sees_future,
                "plan": policy.plan,
                "tasks": [[task_json(task) for task in run.tasks] for run in policy.runs],
                "trace": policy.runs[0].trace,
                "traces": [run.trace for run in policy.runs],
            }
            for policy in comparison.policies
        ],
        "reference": comparison.reference,
        "warnings": list(comparison.warnings),
        "evpi": comparison.evpi and asdict(comparison.evpi),
        "vss": comparison.vss and asdict(comparison.vss),
        "world_digest": comparison.world_digest,
        "replications": comparison.replications,
        "slots": comparison.slots,
    }


def show_comparison(comparison: Comparison) -> None:
    """Print the table of a comparison and its world digest."""
    rows = table(
        f"{comparison.replications} replications × {comparison.slots:,} slots",
        [
            "policy",
            "cost per slot",
            f"ratio to {comparison.reference}",
            "paired 95 % interval",
            "served",
            "blocked",
            "on demand",
            "expected, and plan",
        ],
    )
    for policy in comparison.policies:
        interval = (
            "—"
            if policy.ratio_low is None or policy.ratio_high is None
            else f"{policy.ratio_low:.4f} … {policy.ratio_high:.4f}"
        )
        rows.add_row(
            policy.name + (" *" if policy.sees_future else ""),
            f"{policy.cost_per_slot:,.0f}",
            "—" if policy.ratio is None else f"{policy.ratio:.4f}",
            interval,
            f"{policy.served:.2%}",
            f"{policy.blocked:.2%}",
            f"{policy.on_demand_share:.2%}",
            f"{policy.plan['objective']:,.0f} {policy.plan['status']}" if policy.plan else "—",
        )
    console().print(rows)
    console().print(_paired_table(comparison))
    if any(policy.keys.dynamic for policy in comparison.policies):
        console().print(_keys_table(comparison))
    if comparison.policies[0].runs[0].tasks:
        console().print(_training_table(comparison))
    if any(policy.sees_future for policy in comparison.policies):
        click.echo("* sees the future: a bound, not a competitor")
    for name, value in (("EVPI", comparison.evpi), ("VSS", comparison.vss)):
        if value is not None:
            click.echo(f"{name:<5} in these worlds  {_interval(value)} per slot")
    click.echo(f"world digest  {comparison.world_digest}")


def _interval(value: ConfidenceInterval | None) -> str:
    """Show a mean with its interval."""
    if value is None:
        return "—"
    if value.low is None or value.high is None:
        return f"{value.mean:+,.0f}"
    return f"{value.mean:+,.0f} ({value.low:+,.0f} … {value.high:+,.0f})"


def _paired_table(comparison: Comparison) -> Table:
    rows = table(
        "paired differences per slot, 95 % intervals",
        ["policy", f"to {comparison.reference}", "variance reduction", "to perfect information"],
    )
    for policy in comparison.policies:
        reduction = policy.variance_reduction
        rows.add_row(
            policy.name,
            _interval(
                ConfidenceInterval(policy.difference, policy.difference_low, policy.difference_high)
            ),
            "—" if reduction is None else f"{reduction:,.1f} ×",
            _interval(policy.regret),
        )
    return rows


def _training_table(comparison: Comparison) -> Table:
    rows = table("federated learning", list(training_columns(comparison)), left=2)
    for cells in training_rows(comparison):
        rows.add_row(*cells)
    return rows


def _keys_table(comparison: Comparison) -> Table:
    rows = table("keys and waiting", ["policy", *KEY_COLUMNS])
    for policy in comparison.policies:
        rows.add_row(policy.name, *key_cells(policy.keys))
    return rows
