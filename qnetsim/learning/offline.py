"""Offline training: SAC on what traces hold, held near what was done there.

The policy goes up the gradient of ``α·Q / mean |Q|`` less the squared distance of its action from
the recorded one, as TD3+BC does (Fujimoto and Gu, 2021, with α = 2.5); α = 0 is behaviour cloning.
Nothing is played; worlds of evaluation are simulated all the same, to tell what came of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from qnetsim.case import Case
from qnetsim.errors import UsageError, argument
from qnetsim.learning.admitted import by_known_costs
from qnetsim.learning.evaluate import to_agent_stack
from qnetsim.learning.offline_data import RecordedEpisode, read_episodes
from qnetsim.learning.options import TrainingOptions
from qnetsim.learning.replay_buffer import ReplayBuffer
from qnetsim.learning.sac import DecSACLearner
from qnetsim.learning.train import Training

#: Learners that may learn from what others did.
ALGORITHMS = ("fedsac", "decsac")
#: Recorded actions are kept off the ends, where tanh has no inverse.
END = 1 - 1e-6


class OfflineTraining(Training):
    """A training that reads all its experience from traces.

    Rewards are realised costs, whatever ``reward_cost`` says. Worlds of evaluation go by expected
    ones only where these are known; elsewhere ``case`` has ``reward_cost = "realised"``.

    Parameters
    ----------
    case : Case
    algorithm : {"fedsac", "decsac"}
    training_seeds : sequence of int
    episodes : sequence of RecordedEpisode
    value_weight : float
        α.
    options : TrainingOptions, optional

    Raises
    ------
    UsageError
        The policy learns from its own play only, there is no trace, or α is no number >= 0.
    """

    def __init__(
        self,
        case: Case,
        algorithm: str,
        training_seeds: Sequence[int],
        episodes: Sequence[RecordedEpisode],
        *,
        value_weight: float = 2.5,
        options: TrainingOptions | None = None,
    ) -> None:
        _refuse_players(algorithm)
        if not episodes:
            raise UsageError(f"{argument('from_traces')}: there is no trace to learn from")
        if not (isinstance(value_weight, int | float) and 0 <= value_weight < np.inf):
            raise UsageError(
                f"{argument('value_weight')} is {value_weight!r}; allowed: a number >= 0"
            )
        if options is not None and options.worlds != 1:
            raise UsageError(
                f"{argument('worlds')}: no world is played where traces are learnt from"
            )
        super().__init__(by_known_costs(case), algorithm, training_seeds, options=options)
        self.episodes = tuple(episodes)
        self.value_weight = float(value_weight)
        assert isinstance(self.learner, DecSACLearner)
        self.learner.value_weight = self.value_weight
        self._remember(self.learner)

    @property
    def source(self) -> dict[str, object]:
        """Which traces are learnt from, and how: part of what a state belongs to."""
        return {
            "traces": [episode.digest for episode in self.episodes],
            "value_weight": self.value_weight,
        }

    @property
    def slots_played(self) -> int:
        """Slots that the traces hold."""
        return sum(episode.slots for episode in self.episodes)

    def _play(self) -> None:
        """Nothing: the experience is there."""

    def _remember(self, learner: DecSACLearner) -> None:
        """Put all slots into the replay buffer of every seed."""
        learner.replay = ReplayBuffer(
            learner.stack, self.slots_played, learner.spec.size, learner.device
        )
        seeds = len(self.training_seeds)
        for episode in self.episodes:
            rows = (
                episode.observation[:-1],
                np.arctanh(np.clip(episode.action, -END, END)),
                episode.reward[..., None],
                episode.observation[1:],
            )
            each = (to_agent_stack(np.concatenate([row] * seeds), seeds) for row in rows)
            learner.remember(*(t.to(torch.float32).to(learner.device) for t in each))


def read_for(case: Case, algorithm: str, paths: Sequence[Path]) -> list[RecordedEpisode]:
    """Read the traces, unless the policy cannot learn from any.

    Raises
    ------
    UsageError, TraceError
    """
    _refuse_players(algorithm)
    return read_episodes(case, paths)


def _refuse_players(algorithm: str) -> None:
    if algorithm not in ALGORITHMS:
        raise UsageError(
            f"policy {algorithm!r} does not learn from traces; allowed with "
            f"{argument('from_traces')}: {', '.join(ALGORITHMS)}"
        )
