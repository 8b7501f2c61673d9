"""A dual certificate for the newsvendor closed form, without solving any program.

The closed form sends each request over one route whatever its level. It is optimal if that route
can be the shortest in every scenario under prices α, γ that are feasible for the rows (23), (24).
With the newsvendor's own duals α and ``γ_e(s) = t_s·(c_km + g·c_qkd)_e − ρ_e(s)·α_e(s)`` the
lengths of all scenarios are multiples t_s of one another, so one path is shortest in all of them.
What remains is to find shares t_s that sum to one and keep every γ_e(s) within its bounds.
"""

from __future__ import annotations

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.network import UnitPrices
from qnetsim.optimize.columns.pricing import DualPrices, rescaled
from qnetsim.optimize.columns.problem import RoutesProblem


def newsvendor_prices(problem: RoutesProblem) -> DualPrices:
    """Feasible prices that make the newsvendor reservation of each fibre optimal.

    Where no shares t_s exist, the nearest ones are taken and γ is cut to its bounds: the prices
    are feasible all the same, but prove less. Requests with distributions of their own are given
    the prices of the mean request of each scenario.

    Parameters
    ----------
    problem : RoutesProblem
        With on-demand prices.

    Returns
    -------
    DualPrices
        Unscaled, with δ = 0.
    """
    assert problem.on_demand is not None
    weights = np.bincount(problem.distribution, problem.demand, problem.distributions)
    mean = np.tensordot(problem.channels, weights / weights.sum(), axes=(1, 0))
    alpha, gamma = _prices(problem.probabilities, mean, problem.reserved, problem.on_demand)
    return DualPrices(alpha, gamma, np.zeros(problem.limits.caps.shape))


def _prices(
    probabilities: FloatArray, channels: FloatArray, reserved: UnitPrices, on_demand: UnitPrices
) -> tuple[FloatArray, FloatArray]:
    """Prices α and γ where a request needs these channels, shape (scenarios, fibres)."""
    alpha = np.zeros(channels.shape)
    for fibre in range(channels.shape[1]):
        caps = probabilities * on_demand.channels[fibre]
        alpha[:, fibre] = _filled(caps, float(reserved.channels[fibre]), channels[:, fibre])
    caps = probabilities[:, None] * on_demand.wavelengths
    total = np.minimum(reserved.wavelengths, caps.sum(axis=0))
    used = channels * alpha
    length = total + used.sum(axis=0)
    share = _shares(used, caps, length)
    gamma = np.clip(share[:, None] * length - used, 0.0, caps)
    return alpha, rescaled(gamma, total)


def _filled(caps: FloatArray, total: float, order: FloatArray) -> FloatArray:
    """Spend ``total`` on the scenarios of highest order first, each up to its cap."""
    first = np.argsort(-order, kind="stable")
    room = np.clip(total - np.concatenate([[0.0], np.cumsum(caps[first])[:-1]]), 0.0, None)
    spent = np.zeros_like(caps)
    spent[first] = np.minimum(caps[first], room)
    return spent


def _shares(used: FloatArray, caps: FloatArray, length: FloatArray) -> FloatArray:
    """Shares t_s with ``used ≤ t_s·length ≤ used + caps`` on all fibres, where there are any."""
    real = length > 0
    if not real.any():
        return np.full(used.shape[0], 1.0 / used.shape[0])
    low = (used[:, real] / length[real]).max(axis=1)
    high = ((used + caps)[:, real] / length[real]).min(axis=1)
    high = np.maximum(high, low)
    room = float((high - low).sum())
    missing = 1.0 - float(low.sum())
    return np.asarray(low + (high - low) * (missing / room if room > 0 else 0.0))
