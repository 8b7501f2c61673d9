"""What the environments for other people's learners have in common: scenarios, seeds, pickles."""

from __future__ import annotations

import operator
import os
from typing import Any

from qnetsim.case import Case, load, open_case
from qnetsim.errors import UsageError
from qnetsim.learning.environment import ArrayEnvironment
from qnetsim.learning.kernel_environment import new_environment
from qnetsim.scenario import Scenario

#: A scenario, its file, or the name of a shipped one.
ScenarioGiven = Scenario | str | os.PathLike[str]


class OpenedScenario:
    """The worlds of a scenario, which are pickled as the scenario and opened again.

    So a copy of an environment is small, and begins with :meth:`reset` whatever the episode is that
    the environment is in.
    """

    _case: Case
    _slots: int
    _environment: ArrayEnvironment

    def _open(self, scenario: Scenario) -> None:
        self._case = open_case(scenario)
        self._slots = scenario.run.slots
        self._environment = new_environment(self._case, [0], "environment", slots=self._slots)

    def __getstate__(self) -> dict[str, Any]:
        """The scenario, and what is not made from it."""
        state = vars(self).copy()
        del state["_environment"], state["_slots"]
        state["_case"] = self._case.scenario
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Open the scenario again."""
        vars(self).update(state)
        self._open(state["_case"])


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
