"""A plan used for a scenario: the one that it was made for, or another one of the same shape."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qnetsim.case import Case
from qnetsim.errors import UsageError, argument
from qnetsim.fibre_loss import FibreLoss, stored_losses
from qnetsim.optimize import Plan
from qnetsim.optimize.assemble import assign_wavelengths, fixed_routes_plan
from qnetsim.optimize.plan import SolveReport
from qnetsim.plans.plan_records import plan_record
from qnetsim.policies.chosen import ChosenPolicy
from qnetsim.policies.static import StaticPolicy
from qnetsim.scenario import Scenario
from qnetsim.trace import PlanRecord
from qnetsim.trace.provenance import differing

#: Tables of a scenario that a plan depends on, beside the length of a slot and the risk.
PLANNED_FOR = ("network", "cost", "demand", "request", "regimes", "jobs", "recording")


class PlanWarning(UserWarning):
    """A plan is used for another scenario than the one that it was made for."""


def reused_plan(
    plan: Plan, made_for: Case, maker: ChosenPolicy, case: Case, asked: ChosenPolicy
) -> Plan:
    """A plan that was made in this process, for a run of a policy in a scenario.

    Made for another scenario of the same shape, it is valued anew, and a warning says what differs.

    Raises
    ------
    UsageError
        A policy of another name or other options made it, or it is for other fibres, requests or
        levels.
    """
    refuse_other_policy(maker, asked)
    record = plan_record(plan, made_for, maker)
    refuse_other_shape("plan", record, case)
    differences = differences_of(record, made_for.scenario, case)
    if not differences:
        return plan
    told = f"plan: was made for another scenario: {'; '.join(differences)}"
    warnings.warn(told, PlanWarning, stacklevel=1)
    return valued_anew("plan", plan, case, maker, differences)


def refuse_other_policy(maker: ChosenPolicy, asked: ChosenPolicy) -> None:
    """Refuse a plan of another policy, or of other options: it would run under a wrong name.

    Classes of the user's own are the same by their names, however they are given.

    Raises
    ------
    UsageError
    """
    made, wanted = (
        {"policy": _own_name(one), **one.once().options.model_dump()} for one in (maker, asked)
    )
    if text := next(differing("plan", made, wanted, ("in the plan", "in this run")), ""):
        raise UsageError(f"{text}; make one for {asked.title}, or leave {argument('plan')} out")


def _own_name(policy: ChosenPolicy) -> str:
    """Name of a policy, without the file or module of its class."""
    return policy.table.name.rpartition(":")[2].rpartition(".")[2]


def differences_of(record: PlanRecord, made_for: Scenario, case: Case) -> list[str]:
    """Settings that a plan depends on and that are not those it was made for."""
    there, here = map(_planned_for, (made_for, case.scenario))
    found = [
        text for part in there | here for text in differing(part, there.get(part), here.get(part))
    ]
    topology = case.network.topology
    lengths = record.columns["fibres/length_km"].tolist()
    for e, (one, other) in enumerate(zip(lengths, topology.lengths_km, strict=True)):
        found += differing(f"length of {topology.fibre_name(e)} in km", one, other)
    none = (FibreLoss(),) * len(topology.fibres)
    losses = zip(stored_losses(record.provenance) or none, topology.losses or none, strict=True)
    for e, (before, now) in enumerate(losses):
        found += differing(f"loss of {topology.fibre_name(e)}", before.as_table(), now.as_table())
    return found


def _planned_for(scenario: Scenario) -> dict[str, Any]:
    """What a plan depends on, by the names of tables and keys."""
    tables = scenario.portable().model_dump(mode="json", include={*PLANNED_FOR})
    risk = scenario.planning.risk
    return tables | {
        "run.slot_s": scenario.run.slot_s,
        "planning.risk": None if risk is None else risk.model_dump(mode="json"),
    }


def valued_anew(
    path: Path | str, plan: Plan, case: Case, policy: ChosenPolicy, differences: Sequence[str]
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


def refuse_other_shape(path: Path | str, record: PlanRecord, case: Case) -> None:
    """Refuse a plan for other nodes, fibres, requests or levels.

    Raises
    ------
    UsageError
    """
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
                f"{path}: is a plan for other {what} than the scenario's; make one for this "
                "scenario"
            )


def refuse_misshapen(plan: Plan, case: Case) -> None:
    """Refuse a plan whose arrays are of another size than the scenario's.

    Raises
    ------
    UsageError
    """
    forecast = case.forecast
    for what, one, other in (
        ("fibres", len(plan.qkd_channels), len(case.network.topology.fibres)),
        ("requests", plan.routes.requests, forecast.requests),
        ("levels", plan.routes.levels, forecast.state_count),
    ):
        if one != other:
            raise UsageError(
                f"plan: is a plan for {one:,} {what}, and the scenario has {other:,}; make one for "
                "this scenario"
            )
