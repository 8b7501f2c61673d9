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
from qnetsim.network import BLOCKED, RouteTable

ALL = slice(None)


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


class Walk:
    """Serves single slots request by request, on one table of routes.

    Parameters
    ----------
    routes : RouteTable
    amounts : ndarray of int64, shape (levels, fibres)
        Bits that one request of a level takes on a fibre.
    """

    def __init__(self, routes: RouteTable, amounts: IntArray) -> None:
        self._choice = routes.choice
        self._fibres = [route.fibres for route in routes.routes]
        self._uses = routes.uses(amounts.shape[1])
        self._amounts = amounts
        self._needs = amounts.tolist()
        self._blocked = np.array([route == BLOCKED for route in routes.routes])

    def refused(self, queue: Queue) -> npt.NDArray[np.bool_]:
        """Requests that are given no route, shape (queue,): they are blocked at once."""
        return np.asarray(self._blocked[self._choice[queue.request, queue.level]])

    def refusals(self, levels: IntArray, group: IntArray) -> IntArray:
        """Count the requests of each slot that are given no route, shape (slots,).

        Parameters
        ----------
        levels : ndarray of int64, shape (slots, groups)
        group : ndarray of int64, shape (requests,)
        """
        if not self._blocked.any():
            return np.zeros(levels.shape[0], dtype=np.int64)
        table = np.zeros((levels.shape[1], self._choice.shape[1]), dtype=np.int64)
        np.add.at(table, group, self._blocked[self._choice])
        return np.asarray(table[np.arange(levels.shape[1]), levels].sum(axis=1))

    def admit(
        self,
        queue: Queue,
        overloaded: npt.NDArray[np.bool_],
        available_bits: IntArray,
        available_wavelengths: IntArray,
    ) -> npt.NDArray[np.bool_]:
        """Decide in order which requests of a slot are served.

        Only requests that touch an overloaded fibre can fail, and only overloaded fibres can
        fail them: the others could serve everybody.

        Parameters
        ----------
        queue : Queue
        overloaded : ndarray of bool, shape (fibres,)
        available_bits, available_wavelengths : ndarray of int64, shape (fibres,)
            What each fibre can give in this slot, pools and channels still to light together.

        Returns
        -------
        ndarray of bool, shape (queue,)
        """
        picked = self._choice[queue.request, queue.level]
        critical = np.asarray(self._uses[:, overloaded].any(axis=1))
        scarce = set(np.flatnonzero(overloaded).tolist())
        narrow = {
            i: [f for f in self._fibres[i] if f in scarce]
            for i in np.flatnonzero(critical).tolist()
        }
        bits, wavelengths = available_bits.tolist(), available_wavelengths.tolist()
        served = ~self._blocked[picked]
        touching = np.flatnonzero(critical[picked])
        steps = zip(
            touching.tolist(),
            picked[touching].tolist(),
            queue.level[touching].tolist(),
            strict=True,
        )
        for i, way, level in steps:
            need, fibres = self._needs[level], narrow[way]
            if all(wavelengths[f] >= 1 and bits[f] >= need[f] for f in fibres):
                for f in fibres:
                    bits[f] -= need[f]
                    wavelengths[f] -= 1
            else:
                served[i] = False
        return served

    def loads(
        self, queue: Queue, served: npt.NDArray[np.bool_] | slice = ALL
    ) -> tuple[IntArray, IntArray]:
        """Bits and wavelengths that the served requests of a slot take, shape (fibres,)."""
        request, level = queue.request[served], queue.level[served]
        levels, ways = len(self._needs), len(self._fibres)
        key = level * ways + self._choice[request, level]
        counts = np.bincount(key, minlength=levels * ways).reshape(levels, ways)
        crossings = counts @ self._uses
        return (crossings * self._amounts).sum(axis=0), crossings.sum(axis=0)
