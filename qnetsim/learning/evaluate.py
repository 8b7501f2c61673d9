"""Evaluation: cost of the policies of a training, in worlds that are not trained on."""

from __future__ import annotations

import numpy as np
import torch

from qnetsim.arrays import FloatArray
from qnetsim.case import Case
from qnetsim.learning.kernel_environment import new_environment
from qnetsim.learning.learner import Draws, Learner

#: Worlds for each training seed.
WORLDS = 8
#: Slots that are counted. With expected costs there is little noise to average out.
EXPECTED_SLOTS = 8
REALISED_SLOTS = 100


class Evaluation:
    """Costs of mean and of drawn actions over C*, the expected cost of sip under the forecast.

    The slots of one observation history are played first and not counted.

    Parameters
    ----------
    case : Case
    seeds : int
        Training seeds.
    purpose : str
        Of the worlds; other purposes are other worlds.
    """

    def __init__(self, case: Case, seeds: int, purpose: str = "evaluation") -> None:
        self._seeds = seeds
        self._expected = case.scenario.learning.reward_cost == "expected"
        self._slots = EXPECTED_SLOTS if self._expected else REALISED_SLOTS
        self._environment = new_environment(
            case,
            list(range(WORLDS)) * seeds,
            purpose,
            slots=case.scenario.learning.history + self._slots,
        )

    def cost(self, learner: Learner, epoch: int) -> FloatArray:
        """Cost over C* of each seed's policies: with mean actions, and with drawn ones.

        Returns
        -------
        ndarray of float64, shape (2, seeds)
        """
        draws = learner.draws(epoch, "evaluate")
        return np.stack([self.cost_of_mean_actions(learner), self._mean_cost(learner, draws)])

    def cost_of_mean_actions(self, learner: Learner) -> FloatArray:
        """Cost over C* of each seed's policies with mean actions, shape (seeds,)."""
        return self._mean_cost(learner, None)

    def _mean_cost(self, learner: Learner, draws: Draws | None) -> FloatArray:
        environment = self._environment
        uncounted = learner.table.history
        environment.reset()
        total = np.zeros(environment.worlds)
        for slot in range(uncounted + self._slots):
            noise = draws.noise(learner.agents, WORLDS) if draws else None
            raw_action = learner.act(to_agent_stack(environment.observe(), self._seeds), noise)
            environment.step(from_agent_stack(torch.tanh(raw_action), self._seeds))
            if slot >= uncounted:
                cost = environment.cost
                if self._expected:
                    cost = environment.costs.expected(*environment.reserved)
                total += cost.sum(axis=1)
        ratio = total / (self._slots * environment.costs.best.sum())
        return np.asarray(ratio.reshape(self._seeds, WORLDS).mean(axis=1))


def to_agent_stack(observations: np.ndarray, seeds: int) -> torch.Tensor:
    """From (seeds × worlds, units, inputs) to (seeds × units, worlds, inputs)."""
    worlds = len(observations) // seeds
    grouped = observations.reshape(seeds, worlds, *observations.shape[1:]).swapaxes(1, 2)
    return torch.from_numpy(np.ascontiguousarray(grouped)).reshape(
        -1, worlds, observations.shape[-1]
    )


def from_agent_stack(actions: torch.Tensor, seeds: int) -> np.ndarray:
    """From (seeds × units, worlds, actions) to (seeds × worlds, units, actions)."""
    grouped = actions.cpu().numpy().reshape(seeds, -1, *actions.shape[1:]).swapaxes(1, 2)
    return grouped.reshape(-1, *grouped.shape[2:])
