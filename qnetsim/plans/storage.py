"""Plans as files: save, load for a scenario, and say where two of them differ."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from qnetsim.arguments import path_argument, refuse_unless
from qnetsim.case import Case
from qnetsim.case.case_of import ScenarioLike, case_of
from qnetsim.errors import TraceFormatError, UsageError, argument
from qnetsim.fibre_loss import FibreLoss, stored_losses
from qnetsim.input_files import inputs_noted
from qnetsim.optimize import Plan
from qnetsim.optimize.assemble import assign_wavelengths, fixed_routes_plan
from qnetsim.optimize.lightpaths.checker import violations
from qnetsim.optimize.lightpaths.explicit import explicit_plan
from qnetsim.optimize.plan import SolveReport
from qnetsim.plans.opened import open_plan
from qnetsim.plans.plan_records import plan_record, stored_plan
from qnetsim.policies.chosen import ChosenPolicy, PolicyLike, choose
from qnetsim.policies.static import StaticPolicy
from qnetsim.scenario import PolicyTable, Scenario
from qnetsim.trace import PlanRecord, write_plan
from qnetsim.trace.provenance import differing

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
    refuse_unless(isinstance(plan, Plan), "plan", "a Plan", plan)
    return write_plan(path_argument("path", path), plan_record(plan, case, chosen), force=force)


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


def load_plan(
    path: str | os.PathLike[str],
    scenario: ScenarioLike,
    policy: PolicyLike | ChosenPolicy | None = None,
) -> StoredPlan:
    """Read a plan for a scenario.

    Parameters
    ----------
    path : path-like
    scenario : Scenario, Case, path-like, str or mapping
    policy : str, PolicyTable, class or object of a Policy, optional
        The policy that made the plan, where it is code of the user's own: no file makes code run
        that it names.

    Raises
    ------
    UsageError
        There is no such file, the plan is for other fibres, requests or levels, or another policy
        made it.
    TraceFormatError
        It is no plan, or damaged.
    """
    path = path_argument("path", path)
    case = case_of(scenario)
    record, made_for, named = open_plan(path)
    maker = ChosenPolicy(named) if policy is None else _maker(path, named, choose(policy))
    _refuse_other_shape(path, record, case)
    differences = _differences(record, made_for, case)
    try:
        plan = stored_plan(record, case)
        if differences:
            plan = _valued_anew(path, plan, case, maker, differences)
        elif broken := _broken(plan, case):
            raise TraceFormatError(
                f"{path}: is damaged: wavelengths/km and wavelengths/qkd break {broken}"
            )
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise TraceFormatError(f"{path}: is damaged: {type(error).__name__}: {error}") from None
    kept = f"{FROM_FILE} of content digest {record.digest()}"
    note = "; ".join(text for text in (plan.note, kept) if text)
    return StoredPlan(replace(plan, note=note), maker.table, differences)


def _maker(path: Path, named: PolicyTable, given: ChosenPolicy) -> ChosenPolicy:
    """The policy that a plan file names, with the code that the user gives for it.

    Raises
    ------
    UsageError
        It is another policy, or has other options.
    """
    table = given.table
    own = named.name.rpartition(":")[2]
    same = table.name == named.name or (table.source is not None and table.source.class_name == own)
    if not same:
        raise UsageError(
            f"{path}: is a plan of policy {named.name!r}, and {table.name!r} is another one; "
            f"give {argument('policy', named.name)}"
        )
    for key, value in table.options.items():
        if named.options.get(key) != value:
            raise UsageError(
                f"{path}: was made with {key} = {named.options.get(key)}, and not {value}; leave "
                f"{key} out, or make the plan anew"
            )
    if table.source is not None:
        named = named.with_source(table.source).model_copy(update={"name": named.name})
    return replace(given, table=named)


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
    path: Path, plan: Plan, case: Case, policy: ChosenPolicy, differences: Sequence[str]
) -> Plan:
    """Value a plan that was made for other settings; it gets no bound and no claim of optimality.

    Raises
    ------
    UsageError
        Its policy decides anew in each slot, so that there is nothing to carry over.
    """
    runner = policy.fresh()
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
