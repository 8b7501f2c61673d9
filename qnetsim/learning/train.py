"""Training: epochs of slots and updates, evaluated from epoch 0, to be stopped and resumed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from qnetsim.arrays import FloatArray
from qnetsim.case import Case
from qnetsim.errors import UsageError, argument
from qnetsim.learning.admitted import refuse_free_demand
from qnetsim.learning.best_policies import BestPolicies
from qnetsim.learning.environment import World
from qnetsim.learning.evaluate import Evaluation, from_agent_stack, to_agent_stack
from qnetsim.learning.federation import Federation
from qnetsim.learning.fedsac import FedSACLearner
from qnetsim.learning.kernel_environment import new_environment
from qnetsim.learning.learner import Learner, LearnerSetting
from qnetsim.learning.mappo import MAPPOLearner
from qnetsim.learning.masac import MASACLearner
from qnetsim.learning.options import TrainingOptions
from qnetsim.learning.ppo import DecPPOLearner
from qnetsim.learning.sac import DecSACLearner
from qnetsim.learning.transport import Transport
from qnetsim.plain_text import counted

#: Learners without a federation, by the name of their policy.
LEARNERS: dict[str, type[Learner]] = {
    "decsac": DecSACLearner,
    "decppo": DecPPOLearner,
    "masac": MASACLearner,
    "mappo": MAPPOLearner,
}
ALGORITHMS = ("fedsac", *LEARNERS)


@dataclass
class TrainingCurve:
    """Costs and counts at every evaluation; row 0 is before training.

    Attributes
    ----------
    deterministic, stochastic : list of ndarray, shape (seeds,)
        Cost over C* of mean actions and of drawn ones.
    epochs : list of int
        Epochs done.
    slots, updates : list of int
    cpu_s : list of float
        CPU seconds of training so far, without evaluation.
    """

    deterministic: list[FloatArray] = field(default_factory=list)
    stochastic: list[FloatArray] = field(default_factory=list)
    epochs: list[int] = field(default_factory=list)
    slots: list[int] = field(default_factory=list)
    updates: list[int] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)


def limit_threads(threads: int) -> None:
    """Let torch use so many threads; results depend on it in their last digits."""
    torch.set_num_threads(threads)


class Training:
    """One algorithm, trained with several seeds side by side.

    Parameters
    ----------
    case : Case
    algorithm : str
        Of ``ALGORITHMS``.
    training_seeds : sequence of int
        Each has worlds, networks and draws of its own.
    transport : Transport, optional
        Carries weights between agents, in FedSAC.
    options : TrainingOptions

    Attributes
    ----------
    epoch : int
        Epochs that are done.
    learner : Learner
    curve : TrainingCurve
    best : BestPolicies or None
        Where the options ask for a comparison of epochs.

    Raises
    ------
    UsageError
        The policy does not learn, or the options do not go with the scenario.
    SettingError
        The scenario cannot be trained on.
    """

    def __init__(
        self,
        case: Case,
        algorithm: str,
        training_seeds: Sequence[int],
        transport: Transport | None = None,
        options: TrainingOptions | None = None,
    ) -> None:
        self.case = case
        self.algorithm = algorithm
        self.training_seeds = tuple(training_seeds)
        self.options = options or TrainingOptions()
        if algorithm not in ALGORITHMS:
            raise UsageError(
                f"policy {algorithm!r} does not learn; allowed: {', '.join(ALGORITHMS)}"
            )
        self._refuse_more_worlds_than_replay()
        self._refuse_stop_without_evaluation()
        given = self.options.train_seed
        self.seed = case.scenario.run.seed if given is None else given
        slots = case.scenario.learning.slots_per_epoch
        self.environment = new_environment(case, self._worlds(), "train", self.seed, slots=slots)
        refuse_free_demand(case.scenario, self.environment.costs.best)
        self.learner = self._learner(transport)
        self.best = BestPolicies(self.learner) if self.options.compares else None
        self.evaluation = Evaluation(case, len(self.training_seeds))
        self.curve = TrainingCurve()
        self.epoch = 0
        self._cpu_s = 0.0
        #: Epochs that the best policies are of, and their cost in other worlds.
        self._checked: tuple[tuple[int, ...], FloatArray] | None = None

    def _learner(self, transport: Transport | None) -> Learner:
        table = self.case.scenario.learning
        units = self.environment.units
        setting = LearnerSetting(
            table,
            units.spec,
            units.count,
            self.seed,
            self.training_seeds,
            torch.device(self.options.device),
        )
        if self.algorithm == "fedsac":
            topology = self.case.network.topology
            federation = Federation(topology, units, table, len(self.training_seeds), transport)
            return FedSACLearner(setting, federation)
        return LEARNERS[self.algorithm](setting)

    def _refuse_more_worlds_than_replay(self) -> None:
        worlds, replay = self.options.worlds, self.case.scenario.learning.replay
        if worlds > replay:
            raise UsageError(
                f"{argument('worlds')} is {worlds}, but an agent keeps "
                f"{counted(replay, 'experience')} only; give fewer worlds, or raise learning.replay"
            )

    def _refuse_stop_without_evaluation(self) -> None:
        every, epochs = self.options.evaluate_every, self.case.scenario.learning.epochs
        if self.options.stop_after and every > 1 and every >= epochs:
            raise UsageError(
                f"{argument('stop_after')} is {self.options.stop_after}, but with "
                f"{argument('evaluate_every', str(every))} none of {counted(epochs, 'epoch')} is "
                "evaluated before the last one; evaluate more often, or leave it out"
            )

    def _worlds(self) -> list[World]:
        """Worlds of all seeds; the first one of each is the one that it plays alone."""
        more = range(1, self.options.worlds)
        found: list[World] = []
        for seed in self.training_seeds:
            found += [seed, *((seed, number) for number in more)]
        return found

    @property
    def source(self) -> dict[str, object]:
        """Where the experience comes from, if the agents do not play for it."""
        return {}

    @property
    def slots_played(self) -> int:
        """Slots that every agent has played, in all its worlds."""
        return self.epoch * self.case.scenario.learning.slots_per_epoch * self.options.worlds

    @property
    def stopped_early(self) -> bool:
        """Whether no seed has become better for as long as the options allow, with epochs left."""
        if self.best is None or not self.options.stop_after:
            return False
        if self.epoch >= self.case.scenario.learning.epochs:
            return False
        last = int(self.best.epoch.max())
        return sum(epoch > last for epoch in self.curve.epochs) >= self.options.stop_after

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to train."""
        return self.epoch >= self.case.scenario.learning.epochs or self.stopped_early

    def evaluated(self, epoch: int) -> list[int]:
        """Epochs up to this one that are evaluated."""
        every = self.options.evaluate_every
        last = self.case.scenario.learning.epochs
        return [e for e in range(epoch + 1) if e % every == 0 or e == last]

    def kept_row(self, place: int) -> int | None:
        """Row of the curve whose policies a seed keeps; None where it keeps the last ones."""
        if self.best is None or not self.options.keep_best:
            return None
        return self.curve.epochs.index(int(self.best.epoch[place]))

    def checked_cost(self) -> FloatArray:
        """Cost over C* of mean actions of the best policies, in worlds that did not choose them.

        Returns
        -------
        ndarray of float64, shape (seeds,)
        """
        assert self.best is not None
        kept = tuple(self.best.epoch.tolist())
        if self._checked is None or self._checked[0] != kept:
            last, self.learner.policy = self.learner.policy, self.best.policy
            try:
                check = Evaluation(self.case, len(self.training_seeds), "check")
                self._checked = kept, check.cost_of_mean_actions(self.learner)
            finally:
                self.learner.policy = last
        return self._checked[1]

    def run(
        self, until: int | None = None, done: Callable[[Training], None] = lambda training: None
    ) -> TrainingCurve:
        """Train up to an epoch, the scenario's last one unless given.

        Parameters
        ----------
        until : int, optional
        done : callable, optional
            Called after every epoch, and before the first one.
        """
        last = self.case.scenario.learning.epochs
        until = last if until is None else until
        if not self.curve.slots:
            self._evaluate()
            done(self)
        while self.epoch < until and not self.stopped_early:
            started = time.process_time()
            self._play()
            self.learner.iterate(self.epoch)
            self._cpu_s += time.process_time() - started
            self.epoch += 1
            if self.epoch % self.options.evaluate_every == 0 or self.epoch == last:
                self._evaluate()
            done(self)
        return self.curve

    def resume_clock(self) -> None:
        """Count CPU seconds on from the end of the curve, after a restore."""
        self._cpu_s = self.curve.cpu_s[-1]

    def _play(self) -> None:
        """An epoch's slots."""
        environment = self.environment
        environment.begin(self.epoch)
        learner = self.learner
        seeds = len(self.training_seeds)
        slots = self.case.scenario.learning.slots_per_epoch
        draws = learner.draws(self.epoch, "act")
        worlds = self.options.worlds
        noise = torch.split(draws.noise(learner.agents, slots * worlds), worlds, dim=1)
        observation = to_agent_stack(environment.observe(), seeds)
        for slot in range(slots):
            raw_action = learner.act(observation, noise[slot])
            reward = environment.step(from_agent_stack(torch.tanh(raw_action), seeds))
            next_observation = to_agent_stack(environment.observe(), seeds)
            rewards = to_agent_stack(reward[..., None], seeds)
            learner.remember(
                *(
                    t.to(learner.device)
                    for t in (observation, raw_action, rewards, next_observation)
                )
            )
            observation = next_observation

    def _evaluate(self) -> None:
        deterministic, stochastic = self.evaluation.cost(self.learner, self.epoch)
        curve = self.curve
        curve.deterministic.append(deterministic)
        curve.stochastic.append(stochastic)
        curve.epochs.append(self.epoch)
        curve.slots.append(self.slots_played)
        curve.updates.append(self.learner.updates)
        curve.cpu_s.append(self._cpu_s)
        if self.best is not None:
            self.best.offer(self.learner, deterministic, self.epoch)
