"""What the environments for other people's learners have in common: scenarios and seeds."""

from __future__ import annotations

import operator
import os

from qnetsim.case import load
from qnetsim.errors import UsageError
from qnetsim.scenario import Scenario

#: A scenario, its file, or the name of a shipped one.
ScenarioGiven = Scenario | str | os.PathLike[str]


def given_scenario(scenario: ScenarioGiven) -> Scenario:
    """Read the scenario where it is given by its file or name.

    Raises
    ------
    UsageError
        It is none of these.
    QnetsimError
        The file is wrong.
    """
    if isinstance(scenario, Scenario):
        return scenario
    if isinstance(scenario, str | os.PathLike):
        return load(scenario)
    raise UsageError(
        f"scenario is {scenario!r}; it is a Scenario, a file, or the name of a shipped scenario"
    )


def whole_seed(seed: object) -> int:
    """A seed as a whole number.

    Raises
    ------
    UsageError
        It is no whole number >= 0.
    """
    try:
        number = operator.index(seed)  # type: ignore[arg-type]
    except TypeError:
        number = -1
    if number < 0:
        raise UsageError(f"seed is {seed!r}; it is a whole number >= 0, or left out")
    return number


def refuse_step(over: bool) -> UsageError:
    """Say why there is no slot to play."""
    why = "the episode is over" if over else "no episode has begun"
    return UsageError(f"{why}, so there is no slot to play; call reset() before step()")
