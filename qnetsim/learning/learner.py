"""What every learner has: the agents of all training seeds in one stack, and named streams."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from qnetsim import seeds
from qnetsim.learning.networks import Layers, draw_layers, gaussian
from qnetsim.policies.learned.spec import ACTIONS, Spec
from qnetsim.scenario import LearningTable

#: Where everything is unless another device is asked for.
CPU = torch.device("cpu")


class Draws:
    """Random numbers of one epoch: a stream for each training seed, so none shares another's.

    There is nothing to save: the stream of an epoch is known by its name.

    Parameters
    ----------
    seed : int
        The scenario's.
    training_seeds : sequence of int
    epoch : int
    purpose : str
    device : torch.device
        Where the numbers are wanted. They are drawn on the CPU, the same ones for all devices.
    """

    def __init__(
        self,
        seed: int,
        training_seeds: Sequence[int],
        epoch: int,
        purpose: str,
        device: torch.device = CPU,
    ) -> None:
        self._device = device
        self.bits = [
            seeds.stream(seed, "learning", purpose, training_seed, epoch)
            for training_seed in training_seeds
        ]
        self._normal = [np.random.Generator(bits) for bits in self.bits]

    def noise(self, agents: int, batch: int) -> Tensor:
        """Standard normal numbers, shape (seeds × agents, batch, actions)."""
        shape = agents, batch, ACTIONS
        drawn = [normal.standard_normal(shape, dtype=np.float32) for normal in self._normal]
        return torch.from_numpy(np.concatenate(drawn)).to(self._device)

    def integers(self, bound: int, agents: int, count: int) -> Tensor:
        """Integers below the bound, shape (seeds × agents, count)."""
        drawn = [seeds.integers(bits, bound, agents * count) for bits in self.bits]
        return torch.from_numpy(np.concatenate(drawn).reshape(-1, count)).to(self._device)


@dataclass(frozen=True)
class LearnerSetting:
    """What every learner is told of its agents.

    Attributes
    ----------
    table : LearningTable
    spec : Spec
        What the agents see, and what their actions mean.
    agents : int
        Decision units of one training seed.
    seed : int
        The scenario's, or that of the training.
    training_seeds : tuple of int
        Trainings side by side; each has networks and draws of its own.
    device : torch.device
        Where networks and experiences are kept.
    """

    table: LearningTable
    spec: Spec
    agents: int
    seed: int
    training_seeds: tuple[int, ...]
    device: torch.device = CPU


class Learner(ABC):
    """Agents that learn; a stack of seeds × agents, agents fastest.

    Parameters
    ----------
    setting : LearnerSetting

    Attributes
    ----------
    updates : int
        Updates that are done.
    policy : list of Tensor
        Policy networks of the whole stack.
    """

    #: Whether all agents have one policy in the end.
    shared = False

    def __init__(self, setting: LearnerSetting) -> None:
        self.table = setting.table
        self.spec = setting.spec
        self.agents = setting.agents
        self.seed = setting.seed
        self.training_seeds = setting.training_seeds
        self.device = setting.device
        table = setting.table
        self.updates = 0
        hidden = [table.hidden_units] * table.hidden_layers
        self.policy_sizes = [self.spec.size, *hidden, 2 * ACTIONS]
        self.policy = self.draw("policy", self.agents, self.policy_sizes, same=self.shared)

    @property
    def stack(self) -> int:
        """Size of the stack: seeds × agents."""
        return len(self.training_seeds) * self.agents

    def draw(self, purpose: str, count: int, sizes: Sequence[int], *, same: bool = False) -> Layers:
        """Initial networks of every seed, ``count`` of them each."""
        each = [
            draw_layers(
                seeds.stream(self.seed, "learning", "initial", purpose, training_seed),
                count,
                sizes,
                same=same,
            )
            for training_seed in self.training_seeds
        ]
        return [
            torch.cat(same_layer).detach().to(self.device).requires_grad_()
            for same_layer in zip(*each, strict=True)
        ]

    def draws(self, epoch: int, purpose: str) -> Draws:
        """Random numbers of an epoch for a purpose."""
        return Draws(self.seed, self.training_seeds, epoch, purpose, self.device)

    def rows_of(self, place: int) -> slice:
        """Rows of the policies of one training seed, by its position."""
        return slice(place * self.agents, (place + 1) * self.agents)

    @torch.no_grad()
    def act(self, observation: Tensor, noise: Tensor | None) -> Tensor:
        """Actions before squashing, shape (stack, batch, actions); without noise the mean."""
        mean, log_deviation = gaussian(self.policy, observation.to(self.device))
        return mean if noise is None else mean + log_deviation.exp() * noise

    @abstractmethod
    def remember(
        self, observation: Tensor, raw_action: Tensor, reward: Tensor, next_observation: Tensor
    ) -> None:
        """Store a slot's experience of every agent, each of shape (stack, worlds, …).

        Parameters
        ----------
        observation, next_observation : Tensor
            s(t) and s(t+1).
        raw_action : Tensor
            The action before squashing by tanh.
        reward : Tensor
        """

    @abstractmethod
    def iterate(self, epoch: int) -> None:
        """The local policy iterations of an epoch."""

    @abstractmethod
    def tensors(self) -> dict[str, Tensor]:
        """Everything that a resumed training needs; restored in place."""
