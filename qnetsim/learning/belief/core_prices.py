"""Prices, stores and limits of a case, in channels, for the array core."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from qnetsim.case import Case
from qnetsim.learning.belief.array_core import CorePrices
from qnetsim.network import Network

#: Without a limit so many channels can be lit: more than any load.
NO_LIMIT = 1e9
#: Price of a channel that cannot be lit over that on demand, where blocking has no price.
UNPRICED = 10.0


def prices_of(case: Case, network: Network) -> CorePrices:
    """Prices of a network's fibres, by the case's stores and blocking.

    A request that is not served costs ``blocking_cost``. A channel that is short on a fibre blocks
    one of the requests over it, and one of many channels the likelier: so a channel that cannot be
    lit costs that price over the mean size of a request, weighted by size.
    """
    costs = network.costs
    keys = case.scenario.key_management
    lifetime = keys.key_lifetime_slots if keys.store_bits else 0
    store = keys.store_bits / network.channel_bits if lifetime else np.zeros(network.fibres)
    most = NO_LIMIT if network.max_channels is None else float(network.max_channels)
    blocked = costs.qkd_on_demand * UNPRICED
    if costs.blocking is not None:
        blocked = costs.blocking / _usual_size(case, network)
    return CorePrices(
        reserved=_tensor(costs.qkd_reserved),
        on_demand=_tensor(costs.qkd_on_demand),
        blocked=_tensor(np.broadcast_to(blocked, network.fibres)),
        store=_tensor(store),
        lifetime=lifetime,
        most=_tensor(np.full(network.fibres, most)),
    )


def _usual_size(case: Case, network: Network) -> np.ndarray:
    """Mean channels of the request to which a channel belongs, on each fibre."""
    forecast = case.forecast
    channels = network.level_channels(forecast.level_count).astype(np.float64)
    shares = forecast.probabilities[forecast.kind].mean(axis=0)
    return np.asarray((shares @ channels**2) / np.maximum(shares @ channels, 1e-9))


def _tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
