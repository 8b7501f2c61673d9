"""Replay buffers of all agents, B_n and B_m of Algorithm 1."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from qnetsim.policies.learned.features import ACTIONS


@dataclass(frozen=True)
class ExperienceBatch:
    """Experiences of every agent: s(t), a(t), R, s(t+1), of shape (agents, batch, …)."""

    observation: Tensor
    action: Tensor
    reward: Tensor
    next_observation: Tensor


class ReplayBuffer:
    """The last experiences of every agent; each samples from its own only.

    Parameters
    ----------
    agents, capacity, inputs : int
    """

    def __init__(self, agents: int, capacity: int, inputs: int) -> None:
        self.capacity = capacity
        self._widths = [inputs, ACTIONS, 1, inputs]
        self.rows = torch.zeros(agents, capacity, sum(self._widths))
        #: Experiences written so far; a tensor, so that it is saved with the others.
        self.counts = torch.zeros(1, dtype=torch.int64)

    @property
    def size(self) -> int:
        """Experiences of each agent that are stored."""
        return min(int(self.counts), self.capacity)

    def add(
        self, observation: Tensor, action: Tensor, reward: Tensor, next_observation: Tensor
    ) -> None:
        """Store one experience of every agent, each of shape (agents, 1, …)."""
        row = torch.cat([observation, action, reward, next_observation], dim=-1)
        self.rows[:, int(self.counts) % self.capacity] = row[:, 0]
        self.counts += 1

    def take(self, places: Tensor) -> ExperienceBatch:
        """Experiences of every agent at these places, shape (agents, batch)."""
        rows = self.rows[torch.arange(len(self.rows))[:, None], places]
        return ExperienceBatch(*torch.split(rows, self._widths, dim=-1))
