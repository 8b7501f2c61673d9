"""Replay buffers of all agents, B_n and B_m of Algorithm 1."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from qnetsim.policies.learned.spec import ACTIONS


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
    device : torch.device
    """

    def __init__(self, agents: int, capacity: int, inputs: int, device: torch.device) -> None:
        self.capacity = capacity
        self._widths = [inputs, ACTIONS, 1, inputs]
        self.rows = torch.zeros(agents, capacity, sum(self._widths), device=device)
        #: Experiences written so far; a tensor, so that it is saved with the others.
        self.counts = torch.zeros(1, dtype=torch.int64)

    @property
    def size(self) -> int:
        """Experiences of each agent that are stored."""
        return min(int(self.counts), self.capacity)

    def add(
        self, observation: Tensor, action: Tensor, reward: Tensor, next_observation: Tensor
    ) -> None:
        """Store experiences of every agent, each of shape (agents, worlds, …).

        There are no more worlds than the capacity.
        """
        rows = torch.cat([observation, action, reward, next_observation], dim=-1)
        worlds = rows.shape[1]
        places = (int(self.counts) + torch.arange(worlds)) % self.capacity
        self.rows[:, places.to(rows.device)] = rows
        self.counts += worlds

    def take(self, places: Tensor) -> ExperienceBatch:
        """Experiences of every agent at these places, shape (agents, batch)."""
        agents = torch.arange(len(self.rows), device=self.rows.device)
        rows = self.rows[agents[:, None], places]
        return ExperienceBatch(*torch.split(rows, self._widths, dim=-1))
