"""Requests that add the same to every load: far fewer kinds than requests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.forecast import Forecast
from qnetsim.network import RouteTable

#: What a request adds to a load: the position of its distribution, and a value for each level.
Addend = tuple[int, tuple[int, ...]]


class AlikeRequests(NamedTuple):
    """Kinds of request: of one distribution, bundle and route at each level.

    Attributes
    ----------
    distribution, bundle : list of int
        Positions of both; the bundle is 0 where there are none.
    choice : ndarray of int64, shape (kinds, levels)
        Positions of the routes.
    sizes : list of int
        Requests of each kind.
    """

    distribution: list[int]
    bundle: list[int]
    choice: IntArray
    sizes: list[int]

    @classmethod
    def of(cls, forecast: Forecast, routes: RouteTable) -> AlikeRequests:
        """Put requests together that add the same to every load."""
        bundle = np.array(forecast.bundles or np.zeros(forecast.requests), dtype=np.int64)
        rows = np.column_stack([forecast.kind, bundle, routes.choice])
        kinds, count = np.unique(rows, axis=0, return_counts=True)
        return cls(kinds[:, 0].tolist(), kinds[:, 1].tolist(), kinds[:, 2:], count.tolist())

    def addends(self, per_level: IntArray) -> Iterator[tuple[int, Addend, int]]:
        """Bundle, addend and number of the requests of each kind that add to a load.

        Parameters
        ----------
        per_level : ndarray of int64, shape (kinds, levels)
            What a request of each kind adds at each level.
        """
        columns = (self.bundle, self.distribution, per_level.tolist(), self.sizes)
        for bundle, distribution, row, count in zip(*columns, strict=True):
            if any(row):
                yield bundle, (distribution, tuple(row)), count
