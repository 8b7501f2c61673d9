"""Proximal policy optimisation, decentralised: the paper's baseline DecPPO (its reference 60)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from qnetsim.learning.learner import Draws, Learner, LearnerSetting
from qnetsim.learning.networks import Adam, Layers, forward, gaussian, log_density, named_tensors


@dataclass(frozen=True)
class AdvantageBatch:
    """Slots of every agent with what they were worth, of shape (stack, slots, …).

    Attributes
    ----------
    observation, raw_action : Tensor
    advantage : Tensor
    returns : Tensor
        Advantage plus value.
    log_density : Tensor
        Of the actions, under the policy that drew them.
    """

    observation: Tensor
    raw_action: Tensor
    advantage: Tensor
    returns: Tensor
    log_density: Tensor

    def take(self, rows: Tensor, places: Tensor) -> AdvantageBatch:
        """The slots at these places of each agent."""
        return AdvantageBatch(
            self.observation[rows, places],
            self.raw_action[rows, places],
            self.advantage[rows, places],
            self.returns[rows, places],
            self.log_density[rows, places],
        )


class DecPPOLearner(Learner):
    """Every agent sees rewards, and learns from what it did in the last epoch alone.

    The policy is the squashed Gaussian of Eq (37); the temperature τ weighs its entropy, estimated
    by −log π of fresh actions.
    """

    def __init__(self, setting: LearnerSetting) -> None:
        super().__init__(setting)
        table = setting.table
        hidden = [table.hidden_units] * table.hidden_layers
        self.value = self.draw_value(hidden)
        self._value_adam = Adam(self.value, table.q_rate)
        self._policy_adam = Adam(self.policy, table.policy_rate)
        self._slots: list[tuple[Tensor, ...]] = []

    def draw_value(self, hidden: list[int]) -> Layers:
        """Initial value networks, one for each agent."""
        return self.draw("value", self.agents, [self.spec.size, *hidden, 1])

    def values(self, observation: Tensor) -> Tensor:
        """What each agent's situation is worth, shape (stack, slots, 1)."""
        return forward(self.value, observation)

    def places(self, draws: Draws, slots: int) -> Tensor:
        """Slots of a mini-batch, shape (stack, batch); each agent draws its own."""
        return draws.integers(slots, self.agents, self.table.batch)

    def remember(
        self, observation: Tensor, raw_action: Tensor, reward: Tensor, next_observation: Tensor
    ) -> None:
        """Keep the slots of this epoch."""
        self._slots.append((observation, raw_action, reward, next_observation))

    def iterate(self, epoch: int) -> None:
        """Work out advantages, then take mini-batches of the epoch's slots."""
        draws = self.draws(epoch, "update")
        table = self.table
        columns = zip(*self._slots, strict=True)
        observation, raw_action, reward, next_observation = (
            torch.stack(column, dim=1).flatten(1, 2) for column in columns
        )
        worlds = self._slots[0][0].shape[1]
        self._slots = []
        with torch.no_grad():
            before = log_density(*gaussian(self.policy, observation), raw_action)
            values = self.values(observation)
            advantage = self._advantages(reward, values, self.values(next_observation), worlds)
        epoch_batch = AdvantageBatch(observation, raw_action, advantage, advantage + values, before)
        rows = torch.arange(self.stack, device=self.device)[:, None]
        for _ in range(table.updates_per_epoch):
            places = self.places(draws, observation.shape[1])
            self.update(epoch_batch.take(rows, places))
            self.updates += 1

    def _advantages(
        self, reward: Tensor, values: Tensor, next_values: Tensor, worlds: int
    ) -> Tensor:
        """Generalised advantage estimates, shape (stack, slots × worlds, 1), worlds fastest.

        After the epoch's last slot the value of the next observation stands for all that follows.
        """
        table = self.table
        temporal_difference = reward + table.discount * next_values - values
        # what follows a slot is the next slot of its world
        stack, slots, _ = temporal_difference.shape
        temporal_difference = temporal_difference.reshape(stack, slots // worlds, worlds, 1)
        found = torch.empty_like(temporal_difference)
        running = torch.zeros_like(temporal_difference[:, 0])
        for slot in reversed(range(temporal_difference.shape[1])):
            running = temporal_difference[:, slot] + table.discount * table.trace_decay * running
            found[:, slot] = running
        return found.flatten(1, 2)

    def update(self, batch: AdvantageBatch) -> None:
        """One update of all agents from a mini-batch."""
        table = self.table
        values = self.values(batch.observation)
        self._value_adam.step((values - batch.returns).square().mean(dim=1).sum())
        advantage = batch.advantage
        spread = advantage.std(dim=1, keepdim=True) if advantage.shape[1] > 1 else 0.0
        scaled = (advantage - advantage.mean(dim=1, keepdim=True)) / (spread + 1e-8)
        density = log_density(*gaussian(self.policy, batch.observation), batch.raw_action)
        ratio = (density - batch.log_density).exp()
        clipped = ratio.clamp(1 - table.clip, 1 + table.clip)
        gain = torch.minimum(ratio * scaled, clipped * scaled)
        # d/dφ of the entropy by the score function: −log π weighs the log of the same density
        entropy = -(density.detach() * ratio)
        self._policy_adam.step(-(gain + table.temperature * entropy).mean(dim=1).sum())

    def tensors(self) -> dict[str, Tensor]:
        """Policies, values and moments; nothing is kept from one epoch to the next."""
        return named_tensors(
            {"policy": self.policy, "value": self.value},
            {"value_adam": self._value_adam, "policy_adam": self._policy_adam},
        )
