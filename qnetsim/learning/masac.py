"""MASAC: soft actor-critic, trained together and executed alone; a baseline beside the paper's.

One pair of Q networks sees the observations and actions of all agents; each agent's policy sees its
own observation only. So a policy needs nobody else where it is used, and the Q networks, which
training throws away, need not guess what the other agents did.
"""

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
from qnetsim.learning.team import joint, team_reward
from qnetsim.policies.learned.spec import ACTIONS


class MASACLearner(Learner):
    """Agents with policies of their own, and Q networks of the team.

    All are rewarded by the mean of their rewards; where the network's cost is rewarded it is the
    same for all. An update of all agents takes one mini-batch of slots.
    """

    def __init__(self, setting: LearnerSetting) -> None:
        super().__init__(setting)
        table = setting.table
        hidden = [table.hidden_units] * table.hidden_layers
        self.q_sizes = [self.agents * (self.spec.size + ACTIONS), *hidden, 1]
        twins = [self.draw(f"q{i}", 1, self.q_sizes) for i in (1, 2)]
        #: The first Q networks of all seeds, then the second ones.
        self.q: Layers = [
            torch.cat(pair).detach().requires_grad_() for pair in zip(*twins, strict=True)
        ]
        self.q_target: Layers = [layer.detach().clone() for layer in self.q]
        self._q_adam = Adam(self.q, table.q_rate)
        self._policy_adam = Adam(self.policy, table.policy_rate)
        self.replay = ReplayBuffer(self.stack, table.replay, self.spec.size, self.device)

    def remember(
        self, observation: Tensor, raw_action: Tensor, reward: Tensor, next_observation: Tensor
    ) -> None:
        """Store experiences with the team's reward."""
        shared = team_reward(reward, self.agents)
        self.replay.add(observation, torch.tanh(raw_action), shared, next_observation)

    def iterate(self, epoch: int) -> None:
        """Updates of an epoch; all agents of a seed learn from the same slots."""
        draws = self.draws(epoch, "update")
        batch = self.table.batch
        for _ in range(self.table.updates_per_epoch):
            places = draws.integers(self.replay.size, 1, batch)
            experience = self.replay.take(places.repeat_interleave(self.agents, dim=0))
            next_noise = draws.noise(self.agents, batch)
            noise = draws.noise(self.agents, batch)
            self.update(experience, next_noise, noise)
            self.updates += 1

    def update(self, batch: ExperienceBatch, next_noise: Tensor, noise: Tensor) -> None:
        """One update of the Q networks, then one of all policies.

        Parameters
        ----------
        batch : ExperienceBatch
            The same slots for all agents of a seed.
        next_noise, noise : Tensor, shape (stack, batch, actions)
            Of the actions that are drawn for s(t+1) and s(t).
        """
        targets = self.targets(batch, next_noise)
        values = forward(self.q, self._seen(batch.observation, batch.action).repeat(2, 1, 1))
        self._q_adam.step((values - targets.repeat(2, 1, 1)).square().mean(dim=1).sum())
        polyak(self.q_target, self.q, self.table.target_coefficient)
        action, log_density = squashed(*gaussian(self.policy, batch.observation), noise)
        value = self._least([layer.detach() for layer in self.q], batch.observation, action)
        entropy = -self._of_team(log_density)
        self._policy_adam.step(-(value + self.table.temperature * entropy).mean(dim=1).sum())

    @torch.no_grad()
    def targets(self, batch: ExperienceBatch, noise: Tensor) -> Tensor:
        """What the Q networks are drawn to, shape (seeds, batch, 1)."""
        table = self.table
        reward = batch.reward[:: self.agents]
        if table.discount == 0:
            return reward
        observation = batch.next_observation
        action, log_density = squashed(*gaussian(self.policy, observation), noise)
        value = self._least(self.q_target, observation, action)
        return reward + table.discount * (value - table.temperature * self._of_team(log_density))

    def _seen(self, observation: Tensor, action: Tensor) -> Tensor:
        """What the Q networks see, shape (seeds, batch, inputs)."""
        return joint(torch.cat([observation, action], dim=-1), self.agents)

    def _least(self, twins: Layers, observation: Tensor, action: Tensor) -> Tensor:
        """Smaller value of the two Q networks, shape (seeds, batch, 1)."""
        first, second = forward(twins, self._seen(observation, action).repeat(2, 1, 1)).chunk(2)
        return torch.minimum(first, second)

    def _of_team(self, log_density: Tensor) -> Tensor:
        """Logarithm of the density of all agents' actions together, shape (seeds, batch, 1)."""
        return joint(log_density, self.agents).sum(dim=-1, keepdim=True)

    def tensors(self) -> dict[str, Tensor]:
        """Policies, Q networks, targets, moments and replay buffers."""
        found = named_tensors(
            {"policy": self.policy, "q": self.q, "q_target": self.q_target},
            {"q_adam": self._q_adam, "policy_adam": self._policy_adam},
        )
        return {**found, "replay": self.replay.rows, "count": self.replay.counts}
