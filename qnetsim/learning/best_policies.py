"""The best policies of a training so far, by their cost in the worlds of evaluation."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.learning.learner import Learner


class BestPolicies:
    """Policies of each training seed at the epoch whose mean actions cost least.

    Of equal costs the first one counts.

    Parameters
    ----------
    learner : Learner

    Attributes
    ----------
    policy : list of Tensor
        Of the whole stack.
    cost : ndarray of float64, shape (seeds,)
    epoch : ndarray of int64, shape (seeds,)
    """

    def __init__(self, learner: Learner) -> None:
        seeds = len(learner.training_seeds)
        self.policy = [layer.detach().clone() for layer in learner.policy]
        self.cost: FloatArray = np.full(seeds, np.inf)
        self.epoch: IntArray = np.zeros(seeds, np.int64)

    @torch.no_grad()
    def offer(self, learner: Learner, cost: FloatArray, epoch: int) -> None:
        """Keep the policies of the seeds that are cheaper than ever before."""
        for place in np.flatnonzero(cost < self.cost):
            rows = learner.rows_of(int(place))
            for kept, layer in zip(self.policy, learner.policy, strict=True):
                kept[rows] = layer.detach()[rows]
            self.cost[place] = cost[place]
            self.epoch[place] = epoch

    def tensors(self) -> dict[str, Tensor]:
        """What a resumed training needs; restored in place."""
        layers = {f"policy.{i}": layer for i, layer in enumerate(self.policy)}
        return {
            **layers,
            "cost": torch.from_numpy(self.cost),
            "epoch": torch.from_numpy(self.epoch),
        }
