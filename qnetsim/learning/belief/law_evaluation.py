"""What reserving by the laws of pairs costs, worked out as it is in use."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from qnetsim.policies.base import Setting
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
        reserved = rule.quantiles()
        bought = np.maximum(loads.loads(now) - reserved, 0)
        if slot >= uncounted:
            total += float(reserved @ prices.qkd_reserved + bought @ prices.qkd_on_demand)
        rule.take_in(now)
    return total / (len(levels) - uncounted)
