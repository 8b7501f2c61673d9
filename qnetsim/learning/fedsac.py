"""FedSAC, Algorithm 1: managers lend their Q networks, policies are averaged.

Only network weights are exchanged between agents, never an experience or a reward.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from qnetsim.learning.federation import Federation
from qnetsim.learning.learner import LearnerSetting
from qnetsim.learning.networks import Layers
from qnetsim.learning.sac import DecSACLearner


class FedSACLearner(DecSACLearner):
    """Some agents are managers; the others are controllers, which see no reward.

    Parameters
    ----------
    setting : LearnerSetting
    federation : Federation
        Managers, lenders, and the transport of weights.
    """

    shared = True

    def __init__(self, setting: LearnerSetting, federation: Federation) -> None:
        self.federation = federation
        super().__init__(setting)

    def choose_managers(self) -> Tensor:
        """Managers of every seed."""
        return self._per_seed(self.federation.managers, self.agents)

    def borrowed(self) -> Layers:
        """Line 11: a controller borrows the Q networks of a manager; a manager has its own."""
        lender = self.federation.lenders(self.updates)
        places = self._per_seed(lender, len(self.federation.managers))
        both = torch.cat([places, places + len(self.managers)])
        return self.federation.lend(lender, [layer.detach()[both] for layer in self.q])

    def share(self) -> None:
        """Line 13: the policies are aggregated, Eq (39), and sent to all agents."""
        if self.updates % self.table.aggregate_every == 0:
            sizes = torch.full((self.agents,), float(self.replay.size), device=self.device)
            self.federation.average(self.policy, sizes)

    def _per_seed(self, places: Sequence[int], stride: int) -> Tensor:
        offsets = torch.arange(len(self.training_seeds))[:, None] * stride
        return (torch.tensor(places)[None] + offsets).flatten().to(self.device)
