"""What the environments for other people's learners share: scenarios, seeds, actions, pickles."""

from __future__ import annotations

import operator
import os
import warnings
from collections.abc import Mapping
from numbers import Real
from typing import Any, NoReturn

import numpy as np

from qnetsim import seeds
from qnetsim.arrays import FloatArray
from qnetsim.case import Case, load, open_case
from qnetsim.errors import NoDrawingError, UsageError
from qnetsim.learning.environment import ArrayEnvironment
from qnetsim.learning.kernel_environment import new_environment
from qnetsim.plain_text import one_line
from qnetsim.policies.learned.features import not_an_action
from qnetsim.policies.learned.spec import ACTIONS
from qnetsim.scenario import Scenario

#: A scenario, its file, or the name of a shipped one.
ScenarioGiven = Scenario | str | os.PathLike[str]
#: Least number of a drawn world; all fit 64-bit integers, in which Gymnasium gathers them.
FIRST_DRAWN = 1 << 62
#: Characters of a wrong action that a message shows.
SHOWN = 80


def next_world(world: int | None) -> int:
    """Number of the world that an episode plays to which no seed is given.

    It follows from the world of the episode before, so a world's number repeats all that comes
    after it too. Drawn numbers have 63 bits, the first of them set: copies with different seeds
    practically never meet, and none is a small number that a caller keeps for evaluation.

    Parameters
    ----------
    world : int or None
        Of the episode before; None where there was none, and the number is a fresh one.
    """
    seed = seeds.fresh_seed() if world is None else world
    word = int(seeds.words(seeds.stream(seed, "learning", "episode"), 1)[0])
    return FIRST_DRAWN + (word >> 2)


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

    def render(self) -> NoReturn:
        """There is no drawing.

        Raises
        ------
        NoDrawingError
        """
        refuse_render()

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


def refuse_rendering(render_mode: object) -> None:
    """Refuse to draw; None is what callers give who want no drawing.

    Raises
    ------
    NoDrawingError
    """
    if render_mode is not None:
        raise NoDrawingError(
            f"render_mode is {render_mode!r}; nothing is drawn here, so leave it out"
        )


def refuse_render() -> NoReturn:
    """Refuse a call of ``render``.

    Raises
    ------
    NoDrawingError
    """
    raise NoDrawingError("render() was called; nothing is drawn here, so leave it out")


def note_options(options: Mapping[str, object] | None) -> None:
    """Warn of options of ``reset``, of which there are none here; checkers of others pass some.

    Raises
    ------
    UsageError
        They are no mapping.
    """
    if options is not None and not isinstance(options, Mapping):
        raise UsageError(
            f"options is {one_line(repr(options), SHOWN)}; leave it out: there are none"
        )
    if options:
        names = ", ".join(map(repr, options))
        warnings.warn(f"reset() has no options; {names} changes nothing", stacklevel=3)


def whole_seed(seed: object) -> int:
    """A seed as a whole number.

    Raises
    ------
    UsageError
        It is no whole number >= 0.
    """
    try:
        # True is an index too, and nobody means world 1 by it
        number = -1 if isinstance(seed, bool) else operator.index(seed)  # type: ignore[arg-type]
    except TypeError:
        number = -1
    if number < 0:
        raise UsageError(f"seed is {seed!r}; it is a whole number >= 0, or left out")
    return number


def real_numbers(action: object) -> FloatArray:
    """What a learner gives as an action, as an array of its own shape.

    Text, truth values and complex numbers are none, though numpy would make numbers of them.

    Raises
    ------
    ValueError
        With what was given, in one line, and why it cannot be read.
    """
    try:
        found = np.asarray(action)
    except ValueError:  # rows of unequal length
        raise ValueError(one_line(repr(action), SHOWN)) from None
    except (TypeError, RuntimeError) as error:  # a tensor elsewhere, or one with a gradient
        raise ValueError(f"{one_line(repr(action), SHOWN)} ({one_line(str(error))})") from None
    if np.ma.is_masked(action):
        raise ValueError(f"{one_line(repr(action), SHOWN)}, with numbers left out")
    if found.dtype.kind == "O" and all(map(_is_real, found.flat)):
        try:
            found = found.astype(np.float64)
        except OverflowError:
            raise ValueError(one_line(repr(action), SHOWN)) from None
    if found.dtype.kind not in "iuf":
        raise ValueError(one_line(repr(action), SHOWN))
    return found.astype(np.float64)


def _is_real(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def agent_action(agent: str, action: object) -> FloatArray:
    """The action of one agent, shape (2,).

    Raises
    ------
    UsageError
        It is not two finite numbers.
    """
    try:
        found = real_numbers(action)
    except ValueError as error:
        raise not_an_action(agent, error) from None
    if found.shape != (ACTIONS,):
        raise not_an_action(agent, one_line(repr(action), SHOWN))
    if not np.isfinite(found).all():
        raise not_an_action(agent, found)
    return found


def refuse_step(over: bool) -> UsageError:
    """Say why there is no slot to play."""
    why = "the episode is over" if over else "no episode has begun"
    return UsageError(f"{why}, so there is no slot to play; call reset() before step()")
