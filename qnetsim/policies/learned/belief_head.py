"""From what pairs expect to what fibres shall have: sums of means, roots of summed variances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qnetsim.arrays import FloatArray
from qnetsim.network import Network, RouteTable

#: Least variance of a fibre's load, so that the root has a slope.
LEAST_VARIANCE = 1e-6
#: Furthest quantile, for prices on demand that are next to nothing or beyond all bounds.
FURTHEST = 4.0


@dataclass(frozen=True, eq=False)
class FibreHead:
    """Routes and prices by which the beliefs of pairs become stocks of fibres.

    ``S_e = Σ mean + z·√Σ variance`` over the pairs routed over fibre e, in channels; ``z`` is
    ``a + b·Φ⁻¹(1 − c^b/c^o)`` with two numbers that are learnt. For a normal load, a = 0 and b = 1
    is the newsvendor's quantile.

    Attributes
    ----------
    crossing : ndarray of float64, shape (requests, fibres)
        1 where a request is routed over a fibre.
    per_level : ndarray of float64, shape (fibres,)
        Channels that a level takes on each fibre.
    quantile : ndarray of float64, shape (fibres,)
        Φ⁻¹ of the share of slots for which reserving a channel pays.
    worth : ndarray of bool, shape (fibres,)
        Where reserving is cheaper than buying on demand at all.
    """

    crossing: FloatArray
    per_level: FloatArray
    quantile: FloatArray
    worth: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, network: Network, routes: RouteTable, levels: int) -> FibreHead:
        """Head of a network whose requests take these routes.

        Parameters
        ----------
        network : Network
        routes : RouteTable
            Those of the lowest level count.
        levels : int
        """
        from scipy.special import ndtri

        costs = network.costs
        reserved, on_demand = costs.qkd_reserved, costs.qkd_on_demand
        worth = on_demand > reserved
        share = 1.0 - np.divide(
            reserved, on_demand, out=np.ones_like(reserved), where=on_demand > 0
        )
        quantile = np.clip(ndtri(np.clip(share, 0.0, 1.0)), -FURTHEST, FURTHEST)
        uses = routes.uses(network.fibres)[routes.choice[:, 0]]
        channels = network.level_channels(levels)
        return cls(
            crossing=uses.astype(np.float64),
            per_level=channels[-1] / max(levels - 1, 1),
            quantile=np.asarray(quantile, dtype=np.float64),
            worth=worth,
        )

    def stock(self, mean: FloatArray, variance: FloatArray, safety: FloatArray) -> FloatArray:
        """Channel-slots that each fibre shall have, shape (fibres,); fractions are left.

        Parameters
        ----------
        mean, variance : ndarray of float64, shape (requests,)
            Of the next level of each pair.
        safety : ndarray of float64, shape (2,)
            a and b.
        """
        expected = mean @ self.crossing * self.per_level
        spread = np.sqrt(variance @ self.crossing * self.per_level**2 + LEAST_VARIANCE)
        z = safety[0] + safety[1] * self.quantile
        return np.asarray(np.where(self.worth, np.maximum(expected + z * spread, 0.0), 0.0))
