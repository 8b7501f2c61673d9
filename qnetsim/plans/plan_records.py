"""Plans as records, which files hold, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from qnetsim.case import Case
from qnetsim.fibre_loss import losses_part
from qnetsim.network import BLOCKED, Route, RouteTable
from qnetsim.optimize import Plan
from qnetsim.optimize.columns.problem import Size, WavelengthPrices
from qnetsim.optimize.lightpaths.explicit import wavelengths_of
from qnetsim.optimize.plan import GapInterval, RiskFigures
from qnetsim.optimize.wavelengths.assignment import Assignment
from qnetsim.plans.make import plan_summary
from qnetsim.policies.chosen import ChosenPolicy
from qnetsim.scenario.tables.portable import without_folders
from qnetsim.trace import PlanRecord
from qnetsim.trace.provenance import environment, software
from qnetsim.vocabulary import PlanStatus


def plan_record(plan: Plan, case: Case, policy: ChosenPolicy) -> PlanRecord:
    """What a file says of a plan: where it comes from, and its columns."""
    network = case.network
    forecast = case.forecast
    topology = case.network.topology
    runner = policy.once()
    provenance: dict[str, Any] = {
        "software": software(),
        "environment": environment(),
        "scenario": case.scenario.portable().model_dump(mode="json"),
        "policy": {
            "name": policy.table.name,
            "title": policy.title,
            "options": without_folders(runner.options.model_dump(mode="json")),
        },
        "plan": plan_summary(plan, network),
        **losses_part(topology.losses),
    }
    if topology.fibre_labels:
        provenance["fibre_names"] = list(topology.fibre_labels)
    nodes = topology.nodes
    columns: dict[str, Any] = {
        "fibres/source": [nodes[a] for a, _ in topology.fibres],
        "fibres/target": [nodes[b] for _, b in topology.fibres],
        "fibres/length_km": topology.lengths_km,
        "fibres/qkd_channels": plan.qkd_channels,
        "fibres/km_wavelengths": plan.km_wavelengths,
        "fibres/on_demand_channels": plan.on_demand_channels,
        "fibres/on_demand_wavelengths": plan.on_demand_wavelengths,
        "requests/source": [a for a, _ in forecast.pairs],
        "requests/target": [b for _, b in forecast.pairs],
        "requests/route": plan.routes.choice,
        "nodes/name": list(nodes),
        **_route_columns(plan.routes.routes),
        **_wavelength_columns(wavelengths_of(plan, network, forecast), plan.routes),
    }
    return PlanRecord(provenance, {path: _array(values) for path, values in columns.items()})


def _array(values: Any) -> npt.NDArray[Any]:
    """Array of the values; names as objects, which HDF5 takes."""
    array = np.asarray(values)
    return array.astype(object) if array.dtype.kind == "U" else array


def _route_columns(routes: Sequence[Route]) -> dict[str, Any]:
    hops = [len(route.fibres) for route in routes]
    return {
        "routes/start": [route.nodes[0] if route.nodes else -1 for route in routes],
        "routes/first_hop": np.concatenate([[0], np.cumsum(hops)[:-1]]).astype(np.int64),
        "routes/hops": hops,
        "hops/fibre": np.array([f for r in routes for f in r.fibres], dtype=np.int64),
        "hops/node": np.array([n for r in routes for n in r.nodes[1:]], dtype=np.int64),
    }


def _wavelength_columns(assignment: Assignment | None, routes: RouteTable) -> dict[str, Any]:
    shape = (routes.requests, routes.levels)
    km = np.full(shape, -1, dtype=np.int64)
    first = np.zeros(shape, dtype=np.int64)
    count = np.zeros(shape, dtype=np.int64)
    entries: list[int] = []
    for k in assignment.qkd if assignment else ():
        assert assignment is not None
        for r, (mine, own) in enumerate(zip(assignment.km[k], assignment.qkd[k], strict=True)):
            km[r, k] = mine[0] if mine else -1
            first[r, k] = len(entries)
            count[r, k] = len(own)
            entries += own
    return {
        "wavelengths/km": km,
        "wavelengths/qkd_first": first,
        "wavelengths/qkd_count": count,
        "wavelengths/qkd": np.array(entries, dtype=np.int64),
    }


def stored_plan(record: PlanRecord, case: Case) -> Plan:
    """Build the plan of a record, as it claims to be; the case must have its shape."""
    columns = record.columns
    summary = record.provenance["plan"]
    interval = summary["gap_interval"]
    return Plan(
        qkd_channels=columns["fibres/qkd_channels"],
        km_wavelengths=columns["fibres/km_wavelengths"],
        on_demand_channels=columns["fibres/on_demand_channels"],
        on_demand_wavelengths=columns["fibres/on_demand_wavelengths"],
        routes=RouteTable(_routes(record), columns["requests/route"]),
        # the first plans by sampling had an estimate in its place
        bound=summary["bound"] if interval is None or "estimate" in summary else None,
        status=PlanStatus(summary["status"]),
        solver=summary["solver"],
        note=summary["note"],
        blocked=summary["blocked"],
        size=Size(**{name: summary[name] for name in ("variables", "rows", "nodes", "rounds")}),
        assignment=_assignment(record, case),
        uncoloured=tuple(summary.get("uncoloured", ())),
        prices=_prices(summary, len(columns["fibres/source"])),
        risk=_risk_figures(summary),
        interval=None if interval is None else GapInterval(**interval),
        solve_s=summary["solve_s"],
    )


def _prices(summary: Mapping[str, Any], fibres: int) -> WavelengthPrices | None:
    if "wavelength_prices" not in summary:
        return None
    prices = [
        tuple(float(price) for price in summary["wavelength_prices"][kind])
        for kind in WavelengthPrices._fields
    ]
    if any(len(values) != fibres for values in prices):
        raise ValueError("provenance.plan.wavelength_prices does not have a price for each fibre")
    return WavelengthPrices(*prices)


def _risk_figures(summary: Mapping[str, Any]) -> RiskFigures | None:
    if "risk" not in summary:
        return None
    return RiskFigures(
        level=summary["risk"]["cvar"],
        weight=summary["risk"]["weight"],
        expected_cost=summary["expected_cost"],
        cvar=summary["cvar"],
    )


def _routes(record: PlanRecord) -> tuple[Route, ...]:
    columns = record.columns
    fibres = columns["hops/fibre"].tolist()
    nodes = columns["hops/node"].tolist()
    routes = []
    for start, first, hops in zip(
        columns["routes/start"].tolist(),
        columns["routes/first_hop"].tolist(),
        columns["routes/hops"].tolist(),
        strict=True,
    ):
        mine = slice(first, first + hops)
        route = Route((start, *nodes[mine]), tuple(fibres[mine])) if start >= 0 else BLOCKED
        routes.append(route)
    return tuple(routes)


def _assignment(record: PlanRecord, case: Case) -> Assignment | None:
    if not case.network.limited:
        return None
    columns = record.columns
    km = columns["wavelengths/km"]
    count = columns["wavelengths/qkd_count"]
    first = columns["wavelengths/qkd_first"]
    entries = columns["wavelengths/qkd"].tolist()
    levels = [k for k in range(km.shape[1]) if (km[:, k] >= 0).any()]
    if not levels:
        return None
    return Assignment(
        {
            k: tuple(
                tuple(entries[a : a + n]) for a, n in zip(first[:, k], count[:, k], strict=True)
            )
            for k in levels
        },
        {k: tuple((w,) if w >= 0 else () for w in km[:, k].tolist()) for k in levels},
        fits=True,
    )
