"""Plans as files: save, load for a scenario, and say where two of them differ."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from qnetsim.case import Case, open_case
from qnetsim.case.case_of import ScenarioLike, case_of
from qnetsim.errors import TraceFormatError, UsageError
from qnetsim.fibre_loss import FibreLoss, losses_part, stored_losses
from qnetsim.input_files import inputs_noted
from qnetsim.network import BLOCKED, Route, RouteTable
from qnetsim.optimize import Plan
from qnetsim.optimize.assemble import assign_wavelengths, fixed_routes_plan
from qnetsim.optimize.columns.problem import Size, WavelengthPrices
from qnetsim.optimize.export import model_of, model_text
from qnetsim.optimize.full.full_plan import FULL_PROGRAM
from qnetsim.optimize.lightpaths.checker import violations
from qnetsim.optimize.lightpaths.explicit import explicit_plan, wavelengths_of
from qnetsim.optimize.plan import GapInterval, RiskFigures, SolveReport
from qnetsim.optimize.wavelengths.assignment import Assignment
from qnetsim.plans.make import plan_summary
from qnetsim.plans.opened import open_plan
from qnetsim.policies.chosen import ChosenPolicy, PolicyLike, choose
from qnetsim.policies.registry import policy_of
from qnetsim.policies.static import StaticPolicy
from qnetsim.scenario import PolicyTable, Scenario
from qnetsim.scenario.tables.portable import without_folders
from qnetsim.trace import PlanRecord, write_plan
from qnetsim.trace.hdf5.files import write_whole
from qnetsim.trace.provenance import differing, environment, software
from qnetsim.vocabulary import PlanStatus

#: How the note of a plan begins that was read from a file.
FROM_FILE = "from a plan file"
#: Settings that a plan depends on; the solver and the length of a run are not among them.
PLANNED_FOR = ("network", "cost", "demand")


@inputs_noted()
def save_plan(
    plan: Plan,
    scenario: ScenarioLike,
    policy: PolicyLike | ChosenPolicy,
    path: str | os.PathLike[str],
    *,
    force: bool = False,
) -> Path:
    """Write a plan to a file, with its explicit wavelengths where it has them.

    Raises
    ------
    TraceError, UsageError
        The file cannot be written, or exists.
    """
    case = case_of(scenario)
    chosen = choose(policy, case.scenario.policy)
    return write_plan(Path(path), _record(plan, case, chosen), force=force)


def save_model(
    scenario: Scenario, policy: PolicyTable, path: str | os.PathLike[str], plan: Plan | None = None
) -> None:
    """Write the program behind a plan of ``sip`` as a model file, ``.lp`` or ``.mps``.

    Parameters
    ----------
    scenario : Scenario
    policy : PolicyTable
    path : Path or str
    plan : Plan, optional
        The plan itself: the header gives its cost, and where it took the full program, that is
        written.

    Raises
    ------
    UsageError
        Another policy, formulation or suffix, or demand that is not comonotone.
    SolverError
        The file cannot be written.
    """
    case = open_case(scenario)
    network = case.network
    formulation = policy.options.get("formulation", "auto")
    if policy.name != "sip" or formulation not in {"auto", "routes", "full"}:
        raise UsageError("a model file is written for sip, formulation auto, routes or full")
    full = formulation == "full" or (plan is not None and plan.solver.startswith(FULL_PROGRAM))
    model = model_of(network, case.forecast, case.setting.solver, full=full, risk=case.setting.risk)
    if plan is not None:
        said = (
            f"The plan costs {plan.objective(network)!r} per slot and is {plan.status}: found by",
            f"{plan.solver}.",
        )
        model = replace(model, header=(*model.header, *said))
    write_whole(Path(path), model_text(model, Path(path).suffix))


def _record(plan: Plan, case: Case, policy: ChosenPolicy) -> PlanRecord:
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


class StoredPlan(NamedTuple):
    """A plan as it was read from a file.

    Attributes
    ----------
    plan : Plan
    policy : PolicyTable
        The policy that made it.
    differences : list of str
        Settings in which the scenario differs from the one that was planned for.
    """

    plan: Plan
    policy: PolicyTable
    differences: list[str]


def load_plan(path: str | os.PathLike[str], scenario: ScenarioLike) -> StoredPlan:
    """Read a plan for a scenario.

    Raises
    ------
    UsageError
        There is no such file, or the plan is for other fibres, requests or levels.
    TraceFormatError
        It is no plan, or damaged.
    """
    path = Path(path)
    case = case_of(scenario)
    record, made_for, policy = open_plan(path)
    _refuse_other_shape(path, record, case)
    differences = _differences(record, made_for, case)
    try:
        plan = stored_plan(record, case)
        if differences:
            plan = _valued_anew(path, plan, case, policy, differences)
        elif broken := _broken(plan, case):
            raise TraceFormatError(
                f"{path}: is damaged: wavelengths/km and wavelengths/qkd break {broken}"
            )
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise TraceFormatError(f"{path}: is damaged: {type(error).__name__}: {error}") from None
    kept = f"{FROM_FILE} of content digest {record.digest()}"
    note = "; ".join(text for text in (plan.note, kept) if text)
    return StoredPlan(replace(plan, note=note), policy, differences)


def _differences(record: PlanRecord, made_for: Scenario, case: Case) -> list[str]:
    """Settings that a plan depends on and that are not those it was made for."""
    there, here = (
        scenario.portable().model_dump(mode="json") for scenario in (made_for, case.scenario)
    )
    found = [text for part in PLANNED_FOR for text in differing(part, there[part], here[part])]
    topology = case.network.topology
    lengths = record.columns["fibres/length_km"].tolist()
    for e, (one, other) in enumerate(zip(lengths, topology.lengths_km, strict=True)):
        found += differing(f"length of {topology.fibre_name(e)} in km", one, other)
    none = (FibreLoss(),) * len(topology.fibres)
    losses = zip(stored_losses(record.provenance) or none, topology.losses or none, strict=True)
    for e, (before, now) in enumerate(losses):
        found += differing(f"loss of {topology.fibre_name(e)}", before.as_table(), now.as_table())
    return found


def _broken(plan: Plan, case: Case) -> str:
    """First of (22)-(31) that the explicit wavelengths of a plan break; empty for none."""
    if plan.assignment is None:
        return ""
    spelt = explicit_plan(plan, case.network, case.forecast, plan.assignment)
    return str(next(iter(violations(spelt)), ""))


def _valued_anew(
    path: Path, plan: Plan, case: Case, policy: PolicyTable, differences: Sequence[str]
) -> Plan:
    """Value a plan that was made for other settings; it gets no bound and no claim of optimality.

    Raises
    ------
    UsageError
        Its policy decides anew in each slot, so that there is nothing to carry over.
    """
    runner = policy_of(policy)
    if not isinstance(runner, StaticPolicy) or plan.interval is not None:
        raise UsageError(
            f"{path}: was made for another scenario ({differences[0]}), and what {policy.title} "
            "plans holds for its own only; make a plan for this one"
        )
    network = case.network
    forecast = case.forecast
    return fixed_routes_plan(
        network,
        forecast,
        assign_wavelengths(network, forecast, plan.routes),
        SolveReport(
            bound=None,
            solver=f"{plan.solver}, for other settings",
            note=f"made for another scenario: {'; '.join(differences)}",
        ),
        plan.first_stage,
    )


def _refuse_other_shape(path: Path, record: PlanRecord, case: Case) -> None:
    topology = case.network.topology
    forecast = case.forecast
    columns = record.columns
    ends = [(topology.nodes[a], topology.nodes[b]) for a, b in topology.fibres]
    planned = list(zip(columns["fibres/source"], columns["fibres/target"], strict=True))
    pairs = list(
        zip(columns["requests/source"].tolist(), columns["requests/target"].tolist(), strict=True)
    )
    levels = columns["requests/route"].shape[1]
    for what, one, other in (
        ("nodes", list(columns["nodes/name"]), list(topology.nodes)),
        ("fibres", planned, ends),
        ("fibres", record.fibre_labels, topology.fibre_labels),
        ("requests", pairs, list(forecast.pairs)),
        ("levels", levels, forecast.state_count),
    ):
        if one != other:
            raise UsageError(
                f"{path}: is a plan for other {what} than the scenario's; make one with "
                "`qnetsim plan SCENARIO --out FILE`"
            )


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
