"""`belief-net` in use: beliefs about every node pair's next level, and what fibres lack for it."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from pydantic import Field

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.network import Network
from qnetsim.policies.base import Decision, Observation, Outcome, Policy, PolicyOptions, Setting
from qnetsim.policies.learned.model_files import model_file

if TYPE_CHECKING:
    from qnetsim.optimize import Plan
    from qnetsim.policies.learned.belief_weights import BeliefWeights

NAME = "belief-net"
#: Shipped model that is used unless another one is given.
DEFAULT_MODEL = "fel-rounds"


class StockBelief(Protocol):
    """What the pairs of a network are expected to ask for, as stocks of fibres."""

    def see(self, outcome: Outcome) -> None:
        """Take in the slots that are over."""

    def stock(self, fibres: IntArray, held: IntArray) -> FloatArray:
        """Channel-slots that an agent's fibres shall have at the start of the slot.

        Parameters
        ----------
        fibres : ndarray of int64, shape (owned,)
        held : ndarray of int64, shape (owned,)
            Bits in their pools.
        """


class BeliefNetOptions(PolicyOptions):
    """Options of ``belief-net``."""

    model: str = Field(
        default="",
        description="safetensors file that `qnetsim train` wrote, or NAME for the shipped "
        f"models/{NAME}-NAME.safetensors; unless given, NAME is {DEFAULT_MODEL}",
        json_schema_extra={"allowed": "a name, or a path that ends in .safetensors"},
    )


class BeliefNet(Policy):
    """One network, the same for every node pair, and the newsvendor's form around it.

    After each slot the two ends of a pair know its demand and, once they have told each other, the
    sums of what they ask for in all their other pairs. The network makes of the last slots how
    likely each level of the pair's next slot is, and the ends send that law along the pair's route.
    The agent of a fibre holds the newsvendor's quantile of what its pairs add up to: it reserves
    what its own two pools lack. Nobody is told the forecast, what the jobs are, or the demand of
    pairs that do not concern it. Weights of version 1 say mean and variance in place of a law.
    """

    Options = BeliefNetOptions
    options: BeliefNetOptions
    _weights: tuple[Path, BeliefWeights] | None = None

    def owners(self, network: Network) -> np.ndarray:
        """Agents of ``qnetsim.network.ownership``."""
        from qnetsim.network.ownership import agents_of

        return agents_of(network.topology).owners

    def weights_sha256(self, network: Network) -> str:
        """SHA-256 of the file of weights."""
        return self._read().sha256

    def prepare(self, setting: Setting, plan: Plan | None) -> None:
        """Read the weights; nothing has been seen yet."""
        weights = self._read()
        self._warn_if_far(setting, weights)
        network = setting.network
        routes = setting.shortest_routes()
        self._belief = _stocks(weights, setting)
        self._channel_bits = network.channel_bits
        self._most = network.max_channels
        costs = network.costs
        cheaper = costs.km_reserved <= costs.km_on_demand
        self._wavelengths = np.where(cheaper, setting.requests_per_fibre(routes), 0)
        if network.max_wavelengths is not None:
            # more would be billed and never lit
            self._wavelengths = np.minimum(self._wavelengths, network.max_wavelengths)

    def decide(self, observation: Observation) -> Decision:
        """Reserve what the pools of the agent's own fibres lack, rounded to whole channels."""
        mine = observation.fibres
        held = observation.reservation_pool_bits + observation.on_demand_pool_bits
        lacking = self._belief.stock(mine, held) - held / self._channel_bits[mine]
        channels = np.floor(np.maximum(lacking, 0.0) + 0.5).astype(np.int64)
        if self._most is not None:
            channels = np.minimum(channels, self._most)
        return Decision(channels, self._wavelengths[mine])

    def learn(self, outcome: Outcome) -> None:
        """Take in the demand of the slots that are over."""
        self._belief.see(outcome)

    def _read(self) -> BeliefWeights:
        """Read the weights, once: those that a trace names are those that decide."""
        from qnetsim.policies.learned.belief_weights import read_belief

        path = self._file()
        if self._weights is None or self._weights[0] != path:
            self._weights = path, read_belief(path)
        return self._weights[1]

    def _file(self) -> Path:
        return model_file(NAME, self.options.model, DEFAULT_MODEL)

    def _warn_if_far(self, setting: Setting, weights: BeliefWeights) -> None:
        """Warn of a scenario that is not like those of the training."""
        from qnetsim.policies.learned.belief_facts import far_from
        from qnetsim.policies.learned.belief_weights import LawSpec
        from qnetsim.policies.learned.training_facts import ModelWarning

        says_laws = isinstance(weights.spec, LawSpec)
        if far := far_from(weights.card, setting, demand_only=says_laws):
            warnings.warn(
                f"policy {NAME!r}: model {self._file().stem} meets what it was little or not "
                f"trained for: {'; '.join(far)}",
                ModelWarning,
                stacklevel=2,
            )


def _stocks(weights: BeliefWeights, setting: Setting) -> StockBelief:
    """What says the stocks, by the version of the weights."""
    from qnetsim.policies.learned.belief_weights import LawSpec
    from qnetsim.policies.learned.law_belief import LawStock
    from qnetsim.policies.learned.moment_belief import MomentStock

    if isinstance(weights.spec, LawSpec):
        return LawStock(weights, setting)
    return MomentStock(weights, setting)
