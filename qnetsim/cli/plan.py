"""``qnetsim plan``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from qnetsim.case import Case, load, open_case
from qnetsim.cli.policy_option import policy_table
from qnetsim.cli.show.output import (
    console,
    emit,
    figure,
    force_option,
    json_option,
    number,
    scenario_argument,
    table,
    working,
)
from qnetsim.network import COMPONENTS
from qnetsim.optimize import Plan
from qnetsim.optimize.itemise import Itemised, Items, itemise, priced
from qnetsim.optimize.plan import GapInterval
from qnetsim.plans.make import InformationValues, information_values, make_plan, plan_summary
from qnetsim.plans.storage import save_model, save_plan
from qnetsim.trace import refuse_existing, refuse_input
from qnetsim.vocabulary import PlanStatus


@click.command()
@scenario_argument
@click.option("--policy", "-p", default="sip", show_default=True, help="NAME or NAME:key=value,…")
@click.option("--out", "-o", type=click.Path(path_type=Path), help="Plan file to write.")
@click.option(
    "--model",
    type=click.Path(path_type=Path),
    help="Model file (.lp or .mps) to write the program of sip to, for another solver.",
)
@force_option
@json_option
def plan(
    scenario: Path,
    policy: str,
    out: Path | None,
    model: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Solve for what a policy reserves in SCENARIO, and what it is expected to cost per slot."""
    spec = load(scenario)
    chosen = policy_table(policy, spec)
    case = open_case(spec)
    for path in (out, model):
        if path is not None:
            refuse_input(path, scenario)
            refuse_existing(path, force)
    with working(f"planning {chosen.title}") as tell:
        found = make_plan(spec, chosen, tell)
        proved = found.status in {PlanStatus.OPTIMAL, PlanStatus.FEASIBLE}
        values = information_values(spec, found) if chosen.name == "sip" and proved else None
    if model is not None:
        save_model(spec, chosen, model)
    if out is not None:
        save_plan(found, spec, chosen, out, force=force)
    items = itemise(found, case.network, case.forecast, spec.cost)
    if as_json:
        known = asdict(values) if values else {}
        named = {"policy": chosen.title, "plan_file": out}
        emit("plan", named | plan_json(found, case, items) | known)
    else:
        show_plan(found, case, items, chosen.title, values)
        if out is not None:
            click.echo(f"plan          {out}")


def plan_json(found: Plan, case: Case, items: Itemised) -> dict[str, Any]:
    """JSON form of a plan."""
    nodes = case.network.topology.nodes
    return {
        **plan_summary(found, case.network),
        "fibres": [
            {
                "source": nodes[a],
                "target": nodes[b],
                "qkd_channels": number(float(found.qkd_channels[e])),
                "km_wavelengths": number(float(found.km_wavelengths[e])),
                "on_demand_channels": float(found.on_demand_channels[e]),
                "on_demand_wavelengths": float(found.on_demand_wavelengths[e]),
                **_item_json(items.fibres, e),
            }
            for e, (a, b) in enumerate(case.network.topology.fibres)
        ],
        "requests": [
            {"source": nodes[a], "target": nodes[b], **_item_json(items.requests, r)}
            for r, (a, b) in enumerate(case.forecast.pairs)
        ],
        "unassigned": _item_json(items.unassigned, 0),
        "components": [
            {
                "component": label,
                "reserved": float(items.fibres.reserved[c].sum()),
                "on_demand": float(items.fibres.on_demand[c].sum()),
            }
            for c, label in COMPONENTS.items()
        ],
    }


def _item_json(items: Items, i: int) -> dict[str, Any]:
    return {
        "reserved": {label: float(items.reserved[c][i]) for c, label in COMPONENTS.items()},
        "on_demand": {label: float(items.on_demand[c][i]) for c, label in COMPONENTS.items()},
        "cost": float(items.cost[i]),
    }


def show_plan(
    found: Plan, case: Case, items: Itemised, title: str, values: InformationValues | None
) -> None:
    """Print a plan: summary, components, fibres and requests."""
    screen = console()
    summary = plan_summary(found, case.network)
    rows = table(f"plan of {title}, per slot", ["", ""])
    rows.show_header = False
    rows.add_row("expected cost", f"{summary['objective']:,.2f}")
    rows.add_row("  first stage, reserved", f"{summary['first_stage_cost']:,.2f}")
    rows.add_row("  second stage, on demand", f"{summary['second_stage_cost']:,.2f}")
    if summary["blocked"]:
        text = f"{summary['blocking_cost']:,.2f} for {summary['blocked']:.4g} requests"
        rows.add_row("  blocked", text)
    bound, gap = summary["bound"], summary["gap"]
    rows.add_row("bound", "—" if bound is None else f"{bound:,.2f}")
    rows.add_row("gap", "—" if gap is None else f"{gap:.1e}")
    if found.interval is not None:
        _add_interval(rows, found.interval, summary["objective"])
    rows.add_row("status", summary["status"])
    rows.add_row("solver", summary["solver"])
    if summary["variables"]:
        text = f"{summary['variables']:,} variables, {summary['rows']:,} rows"
        rows.add_row("largest program", f"{text}, {summary['rounds']} rounds")
    rows.add_row("time", f"{summary['solve_s']:.3f} s")
    if summary["note"]:
        rows.add_row("note", summary["note"])
    if values:
        rows.add_row("perfect information", f"{values.perfect_information:,.2f}")
        rows.add_row("EVPI, its expected value", f"{values.evpi:,.2f}")
        rows.add_row("VSS, of planning for more than the mean", f"{values.vss:,.2f}")
    screen.print(rows)
    screen.print(_component_table(case, items))
    screen.print(_fibre_table(found, case, items))
    screen.print(_request_table(case, items))


def _add_interval(rows: Any, interval: GapInterval, objective: float) -> None:
    """Mak, Morton and Wood's interval, relative to the expected cost."""
    made = f"{interval.samples} samples of {interval.realisations}"
    for what, high in (
        ("first stage, split requests", interval.high),
        ("whole requests as routed", interval.whole_high),
    ):
        share = high / objective if objective else 0.0
        text = f"0 … {share:.3%} at {interval.confidence:.0%} ({made})"
        rows.add_row(f"  gap interval, {what}", text)


def _component_table(case: Case, items: Itemised) -> Any:
    cost = case.scenario.cost
    rows = table(
        "components (Eqs 1–6), reserved and expected on demand",
        ["component", "reserved", "price", "on demand", "price", "cost"],
    )
    sums = items.fibres
    total = 0.0
    for c, label in COMPONENTS.items():
        price = getattr(cost.reserved, c)
        dear = getattr(cost.on_demand, c) * cost.on_demand_multiplier
        units, extra = float(sums.reserved[c].sum()), float(sums.on_demand[c].sum())
        total += units * price + extra * dear
        rows.add_row(
            label,
            figure(units),
            figure(price),
            figure(extra),
            figure(dear),
            f"{units * price + extra * dear:,.2f}",
        )
    rows.add_section()
    reserved = float(priced(sums.reserved, cost.reserved).sum())
    rows.add_row("sum", f"{reserved:,.2f}", "", f"{total - reserved:,.2f}", "", f"{total:,.2f}")
    return rows


def _fibre_table(found: Plan, case: Case, items: Itemised) -> Any:
    rows = table(
        "per fibre: reserved + expected on demand",
        ["fibre", "km", "QKD channels", "KM wavelengths", *COMPONENTS.values(), "cost"],
    )
    topology = case.network.topology
    for e in range(case.network.fibres):
        rows.add_row(
            topology.fibre_name(e),
            figure(topology.lengths_km[e]),
            _both(found.qkd_channels[e], found.on_demand_channels[e]),
            _both(found.km_wavelengths[e], found.on_demand_wavelengths[e]),
            *_cells(items.fibres, e),
        )
    rows.add_section()
    rows.add_row("sum", "", "", "", *_sums(items.fibres))
    return rows


def _request_table(case: Case, items: Itemised) -> Any:
    rows = table(
        "per request: its share, reserved + expected on demand",
        ["request", "pair", *COMPONENTS.values(), "cost"],
        left=2,
    )
    nodes = case.network.topology.nodes
    for r, (a, b) in enumerate(case.forecast.pairs):
        rows.add_row(str(r), f"{nodes[a]}–{nodes[b]}", *_cells(items.requests, r))
    if any(abs(v[0]) > 0 for v in items.unassigned.reserved.values()):
        rows.add_row("—", "used by none", *_cells(items.unassigned, 0))
    rows.add_section()
    rows.add_row("sum", "", *_sums(items.requests, items.unassigned))
    return rows


def _both(reserved: float, on_demand: float) -> str:
    return figure(reserved) if on_demand == 0 else f"{figure(reserved)} + {figure(on_demand)}"


def _cells(items: Items, i: int) -> list[str]:
    cells = [_both(items.reserved[c][i], items.on_demand[c][i]) for c in COMPONENTS]
    return [*cells, f"{items.cost[i]:,.2f}"]


def _sums(*parts: Items) -> list[str]:
    cells = [
        _both(
            sum(float(p.reserved[c].sum()) for p in parts),
            sum(float(p.on_demand[c].sum()) for p in parts),
        )
        for c in COMPONENTS
    ]
    return [*cells, f"{sum(float(p.cost.sum()) for p in parts):,.2f}"]
