"""Soft actor-critic, Eqs (32)–(38): DecSAC as it stands, and the local half of FedSAC."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from qnetsim.learning.learner import Learner
from qnetsim.learning.networks import Adam, Layers, forward, gaussian, polyak, squashed
from qnetsim.learning.replay_buffer import Batch, ReplayBuffer
from qnetsim.policies.learned.features import ACTIONS, Spec
from qnetsim.scenario import LearningTable


class DecSACLearner(Learner):
    """Every agent is a manager: it sees rewards, and learns from its own experience alone.

    Twin Q networks are stacked too: the first ones of all managers, then the second ones.
    """

    def __init__(
        self, table: LearningTable, spec: Spec, agents: int, seed: int, members: Sequence[int]
    ) -> None:
        super().__init__(table, spec, agents, seed, members)
        self.managers = self.choose_managers()
        hidden = [table.hidden_units] * table.hidden_layers
        self.q_sizes = [spec.size + ACTIONS, *hidden, 1]
        count = self.managers.numel() // len(self.members)
        twins = [self.draw(f"q{i}", count, self.q_sizes) for i in (1, 2)]
        self.q: Layers = [
            torch.cat(pair).detach().requires_grad_() for pair in zip(*twins, strict=True)
        ]
        self.q_target: Layers = [layer.detach().clone() for layer in self.q]
        self._q_adam = Adam(self.q, table.q_rate)
        self._policy_adam = Adam(self.policy, table.policy_rate)
        self.replay = ReplayBuffer(self.stack, table.replay, spec.size)

    def choose_managers(self) -> Tensor:
        """Members of the stack that see rewards and have Q networks: all."""
        return torch.arange(self.stack)

    def borrowed(self) -> Layers:
        """Twin Q networks that each member of the stack uses; they get no gradient."""
        return [layer.detach() for layer in self.q]

    def remember(self, seen: Tensor, raw: Tensor, reward: Tensor, following: Tensor) -> None:
        """Store experiences; a controller's reward is 0 and never looked at."""
        kept = torch.zeros_like(reward)
        kept[self.managers] = reward[self.managers]
        self.replay.add(seen, torch.tanh(raw), kept, following)

    def iterate(self, epoch: int) -> None:
        """Local policy iterations: Q networks, targets, policies."""
        draws, batch = self.draws(epoch, "update"), self.table.batch
        for _ in range(self.table.updates_per_epoch):
            drawn = draws.integers(self.replay.size, self.agents, batch)
            experience = self.replay.take(drawn)
            noise = draws.noise(self.agents, batch), draws.noise(self.agents, batch)
            self.update(experience, *noise)
            self.updates += 1
            self.share()

    def share(self) -> None:
        """What agents tell each other after an update: nothing."""

    def update(self, batch: Batch, next_noise: Tensor, noise: Tensor) -> None:
        """One local policy iteration of all agents.

        Parameters
        ----------
        batch : Batch
        next_noise, noise : Tensor, shape (stack, batch, actions)
            ξ of Eq (37) for s(t+1) and s(t).
        """
        targets = self.targets(batch, next_noise)
        pairs = torch.cat([batch.seen, batch.action], dim=-1)[self.managers]
        values = forward(self.q, pairs.repeat(2, 1, 1))
        # Eq (34)
        self._q_adam.step((values - targets.repeat(2, 1, 1)).square().mean(dim=1).sum())
        polyak(self.q_target, self.q, self.table.target_coefficient)
        # Eqs (36) and (38)
        action, log_density = squashed(*gaussian(self.policy, batch.seen), noise)
        pairs = torch.cat([batch.seen, action], dim=-1)
        value = _least(self.borrowed(), pairs)
        self._policy_adam.step((self.table.temperature * log_density - value).mean(dim=1).sum())

    @torch.no_grad()
    def targets(self, batch: Batch, noise: Tensor) -> Tensor:
        """Y of Eq (35) for the managers, shape (managers, batch, 1)."""
        m, table = self.managers, self.table
        reward = batch.reward[m]
        if table.discount == 0:
            return reward
        following = batch.following[m]
        policy = [layer[m] for layer in self.policy]
        action, log_density = squashed(*gaussian(policy, following), noise[m])
        pairs = torch.cat([following, action], dim=-1)
        value = _least(self.q_target, pairs)
        return reward + table.discount * (value - table.temperature * log_density)

    def tensors(self) -> dict[str, Tensor]:
        """Policies, Q networks, targets, moments and replay buffers."""
        lists = {"policy": self.policy, "q": self.q, "q_target": self.q_target}
        found = {f"{name}.{i}": t for name, ts in lists.items() for i, t in enumerate(ts)}
        for name, adam in (("q_adam", self._q_adam), ("policy_adam", self._policy_adam)):
            found |= {f"{name}.{key}": value for key, value in adam.tensors().items()}
        return {**found, "replay": self.replay.rows, "count": self.replay.counts}


def _least(twins: Layers, pairs: Tensor) -> Tensor:
    """Smaller value of two Q networks, stacked one after the other."""
    first, second = forward(twins, pairs.repeat(2, 1, 1)).chunk(2)
    return torch.minimum(first, second)
