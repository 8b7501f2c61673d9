"""``qnetsim diff``."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from qnetsim.analysis.worlds import FIRST_AND_SECOND
from qnetsim.cli.show.boxed_table import print_table
from qnetsim.cli.show.divergence import diff_traces
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.output import emit, figure, json_option, number, table
from qnetsim.cli.show.plan_file import fibre_columns
from qnetsim.cli.strict_command import StrictCommand
from qnetsim.errors import UsageError
from qnetsim.input_files import refuse_irregular
from qnetsim.plain_text import counted, fibre_name
from qnetsim.plans.opened import open_plan
from qnetsim.trace import PlanRecord, is_plan
from qnetsim.trace.provenance import differing

#: What is compared of each fibre.
AMOUNTS = ("qkd_channels", "km_wavelengths", "on_demand_channels", "on_demand_wavelengths")
#: What is compared of the plans as wholes.
SUMMARY = ("objective", "bound", "status", "first_stage_cost", "second_stage_cost", "blocked")
#: Relative difference of costs that is rounding.
ROUNDING = 1e-9


@click.command(cls=StrictCommand)
@click.argument("one", type=click.Path(path_type=Path))
@click.argument("other", type=click.Path(path_type=Path))
@json_option
def diff(one: Path, other: Path, as_json: bool) -> None:
    """Say where two traces part, or in what two plans differ.

    Of traces: the first decision that differs, and cumulative cost, keys and blocked requests from
    there on. Of plans: settings, costs, reservations, routes.
    """
    for path in (one, other):
        refuse_irregular(path, "plan or trace")
    plans = [is_plan(path) for path in (one, other)]
    if not any(plans):
        diff_traces(one, other, as_json)
        return
    if not all(plans):
        trace, plan = (one, other) if plans[1] else (other, one)
        raise UsageError(f"{plan} is a plan and {trace} is none; give two plans or two traces")
    left, right = (open_plan(path).record for path in (one, other))
    found = plan_differences(left, right)
    if as_json:
        emit("diff", {"one": one, "other": other, **found})
    else:
        _show_plan_differences(found, one, other)


def plan_differences(left: PlanRecord, right: PlanRecord) -> dict[str, Any]:
    """Everything in which two plans differ, ready for JSON."""
    one = left.provenance
    other = right.provenance
    settings = [
        text
        for part in ("scenario", "policy")
        for text in differing(part, one[part], other[part], FIRST_AND_SECOND)
    ]
    summary = {
        key: [one["plan"].get(key), other["plan"].get(key)]
        for key in SUMMARY
        if _differ(one["plan"].get(key), other["plan"].get(key))
    }
    fibres_of = [fibre_columns(plan) for plan in (left, right)]
    names = [list(_fibre_keys(columns)) for columns in fibres_of]
    a, b = fibres_of
    fibres: list[dict[str, Any]] | None = None
    if names[0] == names[1]:
        fibres = [
            named | {key: [number(float(a[key][e])), number(float(b[key][e]))] for key in AMOUNTS}
            for e, named in enumerate(names[0])
            if any(a[key][e] != b[key][e] for key in AMOUNTS)
        ]
    routes = _routes_moved(left, right)
    same = not settings and not summary and fibres == [] and routes == 0
    return {
        "same": same,
        "settings": settings,
        "summary": summary,
        "fibres": fibres,
        "requests_routed_otherwise": routes,
    }


def _fibre_keys(columns: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """What tells each fibre from others: its ends, and its label where it has one."""
    labels = columns.get("label", [""] * len(columns["source"]))
    for source, target, label in zip(columns["source"], columns["target"], labels, strict=True):
        yield {"source": source, "target": target} | ({"label": label} if label else {})


def _differ(one: Any, other: Any) -> bool:
    """Whether two values differ by more than rounding."""
    numbers = isinstance(one, int | float) and isinstance(other, int | float)
    return not math.isclose(one, other, rel_tol=ROUNDING) if numbers else bool(one != other)


def _routes_moved(left: PlanRecord, right: PlanRecord) -> int | None:
    """Count pairs of request and level with different routes; None where they do not match."""
    tables = [_routes(left), _routes(right)]
    if [len(t) for t in tables[0]] != [len(t) for t in tables[1]]:
        return None
    rows = zip(*tables, strict=True)
    return sum(int(x != y) for a, b in rows for x, y in zip(a, b, strict=True))


def _routes(record: PlanRecord) -> list[list[tuple[int, ...]]]:
    """Fibres of the route of each request at each level."""
    columns = record.columns
    fibres = columns["hops/fibre"].tolist()
    spans = zip(columns["routes/first_hop"].tolist(), columns["routes/hops"].tolist(), strict=True)
    routes = [tuple(fibres[first : first + hops]) for first, hops in spans]
    return [[routes[i] for i in row] for row in columns["requests/route"].tolist()]


def _show_plan_differences(found: dict[str, Any], one: Path, other: Path) -> None:
    if found["same"]:
        echo(f"{one} and {other} are the same plan")
        return
    for text in found["settings"]:
        echo(f"setting  {text}")
    for key, (a, b) in found["summary"].items():
        echo(f"{key:<18}{_number_text(a)} → {_number_text(b)}")
    if found["fibres"] is None:
        echo("the plans are for other fibres")
        return
    rows = table("fibres that differ", ["fibre", *(key.replace("_", " ") for key in AMOUNTS)])
    for fibre in found["fibres"]:
        cells = [
            figure(a) if a == b else f"{figure(a)} → {figure(b)}"
            for a, b in (fibre[key] for key in AMOUNTS)
        ]
        name = fibre_name(fibre["source"], fibre["target"], fibre.get("label", ""))
        rows.add_row(name, *cells)
    if found["fibres"]:
        print_table(rows)
    routes = found["requests_routed_otherwise"]
    if routes is None:
        echo("the plans are for other requests or levels")
    else:
        differing = counted(routes, "route differs", "routes differ")
        echo(f"{differing} (a request at a level counts as one)")


def _number_text(value: Any) -> str:
    return f"{value:,.2f}" if isinstance(value, int | float) else str(value)
