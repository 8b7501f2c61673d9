"""Learned policies in use: trained weights, worked out in numpy (Section V)."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from qnetsim.arrays import IntArray
from qnetsim.errors import UsageError
from qnetsim.network import Network
from qnetsim.plain_text import counted
from qnetsim.policies.base import Decision, Observation, Outcome, Policy, PolicyOptions, Setting
from qnetsim.policies.learned.model_files import as_given, model_file
from qnetsim.scenario.tables.portable import file_name

if TYPE_CHECKING:
    from qnetsim.optimize import Plan
    from qnetsim.policies.learned.features import Float32Array, Units
    from qnetsim.policies.learned.weights import Weights


class LearnedOptions(PolicyOptions):
    """Options of the learned policies."""

    model: str = Field(
        default="",
        description="safetensors file that `qnetsim train` wrote, or NAME for the shipped "
        "models/POLICY-NAME.safetensors; unless given, NAME is the topology's",
        json_schema_extra={"allowed": "a name, or a path that ends in .safetensors"},
    )
    stochastic: bool = Field(
        default=False,
        description="draw actions as in training, instead of taking the mean",
        json_schema_extra={"allowed": "true or false"},
    )


class _Fitted(NamedTuple):
    """Weights in a setting: the same for all runs.

    Attributes
    ----------
    weights : Weights
        As they were trained.
    units : Units
        What they decide for.
    told : tuple of str
        What else there is to know: how the setting is far off from the training's, and the like.
    of_agent : tuple of ndarray
        Units of each agent.
    """

    weights: Weights
    units: Units
    told: tuple[str, ...]
    of_agent: tuple[IntArray, ...]


class _Step(NamedTuple):
    """One action of all agents, by fibre, and whether each agent's state is as it was before it."""

    channels: IntArray
    wavelengths: IntArray
    repeats: list[bool]


class LearnedPolicy(Policy):
    """One controller for each agent, which sees its own fibres only.

    Without a file of weights of its own it looks for ``models/NAME-TOPOLOGY.safetensors``.
    """

    Options = LearnedOptions
    options: LearnedOptions
    name: ClassVar[str]
    _weights: tuple[Path, Weights] | None = None

    def owners(self, network: Network) -> IntArray:
        """Agents of the network; of the training's, where each of these has its own policy."""
        from qnetsim.network.ownership import agents_of

        topology = network.topology
        trained = self._read(topology.name).agents_in(topology)
        return agents_of(topology).owners if trained is None else trained.agents.owners

    def weights_sha256(self, network: Network) -> str:
        """SHA-256 of the file of weights."""
        return self._read(network.topology.name).sha256

    def plan(self, setting: Setting) -> Plan | None:
        """Plan nothing; weights that do not fit are refused or told of, once for all runs."""
        self._fitted(setting)
        return None

    def prepare(self, setting: Setting, plan: Plan | None) -> None:
        """Read the weights, and start with the state of a fresh episode."""
        weights, units, _, self._of_agent = self._fitted(setting)
        self._spec = weights.spec
        self._units = units
        history = weights.spec.history
        self._weights_of_all = weights
        self._past = np.zeros((1, units.count, history, 2), np.float32)
        self._demand: Float32Array = np.repeat(units.typical[None, :, None], history, axis=2)
        self._last_levels: npt.NDArray[np.int16] | None = None
        own = set(weights.spec.observe) <= {"actions", "context"}
        #: What is observed follows from the agent's own reservations alone.
        self._foreseen = own and not self.options.stochastic
        if not self._foreseen:
            self._weights_of_agent = [weights.of(mine) for mine in self._of_agent]
        self._steps: dict[int, _Step] = {}
        self._asked = [0] * units.agents

    def _read(self, topology: str) -> Weights:
        """Read the weights, once: those that a trace names are those that decide."""
        from qnetsim.policies.learned.weights import read_weights

        path = self._file(topology)
        if self._weights is None or self._weights[0] != path:
            weights = read_weights(path)
            self._refuse_others(path, weights)
            self._weights = path, weights
        return self._weights[1]

    def _refuse_others(self, path: Path, weights: Weights) -> None:
        """Refuse what another of these policies was trained for: it would run under a wrong name.

        Raises
        ------
        UsageError
        """
        trained = weights.card.get("policy")
        names = [one.name for one in (FedSAC, DecSAC, DecPPO, MASAC, MAPPO)]
        if self.name in names and trained in names and trained != self.name:
            raise UsageError(
                f"{path}: was trained as {trained}, not as {self.name}; give "
                f"{as_given(trained, str(path))}"
            )

    def _fitted(self, setting: Setting) -> _Fitted:
        """Weights as they were trained, and the units that they decide for.

        Raises
        ------
        UsageError
            They were made for other units.
        """
        from qnetsim.policies.learned.training_facts import ModelWarning

        weights = self._read(setting.network.topology.name)
        path = self._file(setting.network.topology.name)
        found = setting.once((self.name, path, weights.sha256), lambda: self._fit(setting, weights))
        for told in found.told:
            # from this line, whoever asks, so that Python shows it once
            warnings.warn(told, ModelWarning, stacklevel=1)
        return found

    def _fit(self, setting: Setting, weights: Weights) -> _Fitted:
        from qnetsim.policies.learned.features import Units
        from qnetsim.policies.learned.trained_network import tells_network

        weights, told = self._as_trained(setting, weights)
        topology = setting.network.topology
        trained = weights.agents_in(topology)
        units = Units(setting, setting.shortest_routes(), weights.spec, trained)
        if trained is not None:
            by_fibre = weights.spec.decide_by == "fibre"
            weights = weights.of(trained.fibres if by_fibre else trained.numbers)
        elif weights.policies > 1 and not tells_network(weights.card):
            told += (self._by_name(topology.name),)
        of_agent = tuple(np.flatnonzero(units.agent_of == a) for a in range(units.agents))
        return _Fitted(weights, units, told, of_agent)

    def _by_name(self, topology: str) -> str:
        """Say that only its name is known of the network that the policies are for."""
        return (
            f"policy {self.name!r}: model {self._file(topology).stem} does not tell nodes and "
            f"fibres of its network, only the name {file_name(topology)}; its policies are given "
            "to the agents in their order"
        )

    def _as_trained(self, setting: Setting, weights: Weights) -> tuple[Weights, tuple[str, ...]]:
        """Weights whose actions mean what they meant in training.

        The texts tell of a scenario far off; there are none for one like the training's.
        """
        from qnetsim.policies.learned.training_facts import (
            LAW_NAMES,
            NAMES,
            differences,
            facts_of,
            facts_of_card,
            full_scale,
            other_limits,
        )

        here = facts_of(setting)
        trained = facts_of_card(weights.card)
        spec = weights.spec
        model = f"policy {self.name!r}: model {self._file(setting.network.topology.name).stem}"
        if trained is None:
            stated = spec.most_channels or full_scale(here)
            by = "as its file says" if spec.most_channels else "assumed from the scenario in use"
            text = (
                f"{model} does not tell what it was trained with; its action 1 is "
                f"{counted(stated, 'channel')} for each routed request, {by}"
            )
            return weights, (text,)
        scale = spec.most_channels or full_scale(trained)
        far = differences(trained, here, NAMES | LAW_NAMES) + other_limits(weights.card, setting)
        told = (
            f"{model} meets what it was not trained for: {'; '.join(far)}; its action 1 is "
            f"{counted(scale, 'channel')} for each routed request, as in training"
        )
        return replace(weights, spec=replace(spec, most_channels=scale)), (told,) if far else ()

    def _file(self, topology: str) -> Path:
        return model_file(self.name, self.options.model, topology)

    def decide(self, observation: Observation) -> Decision:
        """Act on what the agent sees of its own fibres."""
        if self._foreseen:
            return self._decide_as_foreseen(observation)
        units = self._units
        mine = self._of_agent[observation.controller]
        fibres = observation.fibres
        pools = np.zeros((2, 1, units.owners.size), dtype=np.int64)
        pools[0, 0, fibres] = observation.reservation_pool_bits
        pools[1, 0, fibres] = observation.on_demand_pool_bits
        seen = units.observation(self._past, self._demand, units.pools(*pools), self._last_levels)[
            0, mine, None
        ]
        weights = self._weights_of_agent[observation.controller]
        mean, log_deviation = weights.forward(seen)
        if self.options.stochastic:
            noise = observation.generator.standard_normal(mean.shape, dtype=np.float32)
            mean = np.asarray(mean + np.exp(log_deviation) * noise)
        action = np.zeros((1, units.count, mean.shape[-1]))
        action[0, mine] = np.tanh(mean)[:, 0]
        channels, wavelengths = units.reservations(action)
        remembered = units.past(channels, wavelengths)[0, mine]
        past = np.concatenate([self._past[0, mine, 1:], remembered[:, None]], axis=1)
        self._past[0, mine] = past
        return Decision(channels[0, fibres], wavelengths[0, fibres], 1)

    def _decide_as_foreseen(self, observation: Observation) -> Decision:
        """Act in a state that follows from the agent's own actions alone."""
        agent = observation.controller
        number = self._asked[agent]
        if number not in self._steps:
            self._steps[number] = self._next_step()
        step = self._steps[number]
        fibres = observation.fibres
        # where the state repeats itself so does the action, to the end of the run
        hold = observation.slots_left if step.repeats[agent] else 1
        self._asked[agent] += hold
        # steps are kept until every agent has taken them
        for past in [n for n in self._steps if n < min(self._asked)]:
            del self._steps[past]
        return Decision(step.channels[fibres], step.wavelengths[fibres], hold)

    def _next_step(self) -> _Step:
        """Work out the next action of all agents at once."""
        units = self._units
        # which are not observed
        pools = np.zeros((1, units.count, 2), np.float32)
        seen = units.observation(self._past, self._demand, pools)[0, :, None]
        mean, _ = self._weights_of_all.forward(seen)
        channels, wavelengths = units.reservations(np.tanh(mean).swapaxes(0, 1))
        remembered = units.past(channels, wavelengths)[0]
        past = np.concatenate([self._past[0, :, 1:], remembered[:, None]], axis=1)
        same = (past == self._past[0]).all(axis=(1, 2))
        self._past[0] = past
        # what is fixed about the fibres stays, whatever was done
        fixed = "actions" not in self._spec.observe
        repeats = [fixed or bool(same[mine].all()) for mine in self._of_agent]
        return _Step(channels[0], wavelengths[0], repeats)

    def learn(self, outcome: Outcome) -> None:
        """Remember the realised demand, if it is observed."""
        if self._foreseen:
            return
        history = self._spec.history
        recent = outcome.levels[-history:]
        rows = self._units.demand(self._units.loads(recent))
        joined = np.concatenate([self._demand[0], rows.T], axis=1)
        self._demand = joined[None, :, -history:]
        self._last_levels = outcome.levels[-1:]


class FedSAC(LearnedPolicy):
    """Federated soft actor-critic (Algorithm 1): one policy that all agents share."""

    name = "fedsac"


class DecSAC(LearnedPolicy):
    """Decentralised soft actor-critic: each agent has a policy of its own."""

    name = "decsac"


class DecPPO(LearnedPolicy):
    """Decentralised proximal policy optimisation: each agent has a policy of its own."""

    name = "decppo"


class MASAC(LearnedPolicy):
    """Soft actor-critic with Q networks of the team: policies of their own, trained together."""

    name = "masac"


class MAPPO(LearnedPolicy):
    """Proximal policy optimisation with a value network of the team, trained together."""

    name = "mappo"
