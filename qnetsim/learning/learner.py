"""What every learner has: agents in a stack, seeds as further members of it, streams by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from qnetsim import seeds
from qnetsim.learning.networks import Layers, draw_layers, gaussian
from qnetsim.policies.learned.features import ACTIONS, Spec
from qnetsim.scenario import LearningTable


class Draws:
    """Random numbers of one epoch: a stream for each seed, so that seeds never meet.

    There is nothing to save: the stream of an epoch is known by its name.
    """

    def __init__(self, seed: int, members: Sequence[int], epoch: int, purpose: str) -> None:
        names = [("learning", purpose, member, epoch) for member in members]
        self.bits = [seeds.stream(seed, *name) for name in names]
        self._normal = [np.random.Generator(bits) for bits in self.bits]

    def noise(self, agents: int, batch: int) -> Tensor:
        """Standard normal numbers, shape (seeds × agents, batch, actions)."""
        shape = agents, batch, ACTIONS
        drawn = [normal.standard_normal(shape, dtype=np.float32) for normal in self._normal]
        return torch.from_numpy(np.concatenate(drawn))

    def integers(self, bound: int, agents: int, count: int) -> Tensor:
        """Integers below the bound, shape (seeds × agents, count)."""
        drawn = [seeds.integers(bits, bound, agents * count) for bits in self.bits]
        return torch.from_numpy(np.concatenate(drawn).reshape(-1, count))


class Learner(ABC):
    """Agents that learn; a stack of seeds × agents, agents fastest.

    Parameters
    ----------
    table : LearningTable
    spec : Spec
    agents : int
        Units that decide.
    seed : int
        The scenario's.
    members : sequence of int
        Training seeds.
    """

    #: Whether all agents have one policy in the end.
    shared = False

    def __init__(
        self, table: LearningTable, spec: Spec, agents: int, seed: int, members: Sequence[int]
    ) -> None:
        self.table, self.spec, self.agents = table, spec, agents
        self.seed, self.members = seed, tuple(members)
        self.updates = 0
        hidden = [table.hidden_units] * table.hidden_layers
        self.policy_sizes = [spec.size, *hidden, 2 * ACTIONS]
        self.policy = self.draw("policy", agents, self.policy_sizes, same=self.shared)

    @property
    def stack(self) -> int:
        """Members of the stack: seeds × agents."""
        return len(self.members) * self.agents

    def draw(self, purpose: str, count: int, sizes: Sequence[int], *, same: bool = False) -> Layers:
        """Initial networks of every seed, ``count`` of them each."""
        each = [
            draw_layers(
                seeds.stream(self.seed, "learning", "initial", purpose, member),
                count,
                sizes,
                same=same,
            )
            for member in self.members
        ]
        return [
            torch.cat(same_layer).detach().requires_grad_()
            for same_layer in zip(*each, strict=True)
        ]

    def draws(self, epoch: int, purpose: str) -> Draws:
        """Random numbers of an epoch for a purpose."""
        return Draws(self.seed, self.members, epoch, purpose)

    @torch.no_grad()
    def act(self, seen: Tensor, noise: Tensor | None) -> Tensor:
        """Actions before squashing, shape (stack, batch, actions); without noise the mean."""
        mean, log_deviation = gaussian(self.policy, seen)
        return mean if noise is None else mean + log_deviation.exp() * noise

    @abstractmethod
    def remember(self, seen: Tensor, raw: Tensor, reward: Tensor, following: Tensor) -> None:
        """Store a slot's experience of every agent, each of shape (stack, 1, …)."""

    @abstractmethod
    def iterate(self, epoch: int) -> None:
        """The local policy iterations of an epoch."""

    @abstractmethod
    def tensors(self) -> dict[str, Tensor]:
        """Everything that a resumed training needs; restored in place."""
