"""Soft actor-critic, Eqs (32)–(38): DecSAC as it stands, and the local half of FedSAC."""

from __future__ import annotations

import torch
from torch import Tensor

from qnetsim.learning.learner import Learner, LearnerSetting
from qnetsim.learning.networks import (
    Adam,
    Layers,
    forward,
    gaussian,
    named_tensors,
    polyak,
    squashed,
)
from qnetsim.learning.replay_buffer import ExperienceBatch, ReplayBuffer
from qnetsim.policies.learned.spec import ACTIONS


class DecSACLearner(Learner):
    """Every agent is a manager: it sees rewards, and learns from its own experience alone.

    Twin Q networks are stacked too: the first ones of all managers, then the second ones.
    """

    def __init__(self, setting: LearnerSetting) -> None:
        super().__init__(setting)
        table = setting.table
        self.managers = self.choose_managers()
        hidden = [table.hidden_units] * table.hidden_layers
        self.q_sizes = [self.spec.size + ACTIONS, *hidden, 1]
        count = self.managers.numel() // len(self.training_seeds)
        twins = [self.draw(f"q{i}", count, self.q_sizes) for i in (1, 2)]
        self.q: Layers = [
            torch.cat(pair).detach().requires_grad_() for pair in zip(*twins, strict=True)
        ]
        self.q_target: Layers = [layer.detach().clone() for layer in self.q]
        self._q_adam = Adam(self.q, table.q_rate)
        self._policy_adam = Adam(self.policy, table.policy_rate)
        #: α of offline training; None where agents learn from what they do themselves.
        self.value_weight: float | None = None
        self.replay = ReplayBuffer(self.stack, table.replay, self.spec.size, self.device)

    def choose_managers(self) -> Tensor:
        """Positions in the stack that see rewards and have Q networks: all."""
        return torch.arange(self.stack, device=self.device)

    def borrowed(self) -> Layers:
        """Twin Q networks that each agent of the stack uses; they get no gradient."""
        return [layer.detach() for layer in self.q]

    def remember(
        self, observation: Tensor, raw_action: Tensor, reward: Tensor, next_observation: Tensor
    ) -> None:
        """Store experiences; a controller's reward is 0 and never used."""
        kept = torch.zeros_like(reward)
        kept[self.managers] = reward[self.managers]
        self.replay.add(observation, torch.tanh(raw_action), kept, next_observation)

    def iterate(self, epoch: int) -> None:
        """Local policy iterations: Q networks, targets, policies."""
        draws = self.draws(epoch, "update")
        batch = self.table.batch
        for _ in range(self.table.updates_per_epoch):
            drawn = draws.integers(self.replay.size, self.agents, batch)
            experience = self.replay.take(drawn)
            next_noise = draws.noise(self.agents, batch)
            noise = draws.noise(self.agents, batch)
            self.update(experience, next_noise, noise)
            self.updates += 1
            self.share()

    def share(self) -> None:
        """Exchange weights after an update; here the agents exchange nothing."""

    def update(self, batch: ExperienceBatch, next_noise: Tensor, noise: Tensor) -> None:
        """One local policy iteration of all agents.

        Parameters
        ----------
        batch : ExperienceBatch
        next_noise, noise : Tensor, shape (stack, batch, actions)
            ξ of Eq (37) for s(t+1) and s(t).
        """
        targets = self.targets(batch, next_noise)
        pairs = torch.cat([batch.observation, batch.action], dim=-1)[self.managers]
        values = forward(self.q, pairs.repeat(2, 1, 1))
        # Eq (34)
        self._q_adam.step((values - targets.repeat(2, 1, 1)).square().mean(dim=1).sum())
        polyak(self.q_target, self.q, self.table.target_coefficient)
        # Eqs (36) and (38)
        action, log_density = squashed(*gaussian(self.policy, batch.observation), noise)
        pairs = torch.cat([batch.observation, action], dim=-1)
        value = _least(self.borrowed(), pairs)
        if self.value_weight is not None:
            # as in TD3+BC; the scale of Q gets no gradient
            value = value * self.value_weight / value.detach().abs().mean(dim=1, keepdim=True)
            value = value - (action - batch.action).square().sum(dim=-1, keepdim=True)
        self._policy_adam.step((self.table.temperature * log_density - value).mean(dim=1).sum())

    @torch.no_grad()
    def targets(self, batch: ExperienceBatch, noise: Tensor) -> Tensor:
        """Y of Eq (35) for the managers, shape (managers, batch, 1)."""
        managers = self.managers
        table = self.table
        reward = batch.reward[managers]
        if table.discount == 0:
            return reward
        observation = batch.next_observation[managers]
        policy = [layer[managers] for layer in self.policy]
        action, log_density = squashed(*gaussian(policy, observation), noise[managers])
        pairs = torch.cat([observation, action], dim=-1)
        value = _least(self.q_target, pairs)
        return reward + table.discount * (value - table.temperature * log_density)

    def tensors(self) -> dict[str, Tensor]:
        """Policies, Q networks, targets, moments and replay buffers."""
        found = named_tensors(
            {"policy": self.policy, "q": self.q, "q_target": self.q_target},
            {"q_adam": self._q_adam, "policy_adam": self._policy_adam},
        )
        return {**found, "replay": self.replay.rows, "count": self.replay.counts}


def _least(twins: Layers, pairs: Tensor) -> Tensor:
    """Smaller value of two Q networks, stacked one after the other."""
    first, second = forward(twins, pairs.repeat(2, 1, 1)).chunk(2)
    return torch.minimum(first, second)
