"""MAPPO: proximal policy optimisation, trained together and executed alone; a baseline.

One value network sees the observations of all agents; each agent's policy sees its own only. It is
DecPPO but for that network and for the reward, which is the team's.
"""

from __future__ import annotations

from torch import Tensor

from qnetsim.learning.learner import Draws
from qnetsim.learning.networks import Layers, forward
from qnetsim.learning.ppo import DecPPOLearner
from qnetsim.learning.team import joint, team_reward


class MAPPOLearner(DecPPOLearner):
    """Agents with policies of their own, and a value network of the team."""

    def draw_value(self, hidden: list[int]) -> Layers:
        """One value network for each seed."""
        return self.draw("value", 1, [self.agents * self.spec.size, *hidden, 1])

    def values(self, observation: Tensor) -> Tensor:
        """What the team's situation is worth, the same for all its agents."""
        worth = forward(self.value, joint(observation, self.agents))
        return worth.repeat_interleave(self.agents, dim=0)

    def places(self, draws: Draws, slots: int) -> Tensor:
        """The same slots for all agents of a seed: a situation is what all of them see."""
        drawn = draws.integers(slots, 1, self.table.batch)
        return drawn.repeat_interleave(self.agents, dim=0)

    def remember(
        self, observation: Tensor, raw_action: Tensor, reward: Tensor, next_observation: Tensor
    ) -> None:
        """Keep the slots of this epoch with the team's reward."""
        shared = team_reward(reward, self.agents)
        super().remember(observation, raw_action, shared, next_observation)
