"""A plan used for a scenario: the one that it was made for, or another one of the same shape."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qnetsim.case import Case
from qnetsim.errors import UsageError
from qnetsim.fibre_loss import FibreLoss, stored_losses
from qnetsim.optimize import Plan
from qnetsim.optimize.assemble import assign_wavelengths, fixed_routes_plan
from qnetsim.optimize.plan import SolveReport
from qnetsim.policies.chosen import ChosenPolicy
from qnetsim.policies.static import StaticPolicy
from qnetsim.scenario import Scenario
from qnetsim.trace import PlanRecord
from qnetsim.trace.provenance import differing

#: Settings that a plan depends on; the solver and the length of a run are not among them.
PLANNED_FOR = ("network", "cost", "demand")


def differences_of(record: PlanRecord, made_for: Scenario, case: Case) -> list[str]:
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


def valued_anew(
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


def refuse_other_shape(path: Path, record: PlanRecord, case: Case) -> None:
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
                f"{path}: is a plan for other {what} than the scenario's; make one with "
                "`qnetsim plan SCENARIO --out FILE`"
            )
