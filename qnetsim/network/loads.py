"""What realised levels load onto the fibres, for many slots in one array call."""

from __future__ import annotations

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
        uses = routes.uses(fibres)
        rows = np.zeros((groups, levels, 2 * fibres), dtype=np.int64)
        for level in range(levels):
            # requests of each group on each route, then routes on fibres
            places, counts = np.unique(
                group * len(routes.routes) + routes.choice[:, level], return_counts=True
            )
            of_group, route = np.divmod(places, len(routes.routes))
            present, first = np.unique(of_group, return_index=True)
            crossings = np.zeros((groups, fibres), dtype=np.int64)
            crossings[present] = np.add.reduceat(uses[route] * counts[:, None], first, axis=0)
            rows[:, level, :fibres] = crossings * amounts[level]
            rows[:, level, fibres:] = crossings
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
