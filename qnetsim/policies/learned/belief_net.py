"""`belief-net` in use: beliefs about every node pair's next level, and what fibres lack for it."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.errors import UsageError
from qnetsim.network import Network
from qnetsim.policies.base import Decision, Observation, Outcome, Policy, PolicyOptions, Setting
from qnetsim.policies.learned.policies import MODELS

if TYPE_CHECKING:
    from qnetsim.optimize import Plan
    from qnetsim.policies.learned.belief_weights import BeliefWeights

NAME = "belief-net"
#: Shipped model that is used unless another one is given.
DEFAULT_MODEL = "fel-rounds"


class BeliefNetOptions(PolicyOptions):
    """Options of ``belief-net``."""

    model: str = Field(
        default="",
        description="safetensors file that `qnetsim train` wrote, or NAME for the shipped "
        f"models/{NAME}-NAME.safetensors; unless given, NAME is {DEFAULT_MODEL}",
        json_schema_extra={"allowed": "a name, or a path that ends in .safetensors"},
    )


class BeliefNet(Policy):
    """One recurrent network, the same for every node pair, and the newsvendor's form around it.

    After each slot the two ends of a pair know its demand and, once they have told each other, the
    sums of what they ask for in all their pairs. The network makes of it a belief of the pair's
    next level, and the ends send it along the pair's route: the probability of each level, or with
    key stores mean and variance. The agent of a fibre adds up what it was sent, and reserves what
    its own two pools lack. Nobody is told the forecast, what the jobs are, or the demand of pairs
    that do not concern it.
    """

    Options = BeliefNetOptions
    options: BeliefNetOptions
    _weights: tuple[Path, BeliefWeights] | None = None

    def owners(self, network: Network) -> IntArray:
        """Agents of ``qnetsim.network.ownership``; by laws one, for they share counts of ranks."""
        from qnetsim.network.ownership import agents_of

        if self._read().spec.levels:
            return super().owners(network)
        return agents_of(network.topology).owners

    def weights_sha256(self, network: Network) -> str:
        """SHA-256 of the file of weights."""
        return self._read().sha256

    def prepare(self, setting: Setting, plan: Plan | None) -> None:
        """Read the weights; nothing has been seen yet."""
        from qnetsim.policies.learned.belief_head import FibreHead
        from qnetsim.policies.learned.pair_network import NetworkRule, PairNetwork

        weights = self._read()
        self._warn_if_far(setting, weights)
        network = setting.network
        forecast = setting.forecast
        routes = setting.shortest_routes()
        self._network = PairNetwork(weights, forecast, len(network.topology.nodes))
        self._rule: NetworkRule | None = None
        if weights.spec.levels:
            self._rule = NetworkRule(self._network)
            self._rule.prepare(setting, plan)
        else:
            self._head = FibreHead.of(network, routes, forecast.level_count)
        self._channel_bits = network.channel_bits
        self._most = network.max_channels
        costs = network.costs
        cheaper = costs.km_reserved <= costs.km_on_demand
        self._wavelengths = np.where(cheaper, setting.requests_per_fibre(routes), 0)
        self._stock: FloatArray | None = None

    def _stocks(self) -> FloatArray:
        """Channel-slots that each fibre shall have; worked out once for all agents of a slot."""
        if self._stock is None:
            belief = self._network.belief
            self._stock = self._head.stock(*belief.moments(), belief.safety)
        return self._stock

    def decide(self, observation: Observation) -> Decision:
        """Reserve what the pools of the agent's own fibres lack, rounded to whole channels."""
        if self._rule is not None:
            return self._rule.decide(observation)
        mine = observation.fibres
        held = observation.reservation_pool_bits + observation.on_demand_pool_bits
        lacking = self._stocks()[mine] - held / self._channel_bits[mine]
        channels = np.floor(np.maximum(lacking, 0.0) + 0.5).astype(np.int64)
        if self._most is not None:
            channels = np.minimum(channels, self._most)
        return Decision(channels, self._wavelengths[mine])

    def learn(self, outcome: Outcome) -> None:
        """Take in the demand of the slots that are over."""
        self._stock = None
        if self._rule is not None:
            self._rule.learn(outcome)
            return
        for levels in outcome.levels.astype(np.int64):
            self._network.see(levels)

    def _read(self) -> BeliefWeights:
        """Read the weights, once: those that a trace names are those that decide."""
        from qnetsim.policies.learned.belief_weights import read_belief

        path = self._file()
        if self._weights is None or self._weights[0] != path:
            self._weights = path, read_belief(path)
        return self._weights[1]

    def _file(self) -> Path:
        model = self.options.model
        if model.endswith(".safetensors"):
            return Path(model)
        path = MODELS / f"{NAME}-{model or DEFAULT_MODEL}.safetensors"
        if not path.is_file():
            shipped = sorted(p.stem for p in MODELS.glob(f"{NAME}-*.safetensors"))
            raise UsageError(
                f"policy {NAME!r} has no trained model {path.stem!r} (shipped: "
                f"{', '.join(shipped) or 'none'}); train one by `qnetsim train SCENARIO --policy "
                f"{NAME} --out FILE.safetensors` and give model = FILE.safetensors"
            )
        return path

    def _warn_if_far(self, setting: Setting, weights: BeliefWeights) -> None:
        """Warn of a scenario that is not like those of the training."""
        from qnetsim.policies.learned.belief_facts import far_from
        from qnetsim.policies.learned.training_facts import ModelWarning

        if far := far_from(weights.card, setting):
            warnings.warn(
                f"policy {NAME!r}: model {self._file().stem} meets what it was not trained for: "
                f"{'; '.join(far)}",
                ModelWarning,
                stacklevel=2,
            )
