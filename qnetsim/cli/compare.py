"""``qnetsim compare``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click
from rich.table import Table

from qnetsim.analysis import Comparison, compare_traces
from qnetsim.analysis.key_figures import KEY_COLUMNS, key_cells
from qnetsim.analysis.report import RESULTS, write_report
from qnetsim.analysis.training_table import training_columns, training_rows
from qnetsim.batch import run_policies
from qnetsim.case import load
from qnetsim.cli.output import console, emit, force_option, json_option, progress, table, working
from qnetsim.cli.policy import policy_table
from qnetsim.cli.run import task_json
from qnetsim.errors import UsageError
from qnetsim.planning import plan_policies
from qnetsim.trace import is_hdf5, make_folder


@click.command()
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--policy", "-p", "policies", multiple=True, help="NAME or NAME:key=value,…")
@click.option("--replications", type=int, help="Worlds, instead of the scenario's.")
@click.option("--slots", type=int, help="Slots of a world, instead of the scenario's.")
@click.option("--seed", type=int, help="Seed, instead of the scenario's.")
@click.option("--out", "-o", type=click.Path(path_type=Path), help="Folder for the results.")
@click.option("--workers", type=click.IntRange(min=1), default=1, help="Processes.")
@force_option
@json_option
def compare(
    sources: tuple[Path, ...],
    policies: tuple[str, ...],
    replications: int | None,
    slots: int | None,
    seed: int | None,
    out: Path | None,
    workers: int,
    force: bool,
    as_json: bool,
) -> None:
    """Compare policies in identical worlds.

    SOURCES is one scenario, which is run, or traces, which are read.
    """
    if not all(source.suffix == ".h5" or is_hdf5(source) for source in sources):
        if len(sources) > 1:
            raise UsageError("give one scenario, or traces; not several of them together")
        scenario = load(sources[0], replications=replications, slots=slots, seed=seed)
        chosen = [policy_table(text, scenario) for text in policies] or list(scenario.policy)
        folder = out or Path("runs") / sources[0].stem
        _refuse_existing(folder, force)
        total = len(chosen) * scenario.run.replications * scenario.run.slots
        with working("planning") as tell:
            plans = plan_policies(scenario, chosen, tell)
        with progress("comparing", total) as advance:
            paths = run_policies(
                scenario,
                chosen,
                folder,
                plans=plans,
                workers=workers,
                force=force,
                progress=advance,
            )
    else:
        given = {"--replications": replications, "--slots": slots, "--seed": seed}
        for option, value in {**given, "--policy": policies or None}.items():
            if value is not None:
                raise UsageError(f"{option} goes with a scenario; traces are read as they are")
        paths = list(sources)
        folder = out or Path("runs") / "comparison"
        _refuse_existing(folder, force)
    with working("reading traces"):
        comparison = compare_traces(paths)
    for warning in comparison.warnings:
        click.echo(f"warning: {warning}", err=True)
    make_folder(folder)
    with working("drawing the report"):
        report = write_report(comparison, folder)
    if as_json:
        emit("compare", comparison_json(comparison) | {"report": report})
    else:
        show_comparison(comparison)
        where = paths[0].parent if len({path.parent for path in paths}) == 1 else "as given"
        click.echo(f"traces        {where} ({len(paths)} files)")
        click.echo(f"report        {report}")


def _refuse_existing(folder: Path, force: bool) -> None:
    for name in RESULTS:
        if (folder / name).exists() and not force:
            raise UsageError(
                f"{folder / name}: exists already; give another --out, or --force to overwrite it"
            )


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
    if any(policy.keys.dynamic for policy in comparison.policies):
        console().print(_keys_table(comparison))
    if comparison.policies[0].runs[0].tasks:
        console().print(_training_table(comparison))
    if any(policy.sees_future for policy in comparison.policies):
        click.echo("* sees the future: a bound, not a competitor")
    click.echo(f"world digest  {comparison.world_digest}")


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
