"""The environment for other learners: a PettingZoo ``ParallelEnv`` over one world."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from qnetsim.case import Case, open_case
from qnetsim.extras import require
from qnetsim.learning.environment import ArrayEnvironment
from qnetsim.policies.learned.features import ACTIONS
from qnetsim.scenario import Scenario

require("the PettingZoo environment", "gymnasium", "pettingzoo")
# isort: split
import gymnasium  # noqa: E402 - refused above where it is not there
from pettingzoo import ParallelEnv  # noqa: E402

Vector = npt.NDArray[np.float32]


class QkdParallelEnv(ParallelEnv):  # type: ignore[misc]
    """Every unit of a scenario's ``[learning]`` table is an agent; an episode is a run.

    Actions are two numbers in [−1, 1]: channels and KM wavelengths for each routed request. Every
    agent gets its reward; the learner decides which agents use it (in FedSAC, managers only).

    Parameters
    ----------
    scenario : Scenario
    """

    metadata: ClassVar[dict[str, Any]] = {"name": "qnetsim_v0", "is_parallelizable": True}
    render_mode = None

    def __init__(self, scenario: Scenario) -> None:
        self._case: Case = open_case(scenario)
        self._slots = scenario.run.slots
        self._episode = 0
        self._environment = ArrayEnvironment(self._case, [0], "environment")
        units = self._environment.units
        topology = self._case.network.topology
        by_fibre = units.spec.decide_by == "fibre"
        self.possible_agents = [
            topology.fibre_name(i) if by_fibre else topology.nodes[units.nodes[i]]
            for i in range(units.count)
        ]
        self.agents: list[str] = []
        low = np.full(units.spec.size, -np.inf, np.float32)
        high = np.full(units.spec.size, np.inf)
        ones = np.ones(ACTIONS, np.float32)
        self._action_spaces = {
            agent: gymnasium.spaces.Box(-ones, ones, dtype=np.float32)
            for agent in self.possible_agents
        }
        self._observation_spaces = {
            agent: gymnasium.spaces.Box(low, high.astype(np.float32), dtype=np.float32)
            for agent in self.possible_agents
        }

    def observation_space(self, agent: str) -> gymnasium.Space[Any]:
        """What an agent sees: ``qnetsim.policies.learned.features``."""
        return self._observation_spaces[agent]

    def action_space(self, agent: str) -> gymnasium.Space[Any]:
        """Two numbers in [−1, 1]."""
        return self._action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Vector], dict[str, dict[str, Any]]]:
        """Begin an episode in the world of this number, or in the next one."""
        self._episode = seed if seed is not None else self._episode + 1
        self._environment = ArrayEnvironment(self._case, [self._episode], "environment")
        self.agents = list(self.possible_agents)
        return self._observed(), {agent: {} for agent in self.agents}

    def step(
        self, actions: dict[str, npt.ArrayLike]
    ) -> tuple[
        dict[str, Vector],
        dict[str, float],
        dict[str, bool],
        dict[str, bool],
        dict[str, dict[str, Any]],
    ]:
        """Play a slot; the episode is truncated at the scenario's last one."""
        action = np.array([actions[agent] for agent in self.agents], dtype=np.float64)
        reward = self._environment.step(action[None])[0]
        over = self._environment.slot >= self._slots
        cost = self._environment.cost[0] @ self._environment.units.member
        names = self.agents
        result = (
            self._observed(),
            dict(zip(names, map(float, reward), strict=True)),
            dict.fromkeys(names, False),
            dict.fromkeys(names, over),
            {agent: {"cost": float(c)} for agent, c in zip(names, cost, strict=True)},
        )
        if over:
            self.agents = []
        return result

    def _observed(self) -> dict[str, Vector]:
        return dict(zip(self.agents, self._environment.observe()[0].copy(), strict=True))
