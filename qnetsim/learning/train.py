"""Training: epochs of slots and updates, evaluated from epoch 0, to be stopped and resumed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from qnetsim.arrays import FloatArray
from qnetsim.case import Case
from qnetsim.errors import UsageError
from qnetsim.learning.environment import ArrayEnvironment
from qnetsim.learning.evaluate import Evaluation, from_agent_stack, to_agent_stack
from qnetsim.learning.federation import Federation
from qnetsim.learning.fedsac import FedSACLearner
from qnetsim.learning.learner import Learner, LearnerSetting
from qnetsim.learning.ppo import DecPPOLearner
from qnetsim.learning.sac import DecSACLearner
from qnetsim.learning.transport import Transport

ALGORITHMS = ("fedsac", "decsac", "decppo")


@dataclass
class TrainingCurve:
    """Costs and counts after every epoch; row 0 is before training.

    Attributes
    ----------
    deterministic, stochastic : list of ndarray, shape (seeds,)
        Cost over C* of mean actions and of drawn ones.
    slots, updates : list of int
    cpu_s : list of float
        CPU seconds of training so far, without evaluation.
    """

    deterministic: list[FloatArray] = field(default_factory=list)
    stochastic: list[FloatArray] = field(default_factory=list)
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
    algorithm : {"fedsac", "decsac", "decppo"}
    training_seeds : sequence of int
        Each has worlds, networks and draws of its own.
    transport : Transport, optional
        Carries weights between agents, in FedSAC.

    Attributes
    ----------
    epoch : int
        Epochs that are done.
    learner : Learner
    curve : TrainingCurve
    """

    def __init__(
        self,
        case: Case,
        algorithm: str,
        training_seeds: Sequence[int],
        transport: Transport | None = None,
    ) -> None:
        self.case = case
        self.algorithm = algorithm
        self.training_seeds = tuple(training_seeds)
        self.environment = ArrayEnvironment(case, training_seeds, "train")
        self.learner = self._learner(transport)
        self.evaluation = Evaluation(case, len(self.training_seeds))
        self.curve = TrainingCurve()
        self.epoch = 0
        self._cpu_s = 0.0

    def _learner(self, transport: Transport | None) -> Learner:
        table = self.case.scenario.learning
        units = self.environment.units
        seed = self.case.scenario.run.seed
        setting = LearnerSetting(table, units.spec, units.count, seed, self.training_seeds)
        if self.algorithm == "fedsac":
            topology = self.case.network.topology
            federation = Federation(topology, units, table, len(self.training_seeds), transport)
            return FedSACLearner(setting, federation)
        if self.algorithm == "decsac":
            return DecSACLearner(setting)
        if self.algorithm == "decppo":
            return DecPPOLearner(setting)
        raise UsageError(
            f"policy {self.algorithm!r} does not learn; allowed: {', '.join(ALGORITHMS)}"
        )

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
        until = self.case.scenario.learning.epochs if until is None else until
        if not self.curve.slots:
            self._evaluate()
            done(self)
        while self.epoch < until:
            started = time.process_time()
            self._play()
            self.learner.iterate(self.epoch)
            self._cpu_s += time.process_time() - started
            self.epoch += 1
            self._evaluate()
            done(self)
        return self.curve

    def resume_clock(self) -> None:
        """Count CPU seconds on from the end of the curve, after a restore."""
        self._cpu_s = self.curve.cpu_s[-1]

    def _play(self) -> None:
        """An epoch's slots: the world goes on where the last epoch left it."""
        environment = self.environment
        learner = self.learner
        seeds = len(self.training_seeds)
        slots = self.case.scenario.learning.slots_per_epoch
        draws = learner.draws(self.epoch, "act")
        noise = draws.noise(learner.agents, slots)
        observation = to_agent_stack(environment.observe(), seeds)
        for slot in range(slots):
            raw_action = learner.act(observation, noise[:, slot : slot + 1])
            reward = environment.step(from_agent_stack(torch.tanh(raw_action), seeds))
            next_observation = to_agent_stack(environment.observe(), seeds)
            learner.remember(
                observation,
                raw_action,
                torch.from_numpy(reward).reshape(-1, 1, 1),
                next_observation,
            )
            observation = next_observation

    def _evaluate(self) -> None:
        deterministic, stochastic = self.evaluation.cost(self.learner, self.epoch)
        table = self.case.scenario.learning
        curve = self.curve
        curve.deterministic.append(deterministic)
        curve.stochastic.append(stochastic)
        curve.slots.append(self.epoch * table.slots_per_epoch)
        curve.updates.append(self.learner.updates)
        curve.cpu_s.append(self._cpu_s)
