"""Training: epochs of slots and updates, evaluated from epoch 0, to be stopped and resumed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from qnetsim.arrays import FloatArray
from qnetsim.case import Case
from qnetsim.errors import UsageError
from qnetsim.learning.environment import ArrayCore
from qnetsim.learning.evaluate import Evaluation, stacked, unstacked
from qnetsim.learning.federation import Federation
from qnetsim.learning.fedsac import FedSACLearner
from qnetsim.learning.learner import Learner
from qnetsim.learning.ppo import DecPPOLearner
from qnetsim.learning.sac import DecSACLearner
from qnetsim.learning.transport import Transport

ALGORITHMS = ("fedsac", "decsac", "decppo")


@dataclass
class Curve:
    """How a training went; row 0 is before it.

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
    """One algorithm, some seeds side by side.

    Parameters
    ----------
    case : Case
    algorithm : {"fedsac", "decsac", "decppo"}
    members : sequence of int
        Training seeds; each has worlds, networks and draws of its own.
    transport : Transport, optional
        Carries weights between agents, in FedSAC.

    Attributes
    ----------
    epoch : int
        Epochs that are done.
    learner : Learner
    curve : Curve
    """

    def __init__(
        self,
        case: Case,
        algorithm: str,
        members: Sequence[int],
        transport: Transport | None = None,
    ) -> None:
        self.case, self.algorithm, self.members = case, algorithm, tuple(members)
        self.core = ArrayCore(case, members, "train")
        self.learner = self._learner(transport)
        self.evaluation = Evaluation(case, len(self.members))
        self.curve, self.epoch = Curve(), 0
        self._cpu_s = 0.0

    def _learner(self, transport: Transport | None) -> Learner:
        table, units = self.case.scenario.learning, self.core.units
        seed = self.case.scenario.run.seed
        what = table, units.spec, units.count, seed, self.members
        if self.algorithm == "fedsac":
            topology = self.case.network.topology
            federation = Federation(topology, units, table, len(self.members), transport)
            return FedSACLearner(*what, federation)
        if self.algorithm == "decsac":
            return DecSACLearner(*what)
        if self.algorithm == "decppo":
            return DecPPOLearner(*what)
        raise UsageError(
            f"policy {self.algorithm!r} does not learn; allowed: {', '.join(ALGORITHMS)}"
        )

    def run(
        self, until: int | None = None, done: Callable[[Training], None] = lambda training: None
    ) -> Curve:
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

    def resumed(self) -> None:
        """Take up the clock where the curve ends."""
        self._cpu_s = self.curve.cpu_s[-1]

    def _play(self) -> None:
        """An epoch's slots: the world goes on where the last epoch left it."""
        core, learner, members = self.core, self.learner, len(self.members)
        slots = self.case.scenario.learning.slots_per_epoch
        draws = learner.draws(self.epoch, "act")
        noise = draws.noise(learner.agents, slots)
        seen = stacked(core.observe(), members)
        for slot in range(slots):
            raw = learner.act(seen, noise[:, slot : slot + 1])
            reward = core.step(unstacked(torch.tanh(raw), members))
            following = stacked(core.observe(), members)
            learner.remember(seen, raw, torch.from_numpy(reward).reshape(-1, 1, 1), following)
            seen = following

    def _evaluate(self) -> None:
        deterministic, stochastic = self.evaluation.cost(self.learner, self.epoch)
        table, curve = self.case.scenario.learning, self.curve
        curve.deterministic.append(deterministic)
        curve.stochastic.append(stochastic)
        curve.slots.append(self.epoch * table.slots_per_epoch)
        curve.updates.append(self.learner.updates)
        curve.cpu_s.append(self._cpu_s)
