"""Serve requests from the pools: arrays for many slots, a walk where a fibre is overloaded.

A request takes its bits on every fibre of its route or none at all, first come first served.
Taking bits in order drains the reservation pool, then the on-demand pool, then lights channels
whose bits enter the on-demand pool. So for a given set of served requests the totals of a fibre
do not depend on their order, and a request fits exactly if what is asked up to and with it is
at most what the pools hold plus what all channels that may still be lit would yield.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qnetsim.arrays import IntArray
from qnetsim.kernel.links import channels_for
from qnetsim.network import RouteTable


@dataclass(frozen=True)
class Taken:
    """How served bits split over the pools, shape (slots, fibres)."""

    reservation: IntArray
    on_demand: IntArray
    lit_on_demand: IntArray


def take(
    demand: IntArray, reservation: IntArray, on_demand: IntArray, channel_bits: IntArray
) -> Taken:
    """Split what is asked: reservation pool, then on-demand pool, then channels to light.

    Parameters
    ----------
    demand : ndarray of int64, shape (slots, fibres)
        Bits asked of each fibre by requests that are served.
    reservation, on_demand : ndarray of int64, broadcastable to that shape
        Bits in the pools.
    channel_bits : ndarray of int64, shape (fibres,)
    """
    from_reservation = np.minimum(demand, reservation)
    rest = demand - from_reservation
    lit = channels_for(np.maximum(rest - on_demand, 0), channel_bits)
    return Taken(from_reservation, rest, lit)


@dataclass(frozen=True)
class Queue:
    """Requests in the order in which they are served: who, and at which level."""

    request: IntArray
    level: IntArray


def admit(
    queue: Queue,
    routes: RouteTable,
    amounts: IntArray,
    overloaded: npt.NDArray[np.bool_],
    available_bits: IntArray,
    available_wavelengths: IntArray,
) -> npt.NDArray[np.bool_]:
    """Decide in order which requests of one slot are served.

    Only requests that touch an overloaded fibre can fail, and only overloaded fibres can fail
    them: the others could serve everybody.

    Parameters
    ----------
    queue : Queue
    routes : RouteTable
    amounts : ndarray of int64, shape (levels, fibres)
        Bits that one request of a level takes on a fibre.
    overloaded : ndarray of bool, shape (fibres,)
    available_bits, available_wavelengths : ndarray of int64, shape (fibres,)
        What the fibre can give in this slot, pools and channels still to light together.

    Returns
    -------
    ndarray of bool, shape (queue,)
    """
    narrow = [[f for f in route.fibres if overloaded[f]] for route in routes.routes]
    picked = routes.choice[queue.request, queue.level]
    touching = np.array([bool(fibres) for fibres in narrow])[picked]
    bits, wavelengths = available_bits.tolist(), available_wavelengths.tolist()
    served = np.ones(picked.size, dtype=bool)
    for i in np.flatnonzero(touching).tolist():
        need = amounts[queue.level[i]]
        fibres = narrow[picked[i]]
        if all(wavelengths[f] >= 1 and bits[f] >= need[f] for f in fibres):
            for f in fibres:
                bits[f] -= int(need[f])
                wavelengths[f] -= 1
        else:
            served[i] = False
    return served


def loads_of(
    queue: Queue, served: npt.NDArray[np.bool_], routes: RouteTable, amounts: IntArray
) -> tuple[IntArray, IntArray]:
    """Bits and wavelengths that the served requests of one slot take, shape (fibres,)."""
    bits = np.zeros(amounts.shape[1], dtype=np.int64)
    wavelengths = np.zeros(amounts.shape[1], dtype=np.int64)
    keys = queue.level[served] * len(routes.routes)
    keys = keys + routes.choice[queue.request, queue.level][served]
    for key, count in zip(*np.unique(keys, return_counts=True), strict=True):
        level, position = divmod(int(key), len(routes.routes))
        fibres = list(routes.routes[position].fibres)
        bits[fibres] += count * amounts[level, fibres]
        wavelengths[fibres] += count
    return bits, wavelengths
