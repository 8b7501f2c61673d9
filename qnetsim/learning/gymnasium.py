"""The environment of one manager who decides for all agents, as Gymnasium has them.

Importing this module registers it: ``gymnasium.make("qnetsim/Manager-v0", scenario="nsfnet")``, or
without the import ``gymnasium.make("qnetsim.learning.gymnasium:qnetsim/Manager-v0")``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from qnetsim.errors import UsageError
from qnetsim.extras import require
from qnetsim.learning.episodes import (
    OpenedScenario,
    ScenarioGiven,
    given_scenario,
    next_world,
    note_options,
    real_numbers,
    refuse_rendering,
    refuse_step,
    whole_seed,
)
from qnetsim.plain_text import counted
from qnetsim.policies.learned.spec import ACTIONS

require("the Gymnasium environment", "gymnasium")
# isort: split
import gymnasium  # noqa: E402 - refused above where it is not there

Vector = npt.NDArray[np.float32]
#: Its name for ``gymnasium.make``.
ENVIRONMENT = "qnetsim/Manager-v0"


class ManagerEnv(OpenedScenario, gymnasium.Env[Vector, Vector]):
    """One manager sees what all agents see, and decides for all of them; an episode is a run.

    An observation is that of all agents of the ``[learning]`` table, one after the other; so is an
    action, two numbers in [−1, 1] each: channels and KM wavelengths for each routed request. Finite
    numbers beyond are clipped. The reward is that of the whole network. A pickled or copied one is
    in no episode: it begins with :meth:`reset`.

    Parameters
    ----------
    scenario : Scenario, path-like or str
        The name of a shipped scenario is one.
    render_mode : None
        Nothing is drawn.

    Raises
    ------
    UsageError
        A scenario or a ``render_mode`` is none.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 - as Gymnasium has it

    def __init__(self, scenario: ScenarioGiven = "nsfnet", render_mode: None = None) -> None:
        refuse_rendering(render_mode)
        given = given_scenario(scenario)
        whole = given.learning.model_copy(update={"reward_scope": "network"})
        self._open(given.model_copy(update={"learning": whole}))
        self._world: int | None = None
        self._begun = False
        self._over = False
        units = self._environment.units
        low, high = units.bounds()
        self.observation_space = gymnasium.spaces.Box(
            np.tile(low, units.count), np.tile(high, units.count), dtype=np.float32
        )
        ones = np.ones(ACTIONS * units.count, np.float32)
        self.action_space = gymnasium.spaces.Box(-ones, ones, dtype=np.float32)

    def __getstate__(self) -> dict[str, Any]:
        """A copy is in no episode."""
        return {**super().__getstate__(), "_begun": False, "_over": False}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Vector, dict[str, Any]]:
        """Begin an episode in the world of this number, or in one drawn by the world before.

        Without a world before, it is a fresh one. ``info["world"]`` is its number, and as a seed
        repeats the episode and those that follow.

        There are no options; a warning names those that are given.

        Raises
        ------
        UsageError
            The seed is no whole number >= 0, or the options are no mapping.
        """
        note_options(options)
        number = None if seed is None else whole_seed(seed)
        super().reset(seed=number)
        self._world = next_world(self._world) if number is None else number
        self._environment.reset([self._world])
        self._begun, self._over = True, False
        return self._observed(), {"world": self._world}

    def step(self, action: npt.ArrayLike) -> tuple[Vector, float, bool, bool, dict[str, Any]]:
        """Play a slot; the episode is truncated at the scenario's last one.

        Raises
        ------
        UsageError
            No episode is going on, or the action is none. Nothing has changed then.
        """
        if self._over or not self._begun:
            raise refuse_step(self._over)
        environment = self._environment
        reward = environment.step(self._by_agent(action))[0, 0]
        self._over = environment.slot >= self._slots
        info = {"world": self._world, "cost": float(environment.cost.sum())}
        return self._observed(), float(reward), False, self._over, info

    def _by_agent(self, action: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """The action as one world's, shape (1, agents, 2).

        Raises
        ------
        UsageError
        """
        units = self._environment.units
        try:
            found = real_numbers(action)
        except ValueError as error:
            raise UsageError(
                f"the action is {error}; it is {ACTIONS * units.count} finite numbers in [-1, 1], "
                f"{ACTIONS} for each of {counted(units.count, 'agent')}"
            ) from None
        if found.shape != (ACTIONS * units.count,):
            raise UsageError(
                f"the action has shape {found.shape}; what is wanted is "
                f"({ACTIONS * units.count},): {ACTIONS} for each of {counted(units.count, 'agent')}"
            )
        return found.reshape(1, units.count, ACTIONS)

    def _observed(self) -> Vector:
        return np.ravel(self._environment.observe()[0]).copy()


if ENVIRONMENT not in gymnasium.registry:
    gymnasium.register(ENVIRONMENT, entry_point="qnetsim.learning.gymnasium:ManagerEnv")
