"""What a slot costs, as a differentiable array program over worlds and fibres.

Fibres are taken one by one and channels in fractions. So it leaves out what the kernel does by
the request: all fibres of a route or none, first come first served, whole channels on demand. Where
nothing is limited the first two make no difference.
"""

from __future__ import annotations

import torch
from torch import Tensor

from qnetsim.records import dataclass


@dataclass(frozen=True, eq=False)
class CorePrices:
    """Prices, stores and limits of every fibre, in channels; tensors of shape (fibres,).

    Attributes
    ----------
    reserved, on_demand : Tensor
        Of a channel in a slot.
    blocked : Tensor
        Of a channel that cannot be lit.
    store : Tensor
        Channel-slots that a pool keeps.
    lifetime : int
        Slots for which they last.
    most : Tensor
        Channels that can be lit in a slot.
    """

    reserved: Tensor
    on_demand: Tensor
    blocked: Tensor
    store: Tensor
    lifetime: int
    most: Tensor


class ArrayCore:
    """Pools of worlds side by side, and the cost of a stock that is wanted in each slot.

    Parameters
    ----------
    prices : CorePrices
    ages : Tensor, shape (lifetime, worlds, fibres)
        Channel-slots in the pools at the start, the oldest first.
    """

    def __init__(self, prices: CorePrices, ages: Tensor) -> None:
        self._prices = prices
        self.ages = ages

    def step(self, stock: Tensor, load: Tensor) -> Tensor:
        """Cost of a slot that begins with this stock and has this load, shape (worlds, fibres)."""
        prices = self._prices
        held = self.ages.sum(dim=0) if prices.lifetime else torch.zeros_like(load)
        # the policy reserves no more than can be lit
        reserved = torch.minimum(torch.relu(stock - held), prices.most)
        used = torch.minimum(load, held + reserved)
        short = load - used
        bought = torch.minimum(short, prices.most - reserved)
        if prices.lifetime:
            self._keep(reserved, used)
        return (
            reserved * prices.reserved
            + bought * prices.on_demand
            + (short - bought) * prices.blocked
        )

    def _keep(self, made: Tensor, used: Tensor) -> None:
        """End of the slot: the oldest were used first; then some expire, and some overflow."""
        ages = torch.cat([self.ages, made[None]])
        ages = _taken(ages, used)[1:]
        over = torch.relu(ages.sum(dim=0) - self._prices.store)
        self.ages = _taken(ages, over)

    def worth(self, load: Tensor) -> Tensor:
        """Reserved price of what one more slot with this load takes from the pools."""
        if not self._prices.lifetime:
            return torch.zeros_like(load)
        return torch.minimum(self.ages.sum(dim=0), load) * self._prices.reserved


def _taken(ages: Tensor, amount: Tensor) -> Tensor:
    """What is left when so much is taken, the oldest first."""
    before = torch.cumsum(ages, dim=0) - ages
    return ages - torch.minimum(torch.relu(amount - before), ages)
