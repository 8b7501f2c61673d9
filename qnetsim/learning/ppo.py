"""Proximal policy optimisation, decentralised: the paper's baseline DecPPO (its reference 60)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from qnetsim.learning.learner import Learner
from qnetsim.learning.networks import Adam, forward, gaussian, log_density
from qnetsim.policies.learned.features import Spec
from qnetsim.scenario import LearningTable


class DecPPOLearner(Learner):
    """Every agent sees rewards, and learns from what it did in the last epoch alone.

    The policy is the squashed Gaussian of Eq (37); the temperature τ weighs its entropy, estimated
    by −log π of fresh actions.
    """

    def __init__(
        self, table: LearningTable, spec: Spec, agents: int, seed: int, members: Sequence[int]
    ) -> None:
        super().__init__(table, spec, agents, seed, members)
        hidden = [table.hidden_units] * table.hidden_layers
        self.value = self.draw("value", agents, [spec.size, *hidden, 1])
        self._value_adam = Adam(self.value, table.q_rate)
        self._policy_adam = Adam(self.policy, table.policy_rate)
        self._slots: list[tuple[Tensor, ...]] = []

    def remember(self, seen: Tensor, raw: Tensor, reward: Tensor, following: Tensor) -> None:
        """Keep the slots of this epoch."""
        self._slots.append((seen, raw, reward, following))

    def iterate(self, epoch: int) -> None:
        """Work out advantages, then take mini-batches of the epoch's slots."""
        draws, table = self.draws(epoch, "update"), self.table
        columns = zip(*self._slots, strict=True)
        seen, raw, reward, following = (torch.cat(column, dim=1) for column in columns)
        self._slots = []
        with torch.no_grad():
            before = log_density(*gaussian(self.policy, seen), raw)
            values = forward(self.value, seen)
            advantage = self._advantages(reward, values, forward(self.value, following))
        returns = advantage + values
        rows = torch.arange(self.stack)[:, None]
        for _ in range(table.updates_per_epoch):
            places = draws.integers(seen.shape[1], self.agents, table.batch)
            batch = (x[rows, places] for x in (seen, raw, advantage, returns, before))
            self.update(*batch)
            self.updates += 1

    def _advantages(self, reward: Tensor, values: Tensor, following: Tensor) -> Tensor:
        """Generalised advantage estimates; the epoch's last slot is followed by its value."""
        table = self.table
        surprise = reward + table.discount * following - values
        found, running = torch.empty_like(surprise), torch.zeros_like(surprise[:, 0])
        for slot in reversed(range(surprise.shape[1])):
            running = surprise[:, slot] + table.discount * table.trace_decay * running
            found[:, slot] = running
        return found

    def update(
        self, seen: Tensor, raw: Tensor, advantage: Tensor, returns: Tensor, before: Tensor
    ) -> None:
        """One update of all agents from a mini-batch, each of shape (stack, batch, …)."""
        table = self.table
        values = forward(self.value, seen)
        self._value_adam.step((values - returns).square().mean(dim=1).sum())
        spread = advantage.std(dim=1, keepdim=True) if advantage.shape[1] > 1 else 0.0
        scaled = (advantage - advantage.mean(dim=1, keepdim=True)) / (spread + 1e-8)
        density = log_density(*gaussian(self.policy, seen), raw)
        ratio = (density - before).exp()
        clipped = ratio.clamp(1 - table.clip, 1 + table.clip)
        gain = torch.minimum(ratio * scaled, clipped * scaled)
        # d/dφ of the entropy by the score function: −log π weighs the log of the same density
        entropy = -(density.detach() * ratio)
        self._policy_adam.step(-(gain + table.temperature * entropy).mean(dim=1).sum())

    def tensors(self) -> dict[str, Tensor]:
        """Policies, values and moments; nothing is kept from one epoch to the next."""
        lists = {"policy": self.policy, "value": self.value}
        found = {f"{name}.{i}": t for name, ts in lists.items() for i, t in enumerate(ts)}
        for name, adam in (("value_adam", self._value_adam), ("policy_adam", self._policy_adam)):
            found |= {f"{name}.{key}": value for key, value in adam.tensors().items()}
        return found
