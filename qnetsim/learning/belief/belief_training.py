"""Training of `belief-net`: the likelihood of what pairs ask for, averaged over the nodes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from qnetsim import seeds
from qnetsim.arrays import FloatArray
from qnetsim.case import Case
from qnetsim.errors import SettingError
from qnetsim.learning.belief.belief_module import LawModule
from qnetsim.learning.belief.clients import clients_of
from qnetsim.learning.belief.job_worlds import TrainingPlace, Worlds
from qnetsim.learning.belief.law_costs import LawCosts
from qnetsim.learning.belief.muon import Muon
from qnetsim.learning.belief.seen_windows import SeenWindows
from qnetsim.policies.learned.belief_weights import LawSpec
from qnetsim.world.demand import Levels

ALGORITHM = "belief-net"
#: Worlds and slots of an evaluation, and slots at its start that are not counted.
EVALUATION = (2, 240, 40)
#: Worlds that are drawn for an epoch in the scenario's own place, and in another one.
EPOCH_WORLDS = (45, 15)
#: Share of the units that the second layer has.
SECOND_SHARE = 2 / 3
#: Bytes of a number of single precision.
FLOAT_BYTES = 4
#: Share of the learning rate that is left at the end.
LAST_RATE = 0.01


@dataclass
class BeliefCurve:
    """Costs and counts after every epoch; row 0 is before training.

    Attributes
    ----------
    costs : list of ndarray, shape (seeds,)
        Cost of QKD channels over C*, in worlds that are not trained on.
    slots, updates : list of int
    cpu_s : list of float
        CPU seconds of training so far, without evaluation.
    """

    costs: list[FloatArray] = field(default_factory=list)
    slots: list[int] = field(default_factory=list)
    updates: list[int] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)


class BeliefTraining:
    """Training seeds one after the other, epoch by epoch.

    An epoch draws worlds of ``slots_per_epoch`` slots and makes ``updates_per_epoch`` updates, each
    by ``batch`` slots of them. Every node is a client, with pairs that end at it, and works out the
    gradient of what these pairs asked for, which takes nothing from others. The mean of the weights
    after one local step each is the step by the mean gradient, so it is worked out for all pairs at
    once; momenta are those of the mean, and steps are made even in all directions (:class:`Muon`).

    Parameters
    ----------
    case : Case
    training_seeds : sequence of int
    train_seed : int, optional
        Seed of worlds and first weights; the scenario's, which draws the worlds of evaluation,
        unless given.

    Attributes
    ----------
    epoch : int
        Epochs that are done.
    modules : list of LawModule
        Of each training seed.
    curve : BeliefCurve
    mean_levels : (float, float) or None
        Least and greatest mean level of a world that training met; None before the first.

    Raises
    ------
    SettingError
        The demand has no jobs, or channels cost nothing.
    """

    algorithm = ALGORITHM

    def __init__(
        self, case: Case, training_seeds: Sequence[int], train_seed: int | None = None
    ) -> None:
        self.case = case
        self.train_seed = case.scenario.run.seed if train_seed is None else train_seed
        self.training_seeds = tuple(training_seeds)
        table = case.scenario.learning
        self.spec = LawSpec(
            table.history,
            table.hidden_units,
            math.ceil(SECOND_SHARE * table.hidden_units),
            case.forecast.level_count,
        )
        self._worlds = [Worlds(case, self.train_seed, s) for s in self.training_seeds]
        self.modules = [
            LawModule(self.spec, seeds.stream(self.train_seed, "learning", ALGORITHM, "weights", s))
            for s in self.training_seeds
        ]
        self._steps = [Muon(list(module.parameters())) for module in self.modules]
        self.curve = BeliefCurve()
        self.epoch = 0
        self.mean_levels: tuple[float, float] | None = None
        self._cpu_s = 0.0
        self._costs = LawCosts(case)
        if not self._costs.best:
            text = "makes QKD channels cost nothing, so there is nothing to learn; raise prices"
            raise SettingError([(("cost",), text)])
        self._evaluated = self._evaluation_worlds()

    @property
    def updates(self) -> int:
        """Updates that are done."""
        return self.epoch * self.case.scenario.learning.updates_per_epoch

    def shared_bytes(self) -> dict[str, int]:
        """Bytes of weights that the nodes' clients sent, and of means that they got back."""
        count = sum(p.numel() for p in self.modules[0].parameters()) * FLOAT_BYTES
        each = self.case.scenario.learning.updates_per_epoch
        clients = 0
        for member, worlds in enumerate(self._worlds):
            own = _clients(worlds.own)
            for epoch in range(self.epoch):
                other = _clients(worlds.other(epoch))
                updates = range(epoch * each, (epoch + 1) * each)
                clients += sum(own if self._is_own(member, u) else other for u in updates)
        return {"policies": clients * count, "aggregate": clients * count}

    def tensors(self) -> dict[str, Tensor]:
        """Weights and momenta of all seeds, by name."""
        found: dict[str, Tensor] = {}
        for i, (module, steps) in enumerate(zip(self.modules, self._steps, strict=True)):
            found |= {f"{i}.{name}": t for name, t in module.named_parameters()}
            found |= {f"{i}.momentum.{name}": t for name, t in steps.tensors().items()}
        return found

    def run(
        self,
        until: int | None = None,
        done: Callable[[BeliefTraining], None] = lambda training: None,
    ) -> BeliefCurve:
        """Train up to an epoch, the scenario's last one unless given.

        Parameters
        ----------
        until : int, optional
        done : callable, optional
            Called after every epoch, and before the first one.
        """
        table = self.case.scenario.learning
        until = table.epochs if until is None else until
        if not self.curve.slots:
            self._evaluate()
            done(self)
        while self.epoch < until:
            started = time.process_time()
            for member in range(len(self.modules)):
                self._train_epoch(member)
            self._cpu_s += time.process_time() - started
            self.epoch += 1
            self._evaluate()
            done(self)
        return self.curve

    def resume(
        self, epoch: int, curve: BeliefCurve, mean_levels: tuple[float, float] | None
    ) -> None:
        """Go on after an epoch, once the tensors are there."""
        self.epoch = epoch
        self.curve = curve
        self.mean_levels = mean_levels
        self._cpu_s = curve.cpu_s[-1]

    def _is_own(self, member: int, update: int) -> bool:
        """Whether an update goes by worlds of the scenario's own place."""
        own, other = EPOCH_WORLDS
        drawn = seeds.uniform(self._stream(member, "place", update), 1)[0]
        return bool(drawn < own / (own + other))

    def _stream(self, member: int, what: str, number: int) -> np.random.BitGenerator:
        name = ("learning", ALGORITHM, self.training_seeds[member], what, number)
        return seeds.stream(self.train_seed, *name)

    def _train_epoch(self, member: int) -> None:
        table = self.case.scenario.learning
        worlds = self._worlds[member]
        own, other = EPOCH_WORLDS
        seen = [
            self._seen(worlds, worlds.own, range(own)),
            self._seen(worlds, worlds.other(self.epoch), range(own, own + other)),
        ]
        for update in range(self.updates, self.updates + table.updates_per_epoch):
            self._update(member, update, seen[0 if self._is_own(member, update) else 1])

    def _seen(self, worlds: Worlds, place: TrainingPlace, which: range) -> SeenWindows:
        """Some of the epoch's worlds."""
        slots = self.case.scenario.learning.slots_per_epoch
        levels = np.stack([worlds.draw(place, self.epoch, world, slots) for world in which])
        low, high = self.mean_levels or (math.inf, 0.0)
        means = levels.mean(axis=(1, 2))
        self.mean_levels = min(low, float(means.min())), max(high, float(means.max()))
        return SeenWindows(levels, place.forecast.pairs, self.spec.slots)

    def _update(self, member: int, update: int, seen: SeenWindows) -> None:
        table = self.case.scenario.learning
        bits = self._stream(member, "batch", update)
        count, slots, requests = seen.levels.shape
        # about as many pairs in an update, wherever it goes by
        times = max(1, round(table.batch * self.case.forecast.requests / requests))
        which = seeds.integers(bits, count, times)
        when = seeds.integers(bits, slots, times)
        inputs = torch.from_numpy(seen.before(which, when))
        loss_of = self.modules[member].surprise
        loss = loss_of(inputs, torch.from_numpy(seen.asked(which, when)))
        rate = table.policy_rate * _share_of_rate(update / (table.epochs * table.updates_per_epoch))
        self._steps[member].step(loss, rate)

    def _evaluation_worlds(self) -> np.ndarray:
        worlds, slots, _ = EVALUATION
        forecast = self.case.forecast
        seed = self.case.scenario.run.seed
        drawn = [
            Levels(forecast, None, seed, ("learning", "evaluation", w)).draw(0, slots)
            for w in range(worlds)
        ]
        return np.stack(drawn)[..., forecast.group]

    def _evaluate(self) -> None:
        """Cost over C* in worlds of the scenario that are not trained on."""
        count, slots, first = EVALUATION
        seen = SeenWindows(self._evaluated, self.case.forecast.pairs, self.spec.slots)
        when = np.tile(np.arange(first, slots), count)
        which = np.repeat(np.arange(count), slots - first)
        inputs = torch.from_numpy(seen.before(which, when))
        costs = []
        for module in self.modules:
            with torch.no_grad():
                laws = module.laws(inputs).double().numpy()
            costs.append(self._costs.mean_over_best(laws, seen.asked(which, when)))
        table = self.case.scenario.learning
        curve = self.curve
        curve.costs.append(np.array(costs))
        curve.slots.append(self.epoch * table.slots_per_epoch * sum(EPOCH_WORLDS))
        curve.updates.append(self.updates)
        curve.cpu_s.append(self._cpu_s)


def _clients(place: TrainingPlace) -> int:
    return int(np.unique(clients_of(place.forecast.pairs)).size)


def _share_of_rate(progress: float) -> float:
    """Share of the learning rate at a point of the training: half a cosine wave."""
    return LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * progress))
