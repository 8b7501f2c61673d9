"""Prices of the wavelength limits, from the duals of the relaxation."""

from __future__ import annotations

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.network.model import WAVELENGTHS_PER_CHANNEL
from qnetsim.optimize.columns.problem import RoutesProblem, WavelengthPrices
from qnetsim.optimize.columns.wavelength_limits import CHANNELS, REQUESTS


def limit_prices(problem: RoutesProblem, delta: FloatArray) -> WavelengthPrices | None:
    """What one more wavelength of each kind is worth; None where there is no limit.

    Where all requests of a scenario need the same ρ, the relaxation has one row for both limits,
    ⌊⌊|σ|/3⌋/ρ⌋ ∧ |κ| requests. Its price belongs to the limit that is the lesser, over the
    wavelengths that a request takes; where both let as many requests in, one of them alone is worth
    nothing. Where the ρ differ, each limit has a row of its own.

    Parameters
    ----------
    problem : RoutesProblem
    delta : ndarray, shape (scenarios, 2, fibres)
        Prices δ of the limits, in cost per slot.
    """
    network = problem.network
    if not network.limited:
        return None
    unit = np.gcd.reduce(problem.channels, axis=1)
    wavelengths = WAVELENGTHS_PER_CHANNEL * np.maximum(unit, 1)
    alike = (problem.channels == problem.channels[:, :1]).all(axis=1)
    binds = alike & (unit > 0) & (network.max_channels is not None)
    sigma = np.where(binds, (network.max_channels or 0) // np.maximum(unit, 1), np.inf)
    kappa = np.inf if network.max_wavelengths is None else float(network.max_wavelengths)
    units, requests = delta[:, CHANNELS], delta[:, REQUESTS]
    qkd = (units + np.where(sigma < kappa, requests, 0.0)) / wavelengths
    km = np.where(kappa < sigma, requests, 0.0)
    return WavelengthPrices(*(tuple(kind.sum(axis=0).tolist()) for kind in (qkd, km)))
