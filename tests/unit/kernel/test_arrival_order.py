"""Requests in order of arrival, sorted as single numbers or, where those are too long, by place."""

from __future__ import annotations

import numpy as np
import pytest

from qnetsim.kernel.serving.arrival_order import in_order
from qnetsim.recycled import Recycled


@pytest.mark.parametrize("longest", [3, 10**9, 2**59])
@pytest.mark.parametrize("requests, classes", [(1, 1), (2, 1), (40, 3), (65, 1)])
def test_requests_come_by_tick_class_and_number(longest, requests, classes) -> None:
    random = np.random.default_rng(requests)
    arrivals = random.integers(0, longest, (50, requests), endpoint=True)
    arrivals[0, 0] = longest
    priority = random.integers(0, classes, requests)
    order, offset = in_order(arrivals, priority, classes, Recycled())
    for row, ticks in enumerate(arrivals.tolist()):
        rank = sorted(range(requests), key=lambda r: (ticks[r], priority[r], r))
        assert order[row].tolist() == rank
        assert offset[row].tolist() == [ticks[r] for r in rank]
    assert order.dtype == offset.dtype == np.int64
