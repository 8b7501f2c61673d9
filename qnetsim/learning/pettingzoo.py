"""The environments for other learners in PettingZoo: agents that act at once, or in turn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NoReturn

import numpy as np
import numpy.typing as npt

from qnetsim.errors import UsageError
from qnetsim.extras import require
from qnetsim.learning.episodes import (
    SHOWN,
    OpenedScenario,
    ScenarioGiven,
    agent_action,
    given_scenario,
    next_world,
    note_options,
    refuse_render,
    refuse_rendering,
    refuse_step,
    whole_seed,
)
from qnetsim.learning.managers import manager_units
from qnetsim.plain_text import counted, listed, one_line
from qnetsim.policies.learned.spec import ACTIONS

require("the PettingZoo environment", "gymnasium", "pettingzoo")
# isort: split
import gymnasium  # noqa: E402 - refused above where it is not there
from pettingzoo import ParallelEnv  # noqa: E402
from pettingzoo.utils import OrderEnforcingWrapper  # noqa: E402
from pettingzoo.utils.conversions import parallel_to_aec_wrapper  # noqa: E402

Vector = npt.NDArray[np.float32]


class QkdParallelEnv(OpenedScenario, ParallelEnv):  # type: ignore[misc]
    """Every unit of a scenario's ``[learning]`` table is an agent; an episode is a run.

    Actions are two numbers in [−1, 1]: channels and KM wavelengths for each routed request; finite
    ones beyond are clipped. Every agent gets its reward; the learner decides which agents use it
    (in FedSAC, managers only: those whose ``info["manager"]`` is true). A pickled or copied one is
    in no episode: it begins with :meth:`reset`.

    Parameters
    ----------
    scenario : Scenario, path-like or str
        The name of a shipped scenario is one.

    Attributes
    ----------
    possible_agents : list of str
        Nodes or fibres.
    state_space : gymnasium.spaces.Box
        Of :meth:`state`.
    """

    metadata: ClassVar[dict[str, Any]] = {"name": "qnetsim_v0", "is_parallelizable": True}
    render_mode = None

    def __init__(self, scenario: ScenarioGiven) -> None:
        scenario = given_scenario(scenario)
        self._open(scenario)
        self._world: int | None = None
        units = self._environment.units
        topology = self._case.network.topology
        self.possible_agents = list(units.names)
        managers = set(manager_units(topology, units, scenario.learning.manager_share))
        self._manager = {name: u in managers for u, name in enumerate(units.names)}
        self.agents: list[str] = []
        self._over = False
        low, high = units.bounds()
        ones = np.ones(ACTIONS, np.float32)
        self._action_spaces = {
            agent: gymnasium.spaces.Box(-ones, ones, dtype=np.float32)
            for agent in self.possible_agents
        }
        self._observation_spaces = {
            agent: gymnasium.spaces.Box(low, high, dtype=np.float32)
            for agent in self.possible_agents
        }
        self.state_space = gymnasium.spaces.Box(
            np.tile(low, units.count), np.tile(high, units.count), dtype=np.float32
        )

    def __getstate__(self) -> dict[str, Any]:
        """A copy is in no episode."""
        return {**super().__getstate__(), "agents": [], "_over": False}

    def observation_space(self, agent: str) -> gymnasium.Space[Any]:
        """What an agent sees: ``qnetsim.policies.learned.features``; the same for all agents.

        Raises
        ------
        UsageError
            There is no such agent.
        """
        self._refuse_unknown(agent)
        return self._observation_spaces[agent]

    def action_space(self, agent: str) -> gymnasium.Space[Any]:
        """Two numbers in [−1, 1].

        Raises
        ------
        UsageError
            There is no such agent.
        """
        self._refuse_unknown(agent)
        return self._action_spaces[agent]

    def state(self) -> Vector:
        """What all agents see, one after the other, for learners that train together.

        Raises
        ------
        UsageError
            No episode has begun.
        """
        if not (self.agents or self._over):
            raise UsageError("no episode has begun; call reset() before state()")
        return np.ravel(self._environment.observe()[0])

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Vector], dict[str, dict[str, Any]]]:
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
        self._world = next_world(self._world) if seed is None else whole_seed(seed)
        self._environment.reset([self._world])
        self.agents = list(self.possible_agents)
        self._over = False
        return self._observed(), {agent: self._info(agent) for agent in self.agents}

    def step(
        self, actions: Mapping[str, npt.ArrayLike]
    ) -> tuple[
        dict[str, Vector],
        dict[str, float],
        dict[str, bool],
        dict[str, bool],
        dict[str, dict[str, Any]],
    ]:
        """Play a slot; the episode is truncated at the scenario's last one.

        Raises
        ------
        UsageError
            No episode is going on, an agent is missing or unknown, or an action is none. Nothing
            has changed then.
        """
        if not self.agents:
            raise refuse_step(self._over)
        reward = self._environment.step(self._stacked(actions)[None])[0]
        self._over = self._environment.slot >= self._slots
        cost = self._environment.cost[0] @ self._environment.units.member
        names = self.agents
        result = (
            self._observed(),
            dict(zip(names, map(float, reward), strict=True)),
            dict.fromkeys(names, False),
            dict.fromkeys(names, self._over),
            {a: {**self._info(a), "cost": float(c)} for a, c in zip(names, cost, strict=True)},
        )
        if self._over:
            self.agents = []
        return result

    def _stacked(self, actions: Mapping[str, npt.ArrayLike]) -> npt.NDArray[np.float64]:
        """Actions of all agents in their order, shape (agents, 2).

        Raises
        ------
        UsageError
        """
        if not isinstance(actions, Mapping):
            raise UsageError(
                f"step() was given {one_line(repr(actions), SHOWN)}; it takes a mapping from each "
                f"of {counted(len(self.agents), 'agent')} to its action"
            )
        missing = [agent for agent in self.agents if agent not in actions]
        unknown = [agent for agent in actions if agent not in self._action_spaces]
        if missing or unknown:
            problems = [f"no action of {_named(missing)}"] if missing else []
            problems += [f"actions of {_named(unknown)} that the network lacks"] if unknown else []
            raise UsageError(
                f"step() was given {' and '.join(problems)}; it takes one action of each of "
                f"{counted(len(self.agents), 'agent')}"
            )
        return np.array([agent_action(agent, actions[agent]) for agent in self.agents])

    def _refuse_unknown(self, agent: str) -> None:
        if agent not in self._action_spaces:
            raise UsageError(
                f"the network has no agent {agent!r}; it has {_named(self.possible_agents)}"
            )

    def _info(self, agent: str) -> dict[str, Any]:
        return {"world": self._world, "manager": self._manager[agent]}

    def _observed(self) -> dict[str, Vector]:
        return dict(zip(self.agents, self._environment.observe()[0].copy(), strict=True))


class QkdAECEnv(OrderEnforcingWrapper):  # type: ignore[misc]
    """The same environment for agents that act in turn; the last of them has the slot played.

    An action is checked, and copied, when it is given. Once the episode is over, each agent is
    stepped once more with None, as in all of PettingZoo. A pickled or copied one is in no episode.

    Parameters
    ----------
    parallel : QkdParallelEnv
        It is played by this one alone from now on.
    """

    def __init__(self, parallel: QkdParallelEnv) -> None:
        super().__init__(parallel_to_aec_wrapper(parallel))

    def __getstate__(self) -> dict[str, Any]:
        """A copy is in no episode."""
        return {**vars(self), "_has_reset": False, "_has_updated": False}

    def __str__(self) -> str:
        return str(self.env)

    def step(self, action: npt.ArrayLike | None) -> None:
        """Take the action of the agent whose turn it is.

        Raises
        ------
        UsageError
            No episode is going on, the action is none, or an agent acts after the last slot.
            Nothing has changed then.
        """
        if not self._has_reset or not self.agents:
            raise refuse_step(self._has_reset)
        agent = self.agent_selection
        if not (self.terminations[agent] or self.truncations[agent]):
            action = agent_action(agent, action)
        elif action is not None:
            raise UsageError(
                f"agent {agent!r} acts by {one_line(repr(action), SHOWN)} after the last slot; "
                "give None, or call reset()"
            )
        super().step(action)

    def last(self, observe: bool = True) -> tuple[Vector | None, float, bool, bool, dict[str, Any]]:
        """What the agent whose turn it is sees, and what became of its last action.

        Raises
        ------
        UsageError
            No episode is going on.
        """
        self._refuse_before_reset("last")
        if not self.agents:
            raise UsageError("the episode is over, so it is nobody's turn; call reset()")
        found: tuple[Vector | None, float, bool, bool, dict[str, Any]] = super().last(observe)
        return found

    def observe(self, agent: str) -> Vector:
        """What an agent sees.

        Raises
        ------
        UsageError
            No episode has begun, or there is no such agent.
        """
        self._refuse_before_reset("observe")
        self.observation_space(agent)
        seen: Vector = super().observe(agent)
        return seen

    def state(self) -> Vector:
        """What all agents see, one after the other.

        Raises
        ------
        UsageError
            No episode has begun.
        """
        self._refuse_before_reset("state")
        return np.asarray(super().state())

    def agent_iter(self, max_iter: int = 2**63) -> Any:
        """Agents in their turns, to the end of the episode.

        Raises
        ------
        UsageError
            No episode has begun.
        """
        self._refuse_before_reset("agent_iter")
        return super().agent_iter(max_iter)

    def render(self) -> NoReturn:
        """There is no drawing.

        Raises
        ------
        NoDrawingError
        """
        refuse_render()

    def _refuse_before_reset(self, call: str) -> None:
        if not self._has_reset:
            raise UsageError(f"no episode has begun; call reset() before {call}()")


def parallel_env(scenario: ScenarioGiven, render_mode: None = None) -> QkdParallelEnv:
    """The environment by the name that PettingZoo's own ones have; nothing is drawn."""
    refuse_rendering(render_mode)
    return QkdParallelEnv(scenario)


def env(scenario: ScenarioGiven, render_mode: None = None) -> QkdAECEnv:
    """The environment for learners that let agents act in turn; nothing is drawn."""
    return QkdAECEnv(parallel_env(scenario, render_mode))


def _named(agents: list[str]) -> str:
    """A few of these agents, for a message."""
    return f"{'agent' if len(agents) == 1 else 'agents'} {listed(list(map(repr, agents)), 3)}"
