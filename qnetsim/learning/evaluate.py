"""What the policies of a training are worth, in worlds that it never meets."""

from __future__ import annotations

import numpy as np
import torch

from qnetsim.arrays import FloatArray
from qnetsim.case import Case
from qnetsim.learning.environment import ArrayCore
from qnetsim.learning.learner import Draws, Learner

#: Worlds for each seed, and slots that are left out at the start and counted after them. Where
#: costs are expected ones there is little noise to average out.
WORLDS, EXPECTED_SLOTS, REALISED_SLOTS = 8, 8, 100


class Evaluation:
    """Deterministic and stochastic cost over C*, sip's expected cost under the forecast."""

    def __init__(self, case: Case, members: int) -> None:
        self._members = members
        self._core = ArrayCore(case, list(range(WORLDS)) * members, "evaluation")
        self._expected = case.scenario.learning.reward_cost == "expected"
        self._slots = EXPECTED_SLOTS if self._expected else REALISED_SLOTS

    def cost(self, learner: Learner, epoch: int) -> FloatArray:
        """Cost over C* of each seed's policies: with mean actions, and with drawn ones.

        Returns
        -------
        ndarray of float64, shape (2, seeds)
        """
        return np.stack(
            [self._played(learner, None), self._played(learner, learner.draws(epoch, "evaluate"))]
        )

    def _played(self, learner: Learner, draws: Draws | None) -> FloatArray:
        core, warm = self._core, learner.table.history
        core.reset()
        total = np.zeros(core.worlds)
        for slot in range(warm + self._slots):
            noise = draws.noise(learner.agents, WORLDS) if draws else None
            raw = learner.act(stacked(core.observe(), self._members), noise)
            core.step(unstacked(torch.tanh(raw), self._members))
            if slot >= warm:
                cost = core.costs.expected(*core.reserved) if self._expected else core.cost
                total += cost.sum(axis=1)
        ratio = total / (self._slots * core.costs.best.sum())
        return np.asarray(ratio.reshape(self._members, WORLDS).mean(axis=1))


def stacked(seen: np.ndarray, members: int) -> torch.Tensor:
    """From (seeds × worlds, units, inputs) to (seeds × units, worlds, inputs)."""
    worlds = len(seen) // members
    grouped = seen.reshape(members, worlds, *seen.shape[1:]).swapaxes(1, 2)
    return torch.from_numpy(np.ascontiguousarray(grouped)).reshape(-1, worlds, seen.shape[-1])


def unstacked(action: torch.Tensor, members: int) -> np.ndarray:
    """From (seeds × units, worlds, actions) to (seeds × worlds, units, actions)."""
    grouped = action.numpy().reshape(members, -1, *action.shape[1:]).swapaxes(1, 2)
    return grouped.reshape(-1, *grouped.shape[2:])
