"""The limits (28) and (29) of a fibre as rows on the requests that are on it.

Where all requests of a scenario need the same channels ρ, both limits say how many requests fit,
and are one row; rounding down closes most of the gap to the integer program. Where their ρ differ
on a fibre, (29) is a row of its own, in units of the greatest common divisor of all ρ there.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.network import Network
from qnetsim.network.model import MoreWavelengths

#: Positions of the rows: units of channels where ρ differs, and requests.
CHANNELS, REQUESTS = 0, 1

Number = TypeVar("Number", np.float64, np.int64)


class StateLimits(NamedTuple):
    """Rows ``Σ_d weights[…, i, d, e]·n_d(e) ≤ caps[…, i, e]`` on the requests n of a fibre e.

    Attributes
    ----------
    weights : ndarray of int64, shape (…, 2, distributions, fibres)
    caps : ndarray, shape (…, 2, fibres)
        Infinite where there is no such row.
    """

    weights: IntArray
    caps: FloatArray

    @property
    def most_requests(self) -> FloatArray:
        """Most requests that are on a fibre, from above, shape (…, fibres)."""
        lightest = self.weights.min(axis=-2)
        fit = np.where(lightest > 0, self.caps / np.maximum(lightest, 1), np.inf)
        return np.asarray(np.floor(fit).min(axis=-2))

    def used(self, loads: FloatArray) -> FloatArray:
        """Left side for the requests of each distribution, shape (…, 2, fibres).

        Parameters
        ----------
        loads : ndarray, shape (…, distributions, fibres)
        """
        return np.asarray((self.weights * loads[..., None, :, :]).sum(axis=-2))

    def lengths(self, prices: npt.NDArray[Number]) -> npt.NDArray[Number]:
        """What a request pays for its places on a fibre, shape (…, distributions, fibres).

        Parameters
        ----------
        prices : ndarray, shape (…, 2, fibres)
            Whole prices give whole lengths.
        """
        found: npt.NDArray[Number] = (self.weights * prices[..., None, :]).sum(axis=-3)
        return found

    def of(self, scenario: int) -> StateLimits:
        """Rows of one of many scenarios."""
        return StateLimits(self.weights[scenario], self.caps[scenario])

    def worth(self, prices: FloatArray) -> float:
        """What all places are worth together; prices are zero where there is no row."""
        return float((prices * np.where(np.isfinite(self.caps), self.caps, 0.0)).sum())


class MoreRoom(NamedTuple):
    """What one fibre has beyond the limits, and what requests between its ends can use of it.

    Attributes
    ----------
    more : MoreWavelengths
    users : ndarray, shape (distributions,)
        Requests of each distribution between the two ends, which alone can use it by continuity.
    """

    more: MoreWavelengths
    users: FloatArray


def state_limits(network: Network, rho: IntArray, beside: MoreRoom | None = None) -> StateLimits:
    """Rows of one scenario, or of many.

    Parameters
    ----------
    network : Network
    rho : ndarray of int64, shape (…, distributions, fibres)
        Channels of one request of each distribution.
    beside : MoreRoom, optional
        What one fibre has beyond the limits.
    """
    limits = _rows(network, rho)
    if beside is None:
        return limits
    fibre = beside.more.fibre
    wider = _rows(network.with_more_wavelengths(beside.more.qkd, beside.more.km), rho)
    caps = limits.caps.copy()
    own = (limits.weights[..., fibre] * beside.users).sum(axis=-1)
    caps[..., fibre] = np.minimum(wider.caps[..., fibre], caps[..., fibre] + own)
    return limits._replace(caps=caps)


def _rows(network: Network, rho: IntArray) -> StateLimits:
    """Rows of the limits that all fibres have."""
    unit = np.gcd.reduce(rho, axis=-2)
    alike = (rho == rho[..., :1, :]).all(axis=-2)
    units = np.full(unit.shape, np.inf)
    requests = np.full(unit.shape, np.inf)
    if network.max_wavelengths is not None:
        requests[:] = network.max_wavelengths
    if network.max_channels is not None:
        fit = network.max_channels // np.maximum(unit, 1)
        units = np.where(alike, np.inf, fit)
        requests = np.where(alike & (unit > 0), np.minimum(requests, fit), requests)
    weights = np.stack([rho // np.maximum(unit, 1)[..., None, :], np.ones_like(rho)], axis=-3)
    return StateLimits(weights, np.stack([units, requests], axis=-2))
