"""``qnetsim inspect``."""

from __future__ import annotations

from pathlib import Path

import click

from qnetsim.analysis import run_metrics
from qnetsim.analysis.mean_intervals import over_batches
from qnetsim.cli.show.boxed_table import print_table
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.metrics import metrics_json, show_metrics
from qnetsim.cli.show.output import emit, json_option, table
from qnetsim.cli.strict_command import StrictCommand
from qnetsim.plain_text import counted, solver_in_words
from qnetsim.trace import Trace, is_plan, open_world
from qnetsim.trace.schema import WORLD


@click.command(cls=StrictCommand)
@click.argument("trace", type=click.Path(path_type=Path))
@json_option
def inspect(trace: Path, as_json: bool) -> None:
    """Say what is in TRACE, a recorded world or a plan file: origin, figures and tables."""
    if is_plan(trace):
        from qnetsim.cli.show.plan_file import inspect_plan

        inspect_plan(trace, as_json)
        return
    with open_world(trace) as opened:
        columns = opened.kind.columns_in(opened.version)
        metrics = run_metrics(opened) if opened.slots and opened.kind is not WORLD else None
        if as_json:
            emit(
                "inspect",
                {
                    "kind": opened.kind.noun,
                    "format": list(opened.version),
                    "status": opened.status,
                    "slots": opened.slots,
                    "provenance": opened.provenance,
                    "metrics": (
                        metrics_json(metrics, over_batches(opened, metrics)) if metrics else None
                    ),
                    "columns": [
                        {"path": c.path, "dims": list(c.dims), "units": c.units} for c in columns
                    ],
                },
            )
            return
        if metrics:
            show_metrics(metrics, over_batches(opened, metrics))
        else:
            facts = f"{opened.kind.noun}, {opened.status}, {counted(opened.slots, 'slot')}"
            echo(f"{trace}: {facts}")
            echo(f"world digest    {opened.attribute('world_digest') or '—'}")
        _show_provenance(opened)
        rows = table(
            "tables",
            ["column", "dimensions", "unit", "meaning"],
            left=4,
            first_to_go=["unit", "dimensions"],
        )
        for column in columns:
            rows.add_row(column.path, " × ".join(column.dims), column.units, column.meaning)
        print_table(rows)


def _show_provenance(trace: Trace) -> None:
    provenance = trace.provenance
    software = provenance["software"]
    plan = provenance.get("plan")
    network = provenance["scenario"]["network"]
    demand = provenance["scenario"]["demand"]
    rows = table("provenance", ["", ""], left=2)
    rows.show_header = False
    rows.add_row("software", f"{software['name']} {software['version']}")
    rows.add_row("python", provenance["environment"]["python"])
    rows.add_row("seed", str(provenance["seed"]))
    rows.add_row("topology", str(network["topology"]))
    own = provenance["scenario"].get("request")
    kind = "levels of each request's own" if own else demand["kind"]
    rows.add_row("demand", f"{demand['coupling']} {kind}, {counted(demand['levels'], 'level')}")
    for task in provenance["scenario"].get("fel", ()):
        if task.get("data"):
            rows.add_row("data", f"{task['data']}, SHA-256 {task.get('sha256') or 'not known'}")
    if plan is not None:
        gap = "no bound" if plan["gap"] is None else f"gap {plan['gap']:.1e}"
        rows.add_row("plan", f"{plan['objective']:,.2f} per slot, {plan['status']}, {gap}")
        rows.add_row("solver", solver_in_words(str(plan["solver"])))
        if plan["note"]:
            rows.add_row("note", str(plan["note"]))
    print_table(rows)
