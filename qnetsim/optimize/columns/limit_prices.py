"""Prices of the wavelength limits, from the duals of the relaxation."""

from __future__ import annotations

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.network.model import WAVELENGTHS_PER_CHANNEL
from qnetsim.optimize.columns.problem import RoutesProblem, WavelengthPrices


def limit_prices(problem: RoutesProblem, delta: FloatArray) -> WavelengthPrices | None:
    """What one more wavelength of each kind is worth; None where there is no limit.

    The relaxation has one row for both limits, ⌊⌊|σ|/3⌋/ρ⌋ ∧ |κ| requests. Its price belongs to
    the limit that is the lesser, over the wavelengths that a request takes; where both let as many
    requests in, one of them alone is worth nothing.

    Parameters
    ----------
    problem : RoutesProblem
    delta : ndarray, shape (scenarios, fibres)
        Prices δ of the limits, in cost per slot.
    """
    network = problem.network
    if not network.limited:
        return None
    rho = np.maximum(problem.channels, 1)
    sigma = np.inf if network.max_channels is None else network.max_channels // rho
    sigma = np.where(problem.channels > 0, sigma, np.inf)
    kappa = np.inf if network.max_wavelengths is None else float(network.max_wavelengths)
    qkd = np.where(sigma < kappa, delta / (WAVELENGTHS_PER_CHANNEL * rho), 0.0)
    km = np.where(kappa < sigma, delta, 0.0)
    return WavelengthPrices(*(tuple(kind.sum(axis=0).tolist()) for kind in (qkd, km)))
