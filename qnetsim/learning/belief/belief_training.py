"""Training of `belief-net`: gradients through the costs of fibres, averaged over the nodes."""

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
from qnetsim.learning.belief.array_core import ArrayCore, CorePrices
from qnetsim.learning.belief.belief_module import BeliefModule, TorchHead
from qnetsim.learning.belief.clients import clients_of
from qnetsim.learning.belief.core_prices import prices_of
from qnetsim.learning.belief.job_worlds import TrainingPlace, Worlds
from qnetsim.learning.networks import Adam
from qnetsim.network import LoadTable
from qnetsim.optimize import marginal_loads, reservations
from qnetsim.optimize.marginals import expected_excess
from qnetsim.policies.learned.belief_head import FibreHead
from qnetsim.policies.learned.belief_inputs import PairInputs
from qnetsim.policies.learned.belief_weights import BeliefSpec
from qnetsim.world.demand import Levels

ALGORITHM = "belief-net"
#: Worlds and slots of an evaluation, and slots at its start that are not counted.
EVALUATION = (2, 240, 40)
#: Fewest slots of a training world: one that is seen, one that is paid, one that pools are for.
LEAST_SLOTS = 3
#: Greatest share of a training world's slots that are played and not counted, with stores.
BURN_IN = 1 / 3
#: Greatest norm of a gradient.
CLIP = 1.0
#: Bytes of a number of single precision.
FLOAT_BYTES = 4
#: Share of the learning rate that is left at the end.
LAST_RATE = 0.002


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


@dataclass(frozen=True, eq=False)
class Arena:
    """A network to train on, as tensors."""

    place: TrainingPlace
    inputs: PairInputs
    head: TorchHead
    prices: CorePrices
    loads: LoadTable


class BeliefTraining:
    """Training seeds one after the other, epoch by epoch.

    An update plays ``batch`` worlds of ``slots_per_epoch`` slots; an epoch is
    ``updates_per_epoch`` of them. Every node is a client, with pairs that end at it. Agents of
    fibres send the slope of their cost back along the routes, and clients work out the gradient of
    the shared weights by their own pairs. The mean of the weights after one local step each is the
    step by the mean gradient, so it is worked out for all pairs at once; Adam's moments are those
    of the mean.

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
    modules : list of BeliefModule
        Of each training seed.
    curve : BeliefCurve
    best : ndarray of float64, shape (fibres,)
        Expected cost C* of sip's channels under the forecast.
    mean_levels : (float, float) or None
        Least and greatest mean level of a world that training met; None before the first.

    Raises
    ------
    SettingError
        The demand has no jobs, channels cost nothing, or worlds have too few slots.
    """

    algorithm = ALGORITHM

    def __init__(
        self, case: Case, training_seeds: Sequence[int], train_seed: int | None = None
    ) -> None:
        self.case = case
        self.train_seed = case.scenario.run.seed if train_seed is None else train_seed
        self.training_seeds = tuple(training_seeds)
        table = case.scenario.learning
        if table.slots_per_epoch < LEAST_SLOTS:
            text = f"is {table.slots_per_epoch}; 'belief-net' takes at least {LEAST_SLOTS}"
            raise SettingError([(("learning", "slots_per_epoch"), text)])
        keys = case.scenario.key_management
        stores = bool(keys.store_bits and keys.key_lifetime_slots)
        self.spec = BeliefSpec(table.history, table.hidden_units, stores)
        self._worlds = [Worlds(case, self.train_seed, s) for s in self.training_seeds]
        self._arenas = [[_arena(case, p) for p in worlds.places] for worlds in self._worlds]
        self.modules = [
            BeliefModule(
                self.spec, seeds.stream(self.train_seed, "learning", ALGORITHM, "weights", s)
            )
            for s in self.training_seeds
        ]
        self._adams = [Adam(list(m.parameters()), table.policy_rate) for m in self.modules]
        self.curve = BeliefCurve()
        self.epoch = 0
        self.mean_levels: tuple[float, float] | None = None
        self._cpu_s = 0.0
        self.best = _best(case)
        if not self.best.sum():
            text = "makes QKD channels cost nothing, so there is nothing to learn; raise prices"
            raise SettingError([(("cost",), text)])
        self._evaluated = self._evaluation_worlds()

    @property
    def updates(self) -> int:
        """Updates that are done."""
        return self.epoch * self.case.scenario.learning.updates_per_epoch

    @property
    def other_networks(self) -> int:
        """Networks beside the scenario's that each seed is trained on."""
        return len(self._worlds[0].places) - 1

    def shared_bytes(self) -> dict[str, int]:
        """Bytes of weights that the nodes' clients sent, and of means that they got back."""
        count = sum(p.numel() for p in self.modules[0].parameters()) * FLOAT_BYTES
        clients = 0
        for worlds in self._worlds:
            sizes = {id(p): np.unique(clients_of(p.forecast.pairs)).size for p in worlds.places}
            clients += sum(sizes[id(worlds.place_of(update))] for update in range(self.updates))
        return {"policies": clients * count, "aggregate": clients * count}

    def tensors(self) -> dict[str, Tensor]:
        """Weights and moments of all seeds, by name."""
        found: dict[str, Tensor] = {}
        for i, (module, adam) in enumerate(zip(self.modules, self._adams, strict=True)):
            found |= {f"{i}.{name}": t for name, t in module.named_parameters()}
            found |= {f"{i}.adam.{name}": t for name, t in adam.tensors().items()}
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
            for update in range(self.updates, self.updates + table.updates_per_epoch):
                for member in range(len(self.modules)):
                    self._update(member, update)
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

    def _update(self, member: int, update: int) -> None:
        table = self.case.scenario.learning
        worlds = self._worlds[member]
        place = worlds.place_of(update)
        arena = self._arenas[member][worlds.places.index(place)]
        slots = table.slots_per_epoch
        levels = np.stack([worlds.draw(place, update, w, slots) for w in range(table.batch)], 1)
        means = levels.mean(axis=(0, 2))
        low, high = self.mean_levels or (math.inf, 0.0)
        self.mean_levels = min(low, float(means.min())), max(high, float(means.max()))
        bits = seeds.stream(
            self.train_seed, "learning", ALGORITHM, self.training_seeds[member], update
        )
        burn_in = int(seeds.uniform(bits, 1)[0] * BURN_IN * slots) if self.spec.stores else 0
        module = self.modules[member]
        loss = mean_cost(module, arena, levels, self.spec, burn_in)
        rate = table.policy_rate * _share_of_rate(update / (table.epochs * table.updates_per_epoch))
        self._adams[member].step_clipped(loss, rate, CLIP)

    def _evaluation_worlds(self) -> np.ndarray:
        worlds, slots, _ = EVALUATION
        forecast = self.case.forecast
        seed = self.case.scenario.run.seed
        drawn = [
            Levels(forecast, None, seed, ("learning", "evaluation", w)).draw(0, slots)
            for w in range(worlds)
        ]
        return np.stack(drawn, axis=1)[..., forecast.group]

    def _evaluate(self) -> None:
        """Cost over C* in worlds of the scenario that are not trained on."""
        costs = []
        for module, arenas in zip(self.modules, self._arenas, strict=True):
            with torch.no_grad():
                cost = slot_costs(module, arenas[0], self._evaluated, self.spec)[0]
            costs.append(float(cost[EVALUATION[2] :].sum(dim=-1).mean()) / float(self.best.sum()))
        table = self.case.scenario.learning
        curve = self.curve
        curve.costs.append(np.array(costs))
        curve.slots.append(self.updates * table.slots_per_epoch * table.batch)
        curve.updates.append(self.updates)
        curve.cpu_s.append(self._cpu_s)


def slot_costs(
    module: BeliefModule, arena: Arena, levels: np.ndarray, spec: BeliefSpec
) -> tuple[Tensor, ArrayCore, Tensor]:
    """Costs of all slots but the last one, the pools after them, and the load of all slots.

    Parameters
    ----------
    module : BeliefModule
    arena : Arena
    levels : ndarray of integers, shape (slots, worlds, requests)
    spec : BeliefSpec

    Returns
    -------
    costs : Tensor, shape (slots - 1, worlds, fibres)
    core : ArrayCore
    load : Tensor, shape (slots, worlds, fibres)
    """
    slots, worlds, requests = levels.shape
    seen = arena.inputs.series(levels[: slots - 2], spec.history).astype(np.float32)
    mean, variance = module(torch.from_numpy(seen).reshape(slots - 2, worlds * requests, -1))
    stock = arena.head.stock(
        mean.reshape(slots - 1, worlds, requests),
        variance.reshape(slots - 1, worlds, requests),
        module.safety,
    )
    load = _loads(arena, levels)
    core = ArrayCore(arena.prices, torch.zeros(arena.prices.lifetime, worlds, load.shape[-1]))
    if not arena.prices.lifetime:  # slots do not touch each other
        return core.step(stock, load[:-1]), core, load
    costs = [core.step(s, x) for s, x in zip(stock, load[:-1], strict=True)]
    return torch.stack(costs), core, load


def mean_cost(
    module: BeliefModule, arena: Arena, levels: np.ndarray, spec: BeliefSpec, burn_in: int
) -> Tensor:
    """Cost of a batch of worlds, over what its load would cost if it were known.

    The first slots are played but not counted. What the pools hold in the end is worth what the
    slot after takes of it; without that, stocks would run down towards the end.
    """
    costs, core, load = slot_costs(module, arena, levels, spec)
    left = core.worth(load[-1]).sum()
    floor = (load[burn_in:-1] * arena.prices.reserved).sum()
    return (costs[burn_in:].sum() - left) / floor


def _loads(arena: Arena, levels: np.ndarray) -> Tensor:
    """Channels that are asked for, shape (slots, worlds, fibres)."""
    slots, worlds, requests = levels.shape
    groups = arena.place.forecast.first_of_group
    amounts = arena.loads.loads(levels.reshape(-1, requests)[:, groups]).amounts
    return torch.from_numpy(amounts.astype(np.float32)).reshape(slots, worlds, -1)


def _arena(case: Case, place: TrainingPlace) -> Arena:
    levels = case.forecast.level_count
    return Arena(
        place,
        PairInputs(place.forecast.pairs, len(place.network.topology.nodes)),
        TorchHead(FibreHead.of(place.network, place.routes, levels)),
        prices_of(case, place.network),
        place.forecast.channel_loads(place.network, place.routes),
    )


def _best(case: Case) -> FloatArray:
    """Expected cost of the newsvendor's channels on every fibre."""
    network = case.network
    loads = marginal_loads(network, case.forecast, case.setting.shortest_routes())
    channels = reservations(network, loads).channels
    costs = network.costs
    return np.array(
        [
            float(costs.qkd_reserved[e]) * float(channels[e])
            + float(costs.qkd_on_demand[e]) * expected_excess(loads.channels[e], channels[e])
            for e in range(network.fibres)
        ]
    )


def _share_of_rate(progress: float) -> float:
    """Share of the learning rate at a point of the training: half a cosine wave."""
    return LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * progress))
