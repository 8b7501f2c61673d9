"""FedSAC in which averaging policies averages the moments of their optimisers too.

Algorithm 1 averages policies and says nothing about what the agents' optimisers remember. In
FedSAC here each agent keeps its own; this is the other reading.
"""

from __future__ import annotations

from qnetsim.learning.fedsac import FedSACLearner
from qnetsim.learning.learner import LearnerSetting
from qnetsim.learning.train import Training


class SharedMomentsLearner(FedSACLearner):
    """FedSAC whose agents share the moments of Adam whenever they share their policies."""

    def share(self) -> None:
        """Average policies, then both moments."""
        super().share()
        if self.updates % self.table.aggregate_every == 0:
            sizes = self.policy[0].new_full((self.agents,), float(self.replay.size))
            kept = self._policy_adam.tensors()
            for moment in ("exp_avg", "exp_avg_sq"):
                layers = [value for name, value in kept.items() if name.endswith(f".{moment}")]
                self.federation.average(layers, sizes)


def share_moments(training: Training) -> None:
    """Let a training of FedSAC, which has not begun, share moments."""
    learner = training.learner
    assert isinstance(learner, FedSACLearner)
    assert not training.curve.slots
    setting = LearnerSetting(
        learner.table,
        learner.spec,
        learner.agents,
        learner.seed,
        learner.training_seeds,
        learner.device,
    )
    training.learner = SharedMomentsLearner(setting, learner.federation)
