"""What laws of pairs cost in the case's own network, without stores and limits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from qnetsim.arrays import FloatArray
from qnetsim.case import Case
from qnetsim.optimize import marginal_loads, reservations
from qnetsim.optimize.marginals import expected_excess
from qnetsim.policies.rules.summed_loads import SummedLoads


class LawCosts:
    """Costs of channels by the quantiles of summed laws.

    Parameters
    ----------
    case : Case

    Attributes
    ----------
    best : float
        Expected cost C* of sip's channels under the forecast.
    """

    def __init__(self, case: Case) -> None:
        routes = case.setting.shortest_routes()
        self._sums = SummedLoads(case.setting, routes)
        self._groups = case.forecast.first_of_group
        costs = case.network.costs
        self._reserved, self._on_demand = costs.qkd_reserved, costs.qkd_on_demand
        self._wanted = self._sums.critical(np.zeros(case.network.fibres))
        loads = marginal_loads(case.network, case.forecast, routes)
        channels = reservations(case.network, loads).channels
        excess = [expected_excess(loads.channels[e], n) for e, n in enumerate(channels)]
        self.best = float(self._reserved @ channels + self._on_demand @ np.array(excess))

    def mean_over_best(self, laws: FloatArray, levels: npt.NDArray[np.int64]) -> float:
        """Mean cost of slots over C*.

        Parameters
        ----------
        laws : ndarray of float64, shape (slots, requests, levels)
        levels : ndarray of int64, shape (slots, requests)
            What was asked for.
        """
        total = 0.0
        for law, asked in zip(laws[:, self._groups], levels[:, self._groups], strict=True):
            stock = self._sums.quantile(self._sums.cumulative(law), self._wanted)
            short = np.maximum(self._sums.loads(asked) - stock, 0)
            total += float(self._reserved @ stock + self._on_demand @ short)
        return total / len(levels) / self.best
