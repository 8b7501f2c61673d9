"""A plan in a terminal and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qnetsim.case import Case
from qnetsim.cli.show.boxed_table import BoxedTable, print_table
from qnetsim.cli.show.output import figure, number, table
from qnetsim.network import COMPONENTS
from qnetsim.optimize import Plan
from qnetsim.optimize.itemise import Itemised, Items, priced
from qnetsim.optimize.plan import GapInterval, RiskFigures
from qnetsim.plain_text import counted, solver_in_words
from qnetsim.plans.make import InformationValues, plan_summary


def reserved_and_on_demand(reserved: float, on_demand: float) -> str:
    """Show units that are reserved, and those expected on demand where there are any."""
    extra = f" + {figure(float(on_demand))}" if on_demand else ""
    return figure(float(reserved)) + extra


def plan_json(found: Plan, case: Case, items: Itemised) -> dict[str, Any]:
    """JSON form of a plan."""
    topology = case.network.topology
    return {
        **plan_summary(found, case.network),
        "fibres": [
            {
                **topology.fibre_entry(e),
                "qkd_channels": number(float(found.qkd_channels[e])),
                "km_wavelengths": number(float(found.km_wavelengths[e])),
                "on_demand_channels": float(found.on_demand_channels[e]),
                "on_demand_wavelengths": float(found.on_demand_wavelengths[e]),
                **_item_json(items.fibres, e),
            }
            for e in range(case.network.fibres)
        ],
        "requests": [
            {**topology.pair_entry(a, b), **_item_json(items.requests, r)}
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


def show_plan(found: Plan, case: Case, items: Itemised, title: str) -> None:
    """Print a plan: summary, components, fibres and requests."""
    summary = plan_summary(found, case.network)
    rows = table(f"plan of {title}, per slot", ["", ""])
    rows.show_header = False
    rows.add_row("expected cost", f"{found.expected_cost(case.network):,.2f}")
    rows.add_row("  first stage, reserved", f"{summary['first_stage_cost']:,.2f}")
    rows.add_row("  second stage, on demand", f"{summary['second_stage_cost']:,.2f}")
    if summary["blocked"]:
        blocked = float(f"{summary['blocked']:.4g}")
        text = f"{summary['blocking_cost']:,.2f} for {counted(blocked, 'request')}"
        rows.add_row("  blocked", text)
    if found.risk is not None:
        risk = found.risk
        rows.add_row(f"CVaR, dearest {1 - risk.level:.4g} of the slots", f"{risk.cvar:,.2f}")
        weights = f"{1 - risk.weight:.4g}·E + {risk.weight:.4g}·CVaR"
        rows.add_row(f"risk objective, {weights}", f"{risk.risk_objective:,.2f}")
    bound = summary["bound"]
    gap = summary["gap"]
    rows.add_row("bound", "—" if bound is None else f"{bound:,.2f}")
    rows.add_row("gap", "—" if gap is None else f"{gap:.1e}")
    if found.interval is not None:
        estimate = summary["estimate"]
        text = f"{estimate['bound']:,.2f} at {estimate['confidence']:.0%}, no proof"
        rows.add_row("  bound, estimated", text)
        _add_interval(rows, found.interval, summary["objective"])
    rows.add_row("status", summary["status"])
    rows.add_row("solver", solver_in_words(summary["solver"]))
    if summary["variables"]:
        text = f"{counted(summary['variables'], 'variable')}, {counted(summary['rows'], 'row')}"
        rows.add_row("largest program", f"{text}, {counted(summary['rounds'], 'round')}")
    rows.add_row("time", f"{summary['solve_s']:.3f} s")
    if summary["note"]:
        rows.add_row("note", summary["note"])
    print_table(rows)
    print_table(_component_table(case, items))
    print_table(_fibre_table(found, case, items))
    print_table(_request_table(case, items))


def show_frontier(points: Sequence[RiskFigures]) -> None:
    """Print expectation and CVaR of the best plan for each weight."""
    rows = table("frontier of expected cost and CVaR, per slot", ["weight", "expected", "CVaR"])
    for point in points:
        rows.add_row(f"{point.weight:g}", f"{point.expected_cost:,.2f}", f"{point.cvar:,.2f}")
    print_table(rows)


def show_information(values: InformationValues) -> None:
    """Print what knowing more is worth."""
    rows = table("what knowing more is worth, per slot", ["", ""])
    rows.show_header = False
    rows.add_row("perfect information", f"{values.perfect_information:,.2f}")
    rows.add_row("EVPI, its expected value", f"{values.evpi:,.2f}")
    rows.add_row("EVF, planned for the mean", f"{values.expected_value:,.2f}")
    rows.add_row("VSS, of planning for more than the mean", f"{values.vss:,.2f}")
    print_table(rows)


def _add_interval(rows: BoxedTable, interval: GapInterval, objective: float) -> None:
    """Show the optimality gap's interval by Mak, Morton and Wood, over the expected cost."""
    sampled = f"{counted(interval.samples, 'sample')} of {interval.realisations}"
    for what, high in (
        ("first stage, split requests", interval.high),
        ("whole requests as routed", interval.whole_high),
    ):
        share = high / objective if objective else 0.0
        text = f"0 … {share:.3%} at {interval.confidence:.0%} ({sampled})"
        rows.add_row(f"  gap interval, {what}", text)


def _component_table(case: Case, items: Itemised) -> BoxedTable:
    cost = case.scenario.cost
    rows = table(
        "components (Eqs 1–6), reserved and expected on demand",
        ["component", "reserved", "price", "on demand", "price on demand", "cost"],
        first_to_go=["price on demand", "price"],
    )
    sums = items.fibres
    total = 0.0
    for c, label in COMPONENTS.items():
        price = getattr(cost.reserved, c)
        on_demand_price = getattr(cost.on_demand, c) * cost.on_demand_multiplier
        units = float(sums.reserved[c].sum())
        on_demand_units = float(sums.on_demand[c].sum())
        total += units * price + on_demand_units * on_demand_price
        rows.add_row(
            label,
            figure(units),
            figure(price),
            figure(on_demand_units),
            figure(on_demand_price),
            f"{units * price + on_demand_units * on_demand_price:,.2f}",
        )
    rows.add_section()
    reserved = float(priced(sums.reserved, cost.reserved).sum())
    rows.add_row("sum", f"{reserved:,.2f}", "", f"{total - reserved:,.2f}", "", f"{total:,.2f}")
    return rows


def _fibre_table(found: Plan, case: Case, items: Itemised) -> BoxedTable:
    rows = table(
        "per fibre: reserved + expected on demand",
        ["fibre", "km", "QKD channels", "KM wavelengths", *COMPONENTS.values(), "cost"],
        first_to_go=["km", *reversed(COMPONENTS.values()), "cost"],
    )
    topology = case.network.topology
    for e in range(case.network.fibres):
        rows.add_row(
            topology.fibre_title(e),
            figure(topology.lengths_km[e]),
            reserved_and_on_demand(found.qkd_channels[e], found.on_demand_channels[e]),
            reserved_and_on_demand(found.km_wavelengths[e], found.on_demand_wavelengths[e]),
            *_cost_cells(items.fibres, e),
        )
    rows.add_section()
    rows.add_row("sum", "", "", "", *_sum_cells(items.fibres))
    return rows


def _request_table(case: Case, items: Itemised) -> BoxedTable:
    rows = table(
        "per request: its share, reserved + expected on demand",
        ["request", "pair", *COMPONENTS.values(), "cost"],
        left=2,
        keys=2,
        first_to_go=list(reversed(COMPONENTS.values())),
    )
    topology = case.network.topology
    for r, (a, b) in enumerate(case.forecast.pairs):
        rows.add_row(str(r), topology.pair_title(a, b), *_cost_cells(items.requests, r))
    if any(abs(v[0]) > 0 for v in items.unassigned.reserved.values()):
        rows.add_row("—", "used by none", *_cost_cells(items.unassigned, 0))
    rows.add_section()
    rows.add_row("sum", "", *_sum_cells(items.requests, items.unassigned))
    return rows


def _cost_cells(items: Items, i: int) -> list[str]:
    cells = [
        reserved_and_on_demand(items.reserved[c][i], items.on_demand[c][i]) for c in COMPONENTS
    ]
    return [*cells, f"{items.cost[i]:,.2f}"]


def _sum_cells(*parts: Items) -> list[str]:
    cells = [
        reserved_and_on_demand(
            sum(float(p.reserved[c].sum()) for p in parts),
            sum(float(p.on_demand[c].sum()) for p in parts),
        )
        for c in COMPONENTS
    ]
    return [*cells, f"{sum(float(p.cost.sum()) for p in parts):,.2f}"]
