"""Plans: make them, and say what they and more knowledge are worth."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from qnetsim.case import Case, open_case
from qnetsim.case.case_of import ScenarioLike, case_of
from qnetsim.errors import PolicyError, UsageError
from qnetsim.network import Network
from qnetsim.optimize import Plan
from qnetsim.optimize.plan import RiskFigures
from qnetsim.policies import Policy
from qnetsim.policies.base import guarded
from qnetsim.policies.chosen import ChosenPolicy, PoliciesLike, PolicyLike, choose, choose_all
from qnetsim.scenario import FaultTable, PolicyTable, Scenario
from qnetsim.vocabulary import PlanStatus

#: Weights of CVaR for which the frontier has a plan.
FRONTIER_WEIGHTS = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
#: Told a line now and then during a long solve.
Tell = Callable[[str], None]


def make_plan(
    scenario: ScenarioLike, policy: PolicyLike | ChosenPolicy, tell: Tell | None = None
) -> Plan:
    """Solve for what a policy decides in advance.

    Parameters
    ----------
    scenario : Scenario, Case, path-like or mapping
        As in :func:`qnetsim.case.case_of.case_of`.
    policy : str, PolicyTable, class or object of a Policy
        As in :func:`qnetsim.policies.chosen.choose`.
    tell : callable, optional
        Receives a line of text now and then during a long solve.

    Raises
    ------
    UsageError
        The policy does not plan.
    """
    case = case_of(scenario)
    chosen = choose(policy, case.scenario.policy)
    plan = planned(chosen.once(), chosen.title, case, tell)
    if plan is None:
        raise UsageError(f"policy {chosen.title!r} does not plan ahead; run it instead")
    return plan


def planned(policy: Policy, title: str, case: Case, tell: Tell | None = None) -> Plan | None:
    """Ask a policy for its plan.

    Raises
    ------
    PolicyError
        It fails, or returns something else.
    """
    started = time.perf_counter()
    asked = case.setting.solver
    used: dict[str, None] = {}
    settings = replace(
        asked.settings,
        tell=tell if tell is not None else asked.settings.tell,
        answered=lambda name: used.update({name: None}),
    )
    setting = case.setting.with_solver(replace(asked, settings=settings))
    with guarded(title, "plan"):
        plan = policy.plan(setting)
    if plan is None:
        return None
    if not isinstance(plan, Plan):
        raise PolicyError(f"policy {title}: plan returned {type(plan).__name__}, not a Plan")
    names = plan.solver
    if any(name not in names for name in used):
        names += f" [{' and '.join(used)}]"
    notes = [plan.note, unmodelled_parts(case.scenario)]
    if setting.risk is not None and plan.risk is None:
        notes.append("planning.risk is for sip: this plan is valued by its expected cost alone")
    note = "; ".join(text for text in notes if text)
    plan = replace(plan, solver=names, note=note, solve_s=time.perf_counter() - started)
    if case.scenario.cost.exposure_cost and plan.status is PlanStatus.OPTIMAL:
        # routes over fewer trusted relays might be worth their price: nothing is proved
        plan = replace(plan, status=PlanStatus.FEASIBLE)
    return plan


def unmodelled_parts(scenario: Scenario) -> str:
    """What of the scenario no plan takes into account: plans are made slot by slot."""
    yields = scenario.yields
    there = {
        "key stores": scenario.key_management.store_bits > 0,
        "sessions longer than a slot": scenario.demand.holding_slots != 1,
        "noise and drift of yields": bool(yields.noise_counts or yields.drift),
        "the price of trust exposure": scenario.cost.exposure_cost > 0,
        "federated tasks": bool(scenario.fel),
        "what requests of a job have to do with each other": scenario.jobs is not None,
        "what recorded requests have to do with each other": scenario.recording is not None,
        "failures": bool(scenario.outage) or scenario.faults != FaultTable.not_given(),
    }
    parts = [name for name, yes in there.items() if yes]
    return f"planned without regard to {', '.join(parts)}" if parts else ""


@dataclass(frozen=True)
class InformationValues:
    """What knowing more is worth, in expected cost per slot.

    Attributes
    ----------
    perfect_information : float
        Expected cost with every slot foreseen (wait and see).
    expected_value : float
        Expected cost of EVF.
    evpi : float
        Expected value of perfect information, SIP − PI.
    vss : float
        Value of the stochastic solution, EVF − SIP.
    """

    perfect_information: float
    expected_value: float
    evpi: float
    vss: float


def information_values(
    scenario: Scenario, sip: Plan, tell: Tell | None = None
) -> InformationValues:
    """Work out EVPI and VSS beside the plan of ``sip``, from the plans of two other policies."""
    network = open_case(scenario).network
    perfect, evf = (
        make_plan(scenario, PolicyTable(name=name), tell).objective(network)
        for name in ("perfect", "evf")
    )
    objective = sip.objective(network)
    return InformationValues(perfect, evf, objective - perfect, evf - objective)


def plan_summary(plan: Plan, network: Network) -> dict[str, Any]:
    """Objective, bound, gap, status, solver and stage costs of a plan, ready for JSON."""
    return {
        "objective": plan.objective(network),
        "bound": plan.bound,
        "gap": plan.gap(network),
        "status": str(plan.status),
        "solver": plan.solver,
        "note": plan.note,
        "solve_s": plan.solve_s,
        "first_stage_cost": plan.first_stage_cost(network),
        "second_stage_cost": plan.second_stage_cost(network),
        "blocked": plan.blocked,
        "blocking_cost": plan.blocking_cost(network),
        "uncoloured": list(plan.uncoloured),
        "variables": plan.size.variables,
        "rows": plan.size.rows,
        "nodes": plan.size.nodes,
        "rounds": plan.size.rounds,
        "gap_interval": None if plan.interval is None else asdict(plan.interval),
        "estimate": _estimate(plan, network),
        **_prices(plan),
        **_risk(plan),
    }


def _prices(plan: Plan) -> dict[str, Any]:
    """What one more wavelength would save on each fibre, where there are limits."""
    if plan.prices is None:
        return {}
    prices = {kind: list(values) for kind, values in plan.prices._asdict().items()}
    return {"wavelength_prices": prices}


def _risk(plan: Plan) -> dict[str, Any]:
    """Expectation, CVaR and risk objective of a plan that weighs the dearest slots."""
    if plan.risk is None:
        return {}
    return {
        "expected_cost": plan.risk.expected_cost,
        "cvar": plan.risk.cvar,
        "risk_objective": plan.risk.risk_objective,
        "risk": {"cvar": plan.risk.level, "weight": plan.risk.weight},
    }


def risk_frontier(
    scenario: Scenario, policy: PolicyTable, tell: Tell | None = None
) -> list[RiskFigures]:
    """Expectation and CVaR of the best plan for each weight of CVaR, from 0 to 1.

    Raises
    ------
    UsageError
        The scenario has no ``planning.risk``, or the policy does not weigh risk.
    """
    risk = scenario.planning.risk
    if risk is None:
        raise UsageError("the frontier needs planning.risk = {cvar = …, weight = …}")
    found = []
    for weight in FRONTIER_WEIGHTS:
        planning = scenario.planning.model_copy(
            update={"risk": risk.model_copy(update={"weight": weight})}
        )
        plan = make_plan(scenario.model_copy(update={"planning": planning}), policy, tell)
        if plan.risk is None:
            raise UsageError(f"policy {policy.title!r} does not weigh risk; the frontier is sip's")
        found.append(plan.risk)
    return found


def _estimate(plan: Plan, network: Network) -> dict[str, float] | None:
    """What samples say the least expected cost is not below; no proof, unlike ``bound``."""
    if plan.interval is None:
        return None
    return {
        "bound": plan.objective(network) - plan.interval.whole_high,
        "confidence": plan.interval.confidence,
    }


def plan_policies(
    scenario: ScenarioLike,
    policies: PoliciesLike,
    tell: Tell | None = None,
) -> list[Plan | None]:
    """Ask each policy for its plan; one plan serves all replications."""
    case = case_of(scenario)
    chosen = choose_all(policies, case.scenario.policy)
    return [planned(one.fresh(), one.title, case, tell) for one in chosen]
