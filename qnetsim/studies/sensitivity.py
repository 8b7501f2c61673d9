"""What a plan costs over one key of the scenario."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from qnetsim.case import load, open_case
from qnetsim.errors import InfeasibleError, SolverError, UsageError, argument
from qnetsim.plans.make import make_plan
from qnetsim.scenario import PolicyTable, Scenario, takes_integers
from qnetsim.scenario.lines import Key
from qnetsim.vocabulary import PlanStatus

#: Most scenarios that are planned for.
MOST_POINTS = 1000
#: Status of a value for which there is no plan.
INFEASIBLE = "infeasible"
UNSOLVED = "unsolved"
FORM = "give KEY=FROM:TO:N, for example cost.on_demand_multiplier=0.5:2:7"
NUMBER = re.compile(r"[+-]?(\d{1,30}\.?\d{0,30}|\.\d{1,30})([eE][+-]?\d{1,2})?")


@dataclass(frozen=True)
class Sweep:
    """Values of one key.

    Attributes
    ----------
    key : str
        Dotted, such as ``cost.on_demand_multiplier``.
    values : tuple of float or int
        Ascending or descending, ends included.
    asked : int
        How many were asked for; integer keys may have fewer.
    """

    key: str
    values: tuple[float, ...]
    asked: int

    @property
    def path(self) -> tuple[str, ...]:
        """The key as a path of tables."""
        return tuple(self.key.split("."))


@dataclass(frozen=True)
class SensitivityPoint:
    """The plan for one value.

    Attributes
    ----------
    value : float
    objective, bound : float or None
        None where there is no plan, and no bound.
    status : str
        That of the plan; ``"infeasible"`` or ``"unsolved"`` where there is none.
    note : str
        The note of the plan, or why there is none.
    """

    value: float
    objective: float | None
    bound: float | None
    status: str
    note: str

    @property
    def valid(self) -> bool:
        """Whether there is a plan that keeps the limits."""
        kept = {PlanStatus.OPTIMAL, PlanStatus.FEASIBLE, PlanStatus.EXPECTATION}
        return self.status in {str(status) for status in kept}


def sweep_of(text: str) -> Sweep:
    """Read ``KEY=FROM:TO:N``: N values at equal distances, ends included.

    Values of integer keys are rounded to whole numbers; those that come twice are taken once.

    Raises
    ------
    UsageError
        The text has another form, or the values are none.
    """
    key, equals, rest = text.partition("=")
    parts = rest.split(":")
    if not equals or not key.strip() or len(parts) != 3:
        raise UsageError(f"{argument('sensitivity', repr(text))}: {FORM}")
    if not all(NUMBER.fullmatch(part.strip()) for part in parts[:2]):
        raise UsageError(f"{argument('sensitivity', repr(text))}: FROM and TO are numbers; {FORM}")
    if not re.fullmatch(r"\d{1,4}", parts[2]) or not 2 <= int(parts[2]) <= MOST_POINTS:
        raise UsageError(
            f"{argument('sensitivity', repr(text))}: N is an integer 2 .. {MOST_POINTS}; {FORM}"
        )
    first, last = (Fraction(part.strip()) for part in parts[:2])
    count = int(parts[2])
    if first == last:
        raise UsageError(f"{argument('sensitivity', repr(text))}: FROM and TO are the same; {FORM}")
    exact = [first + (last - first) * i / (count - 1) for i in range(count)]
    name = key.strip()
    values: list[float] = [float(value) for value in exact]
    if takes_integers(tuple(name.split("."))):
        if first.denominator != 1 or last.denominator != 1:
            raise UsageError(
                f"{argument('sensitivity', repr(text))}: {name} takes integers; {FORM}"
            )
        values = [round(value) for value in exact]
    return Sweep(name, tuple(dict.fromkeys(values)), count)


def scenarios_of(
    scenario: Path, sweep: Sweep, changes: Mapping[Key, Any] | None = None
) -> list[Scenario]:
    """The scenario of a file with each value, checked like the file.

    Parameters
    ----------
    scenario : Path
    sweep : Sweep
    changes : mapping from key to value, optional
        Further values that take the place of those in the file.

    Raises
    ------
    ScenarioError
        There is no such key, or a value is not allowed.
    """
    return [
        load(scenario, changes={**(changes or {}), sweep.path: value}) for value in sweep.values
    ]


def sensitivity(
    sweep: Sweep,
    specs: Sequence[Scenario],
    policy: PolicyTable,
    tell: Callable[[str], None] | None = None,
) -> list[SensitivityPoint]:
    """Plan for every value of a key.

    Parameters
    ----------
    sweep : Sweep
    specs : sequence of Scenario
        One for each value.
    policy : PolicyTable
    tell : callable, optional
        Receives the value that is planned for.

    Raises
    ------
    UsageError
        The policy does not plan.
    """
    points = []
    for value, spec in zip(sweep.values, specs, strict=True):
        if tell is not None:
            tell(f"{sweep.key} = {value:g}")
        try:
            plan = make_plan(spec, policy)
        except (InfeasibleError, SolverError) as error:
            status = INFEASIBLE if isinstance(error, InfeasibleError) else UNSOLVED
            points.append(SensitivityPoint(value, None, None, status, str(error)))
            continue
        objective = plan.objective(open_case(spec).network)
        points.append(SensitivityPoint(value, objective, plan.bound, str(plan.status), plan.note))
    return points
