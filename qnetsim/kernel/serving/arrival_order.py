"""The order in which the requests of a slot arrive."""

from __future__ import annotations

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.recycled import Recycled


def in_order(
    arrivals: IntArray, priority: IntArray, classes: int, memory: Recycled
) -> tuple[IntArray, IntArray]:
    """Requests of each slot in order of arrival, and their ticks.

    At one instant the more urgent come first, then the lower numbers.

    Parameters
    ----------
    arrivals : ndarray of int64, shape (slots, requests)
        Ticks from the slot's start.
    priority : ndarray of int64, shape (requests,)
        Below ``classes``.
    classes : int
    memory : Recycled
        Where both lie.
    """
    requests = arrivals.shape[1]
    number = max(requests - 1, 1).bit_length()
    behind = number + max(classes - 1, 1).bit_length()
    if int(arrivals.max(initial=0)) >> (63 - behind):
        key = arrivals * classes + priority
        order = np.argsort(key, axis=1, kind="stable").astype(np.int64)
        return order, np.take_along_axis(arrivals, order, axis=1)
    # tick, class and request in one number: numbers are sorted faster than their places
    key = np.left_shift(arrivals, behind, out=memory.empty(arrivals.shape))
    key += (priority << number) + np.arange(requests)
    key.sort(axis=1)
    order = np.bitwise_and(key, (1 << number) - 1, out=memory.empty(arrivals.shape))
    return order, np.right_shift(key, behind, out=key)
