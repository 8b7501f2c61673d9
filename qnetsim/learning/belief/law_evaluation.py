"""What reserving by the laws of pairs costs, worked out as it is in use."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from qnetsim import seeds
from qnetsim.arrays import IntArray
from qnetsim.policies.base import Observation, Outcome, Setting
from qnetsim.policies.learned.belief_weights import BeliefWeights
from qnetsim.policies.learned.pair_network import NetworkRule, PairNetwork
from qnetsim.policies.rules.summed_loads import SummedLoads


def cost_by_laws(
    weights: BeliefWeights, setting: Setting, levels: npt.NDArray[np.int16], uncounted: int
) -> float:
    """Mean cost of channels in a slot, where nothing is stored.

    Parameters
    ----------
    weights : BeliefWeights
    setting : Setting
    levels : ndarray of integers, shape (slots, groups)
    uncounted : int
        Slots at the start that are played and not counted.
    """
    network = setting.network
    rule = NetworkRule(PairNetwork(weights, setting.forecast, len(network.topology.nodes)))
    rule.prepare(setting, None)
    loads = SummedLoads(setting, setting.shortest_routes())
    prices = network.costs
    total = 0.0
    for slot, now in enumerate(levels.astype(np.int64)):
        reserved = rule.stock(_nothing_held(slot, network.fibres))
        bought = np.maximum(loads.loads(now) - reserved, 0)
        if slot >= uncounted:
            total += float(reserved @ prices.qkd_reserved + bought @ prices.qkd_on_demand)
        rule.learn(_outcome(slot, levels[slot : slot + 1], reserved[None], bought[None]))
    return total / (len(levels) - uncounted)


def _nothing_held(slot: int, fibres: int) -> Observation:
    """What one manager sees where nothing is stored."""
    none = np.zeros(fibres, dtype=np.int64)
    return Observation(
        slot=slot,
        slots_left=1,
        controller=0,
        fibres=np.arange(fibres),
        reservation_pool_bits=none,
        on_demand_pool_bits=none,
        waiting=0,
        outages=(),
        generator=np.random.Generator(seeds.stream(0, "not drawn from")),
        future=None,
    )


def _outcome(
    slot: int, levels: npt.NDArray[np.int16], reserved: IntArray, bought: IntArray
) -> Outcome:
    """What a rule is told of a slot; costs and KM wavelengths do not matter to it."""
    none = np.zeros_like(reserved)
    counts = np.zeros(1, dtype=np.int64)
    return Outcome(
        first_slot=slot,
        levels=levels,
        qkd_channels=reserved,
        km_wavelengths=none,
        on_demand_channels=bought,
        on_demand_wavelengths=none,
        cost=np.zeros((1, 6)),
        served=counts,
        blocked=counts,
    )
