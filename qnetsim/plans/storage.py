"""Plans as files: save, load for a scenario, and say where two of them differ."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from qnetsim.arguments import path_argument, refuse_unless
from qnetsim.case import Case
from qnetsim.case.case_of import ScenarioLike, case_of
from qnetsim.errors import TraceFormatError, UsageError, argument
from qnetsim.input_files import inputs_noted
from qnetsim.optimize import Plan
from qnetsim.optimize.lightpaths.checker import violations
from qnetsim.optimize.lightpaths.explicit import explicit_plan
from qnetsim.plans.opened import open_plan
from qnetsim.plans.plan_records import plan_record, stored_plan
from qnetsim.plans.reuse import differences_of, refuse_other_shape, valued_anew
from qnetsim.policies.chosen import ChosenPolicy, PolicyLike, choose
from qnetsim.scenario import PolicyTable
from qnetsim.trace import write_plan

#: How the note of a plan begins that was read from a file.
FROM_FILE = "from a plan file"


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
    refuse_other_shape(path, record, case)
    differences = differences_of(record, made_for, case)
    try:
        plan = stored_plan(record, case)
        if differences:
            plan = valued_anew(path, plan, case, maker, differences)
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


def _broken(plan: Plan, case: Case) -> str:
    """First of (22)-(31) that the explicit wavelengths of a plan break; empty for none."""
    if plan.assignment is None:
        return ""
    spelt = explicit_plan(plan, case.network, case.forecast, plan.assignment)
    return str(next(iter(violations(spelt)), ""))
