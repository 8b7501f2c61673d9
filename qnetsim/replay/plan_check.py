"""Hold a plan file against the plan made again: its maker's word counts for nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from qnetsim.analysis.audit import Finding
from qnetsim.case import Case, open_case
from qnetsim.errors import QnetsimError, UsageError
from qnetsim.fibre_loss import stored_losses
from qnetsim.network import Topology
from qnetsim.optimize import Plan
from qnetsim.optimize.assemble import AssignedRoutes, assign_wavelengths, fixed_routes_plan
from qnetsim.optimize.gaps import relative_gap
from qnetsim.optimize.plan import (
    CONTRADICTION,
    OPTIMALITY_GAP,
    STAGE_FIELDS,
    SolveReport,
)
from qnetsim.optimize.solvers.gurobi import LicenceError
from qnetsim.plans.make import plan_summary, planned
from qnetsim.plans.opened import OpenedPlan, open_plan
from qnetsim.plans.plan_records import stored_plan
from qnetsim.plans.storage import FROM_FILE, load_plan
from qnetsim.policies.registry import available, policy_of
from qnetsim.policies.static import StaticPolicy
from qnetsim.replay.claims import BY_SOLVER, LATER, ROUNDING, WALL_CLOCK, same_claim
from qnetsim.replay.given_files import GivenFiles, named_network
from qnetsim.replay.reopen import RecordedRun
from qnetsim.trace import PlanRecord, Trace
from qnetsim.trace.provenance import software
from qnetsim.vocabulary import PlanStatus

#: Name of the finding.
NAME = "plan"


def plan_finding(trace: Trace, run: RecordedRun, given: GivenFiles) -> Finding:
    """Whether a plan file is that of a trace, and all that it claims is so.

    The plan is made again from the scenario and the policy in the file. A plan with other
    reservations or routes is one of the user's own: it is valued, and what it claims of
    optimality is not proved.

    Raises
    ------
    UsageError, TraceFormatError
        The file cannot be read, or is for another network.
    """
    path = given.plan
    assert path is not None
    opened = open_plan(path)
    _, maker, differences = load_plan(path, run.case, given.policy)
    kept = f"{FROM_FILE} of content digest {opened.record.digest()}"
    if kept not in (trace.provenance.get("plan") or {}).get("note", ""):
        return Finding(NAME, False, f"the trace is not said to go by {path}")
    name = maker.name
    if maker.source is None and name not in available():
        text = f"policy {name!r} is not installed, so the plan cannot be made again"
        return Finding(NAME, None, text)
    if maker.source and maker.source.sha256 != trace.provenance["policy"].get("source_sha256"):
        return Finding(NAME, None, f"policy {name!r} is not the code that the trace names")
    try:
        case = _case_of(opened)
        network = named_network(case.network.topology, given, case.scenario.network)
        if not network.passed:
            return Finding(NAME, network.passed, f"the network that it names: {network.text}")
        again = planned(policy_of(maker), maker.title, case)
    except (UsageError, LicenceError) as error:
        return Finding(NAME, None, f"cannot be made again here: {error}")
    except QnetsimError as error:
        return Finding(NAME, False, f"cannot be made again: {error}")
    if again is None:
        return Finding(NAME, False, f"policy {name!r} does not plan ahead")
    passed, text = _verdict(opened, case, again)
    if differences:
        text += (
            f"; it was made for another scenario, where {differences[0]}, and claims nothing here"
        )
    return Finding(NAME, passed, text)


def _case_of(opened: OpenedPlan) -> Case:
    """What the plan was made for, from the file alone."""
    columns = opened.record.columns
    nodes = tuple(str(name) for name in columns["nodes/name"])
    position = {name: n for n, name in enumerate(nodes)}
    ends = tuple(
        (position[str(a)], position[str(b)])
        for a, b in zip(columns["fibres/source"], columns["fibres/target"], strict=True)
    )
    lengths = tuple(columns["fibres/length_km"].tolist())
    name = opened.scenario.network.topology
    record = opened.record
    losses = stored_losses(record.provenance)
    network = Topology(name, nodes, ends, lengths, fibre_labels=record.fibre_labels, losses=losses)
    return open_case(opened.scenario, network)


def _verdict(opened: OpenedPlan, case: Case, again: Plan) -> tuple[bool | None, str]:
    record = opened.record
    columns = record.columns
    pairs = list(
        zip(columns["requests/source"].tolist(), columns["requests/target"].tolist(), strict=True)
    )
    shape = columns["requests/route"].shape
    if pairs != list(case.forecast.pairs) or shape[1] != case.forecast.state_count:
        return False, "its requests and levels are not those of the scenario in the file"
    plan = stored_plan(record, case)
    if wrong := next(_contradictions(record, plan, case), ""):
        return False, wrong
    parts = list(_other_parts(plan, again))
    if not parts:
        return _claims(record, case, again)
    return _own_plan(opened, case, again, ", ".join(parts))


def _other_parts(plan: Plan, again: Plan) -> Iterator[str]:
    """Decisions in which two plans differ, in words."""
    for name in STAGE_FIELDS[:2]:
        if not np.allclose(getattr(plan, name), getattr(again, name), rtol=ROUNDING, atol=ROUNDING):
            yield name
    tables = [
        [[t.route(r, k) for k in range(t.levels)] for r in range(t.requests)]
        for t in (plan.routes, again.routes)
    ]
    if tables[0] != tables[1]:
        yield "routes"
    if plan.assignment != again.assignment:
        yield "wavelengths"


def _contradictions(record: PlanRecord, plan: Plan, case: Case) -> Iterator[str]:
    """Claims that contradict the rest of the file."""
    claimed = record.provenance["plan"]
    found = plan_summary(plan, case.network)
    for key in (
        *("objective", "gap", "first_stage_cost", "second_stage_cost"),
        *("blocking_cost", "uncoloured", "risk_objective"),
    ):
        if key in claimed and not same_claim(claimed[key], found[key]):
            yield f"{key} is {claimed[key]} in the file, and its columns give {found[key]}"
    objective = plan.objective(case.network)
    if plan.bound is None:
        if plan.status is PlanStatus.OPTIMAL:
            yield "it is called optimal and has no bound"
        return
    scale = CONTRADICTION * max(abs(objective), abs(plan.bound), 1.0)
    if plan.bound - objective > scale:
        yield f"its bound {plan.bound:,.6g} lies above its cost {objective:,.6g}"
    if plan.status is PlanStatus.OPTIMAL and relative_gap(objective, plan.bound) > OPTIMALITY_GAP:
        yield "it is called optimal, and its gap is open"


def _claims(record: PlanRecord, case: Case, again: Plan) -> tuple[bool | None, str]:
    """Hold the claims of a plan that decides the same against it."""
    claimed = record.provenance["plan"]
    found = plan_summary(again, case.network)
    versions = record.provenance["software"] != software()
    unlike = []
    for key in sorted(found.keys() - WALL_CLOCK):
        if key in LATER and key not in claimed:
            continue
        if same_claim(claimed[key], found[key]):
            continue
        if not (versions and key in BY_SOLVER):
            text = f"{key} is {claimed[key]} in the file and {found[key]} when it is made again"
            return False, text
        unlike.append(key)
    for name in STAGE_FIELDS[2:]:
        stored = record.columns[f"fibres/{name}"]
        if not np.allclose(stored, getattr(again, name), rtol=ROUNDING, atol=ROUNDING):
            return False, f"fibres/{name} is not what it is when the plan is made again"
    if unlike:
        return None, f"with other versions of the software its {', '.join(unlike)} differ"
    status = f"{found['objective']:,.2f} per slot, {found['status']}"
    return True, f"made again by {found['solver']}: {status}, every claim the same"


def _own_plan(opened: OpenedPlan, case: Case, again: Plan, parts: str) -> tuple[bool | None, str]:
    """Value a plan that is not the policy's; what it claims of optimality stays unproved."""
    record = opened.record
    plan = stored_plan(record, case)
    network = case.network
    policy = policy_of(opened.policy)
    if not isinstance(policy, StaticPolicy) or again.interval is not None:
        title = opened.policy.title
        text = f"{parts} are not those that {title} plans, and nothing else can value them"
        return (None if _unrepeatable(opened) else False), text
    assigned = assign_wavelengths(network, case.forecast, plan.routes)
    if wrong := _not_so(plan, case, assigned):
        return False, wrong
    cost, least = plan.objective(network), again.objective(network)
    rounding = CONTRADICTION * max(abs(cost), abs(least), 1.0)
    if plan.bound is not None and plan.bound - least > rounding:
        return False, f"its bound {plan.bound:,.6g} lies above a plan that costs {least:,.6g}"
    if plan.status is PlanStatus.OPTIMAL and cost - least > rounding:
        return False, f"it is called optimal at {cost:,.6g}, and a plan costs {least:,.6g}"
    text = (
        f"a plan of the user's own: its {parts} are not those that {opened.policy.title} plans; "
        f"it is feasible and costs {cost:,.2f} per slot, as it says; its bound, status, solver "
        "and note are not proved"
    )
    reason = _unrepeatable(opened)
    return None, f"{text} ({reason})" if reason else text


def _not_so(plan: Plan, case: Case, assigned: AssignedRoutes) -> str:
    """What a plan claims of its own cost and limits that does not hold; empty for nothing."""
    network = case.network
    held = AssignedRoutes(plan.routes, assigned.marginals, None, assigned.overload)
    report = SolveReport(bound=None, solver="")
    valued = fixed_routes_plan(network, case.forecast, held, report, plan.first_stage)
    for name in STAGE_FIELDS[2:]:
        if not np.allclose(getattr(plan, name), getattr(valued, name), rtol=1e-6, atol=1e-6):
            return f"fibres/{name} is not what its reservations and routes need on demand"
    if not math.isclose(plan.blocked, valued.blocked, rel_tol=1e-9, abs_tol=1e-9):
        return f"blocked is {plan.blocked} in the file, and its routes block {valued.blocked}"
    if assigned.overload and plan.status is not PlanStatus.OVER_LIMIT:
        return "its routes may ask for more wavelengths than there are, and it does not say so"
    coloured = plan.assignment or (assigned.assignment and assigned.assignment.fits)
    undecided = not network.limited or not case.forecast.comonotone or assigned.overload
    if not undecided and not coloured and plan.status is not PlanStatus.UNCOLOURED:
        return "no wavelengths that keep continuity were found for it, and it does not say so"
    return ""


def _unrepeatable(opened: OpenedPlan) -> str:
    """Why the policy may plan otherwise here than it did there; empty where it may not."""
    if opened.scenario.planning.threads > 1:
        return "with several threads, equally good plans may differ between runs"
    if opened.record.provenance["software"] != software():
        return "it was made with other versions of the software"
    return ""
