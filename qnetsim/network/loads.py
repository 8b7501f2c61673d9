"""What realised levels load onto the fibres, for many slots in one array call."""

from __future__ import annotations

from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from qnetsim.arrays import IntArray, frozen
from qnetsim.network.routes import RouteTable


class Loads(NamedTuple):
    """Loads of the fibres in realised slots.

    Attributes
    ----------
    amounts : ndarray of int64, shape (slots, fibres)
        Summed amounts of the requests.
    requests : ndarray of int64, shape (slots, fibres)
        Number of requests, which is that of KM wavelengths.
    """

    amounts: IntArray
    requests: IntArray


class LoadTable:
    """Loads of the fibres for realised levels, exact in integers.

    Requests come in groups that share one level (comonotone demand is one group, independent
    demand has one group for each request). The load of a slot is a sum over groups of a row
    that depends on the group's level alone, so a block of slots is a gather for one group and
    a sparse product for several.

    Parameters
    ----------
    routes : RouteTable
    group : ndarray of int64, shape (requests,)
        Group of each request, 0 .. groups - 1.
    amounts : ndarray of int64, shape (levels, fibres)
        What one request of a level puts on a fibre of its route, for example bits or channels.
    """

    def __init__(self, routes: RouteTable, group: IntArray, amounts: IntArray) -> None:
        levels, fibres = amounts.shape
        groups = int(group.max()) + 1
        sizes = np.array([len(route.fibres) for route in routes.routes], dtype=np.int64)
        starts = np.cumsum(sizes) - sizes
        taken = np.fromiter(chain.from_iterable(r.fibres for r in routes.routes), dtype=np.int64)
        rows = np.zeros((groups, levels, 2 * fibres), dtype=np.int64)
        for level in range(levels):
            # requests of each group on each route, then the fibres of these routes
            places, counts = np.unique(
                group * len(routes.routes) + routes.choice[:, level], return_counts=True
            )
            of_group, route = np.divmod(places, len(routes.routes))
            size = sizes[route]
            within = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
            fibre = taken[np.repeat(starts[route], size) + within]
            crossings = np.bincount(
                np.repeat(of_group * fibres, size) + fibre,
                weights=np.repeat(counts, size),
                minlength=groups * fibres,
            ).astype(np.int64)
            rows[:, level, fibres:] = crossings.reshape(groups, fibres)
            rows[:, level, :fibres] = rows[:, level, fibres:] * amounts[level]
        self.fibres = fibres
        self.groups = groups
        self.levels = levels
        self._rows: IntArray = frozen(rows.reshape(groups * levels, 2 * fibres), np.int64)

    def loads(self, levels: npt.NDArray[np.integer[Any]]) -> Loads:
        """Load of every fibre in every slot.

        Parameters
        ----------
        levels : ndarray of integers, shape (slots, groups)
        """
        slots, groups = levels.shape
        if groups == 1:
            both = self._rows[levels[:, 0]]
        else:
            # loads in 0.1 s, and is not used where all requests share one level
            from scipy import sparse

            columns = levels + np.arange(groups, dtype=np.int64) * self.levels
            picks = sparse.csr_array(
                (
                    np.ones(slots * groups, dtype=np.int64),
                    columns.ravel(),
                    np.arange(slots + 1, dtype=np.int64) * groups,
                ),
                shape=(slots, groups * self.levels),
            )
            both = np.asarray(picks @ self._rows)
        return Loads(both[:, : self.fibres], both[:, self.fibres :])
