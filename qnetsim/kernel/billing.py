"""The bill of a slot, Eq (21): what was reserved, and what was lit on demand."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from qnetsim.arrays import FloatArray, IntArray, handed
from qnetsim.network import UnitCosts


def bill(
    costs: UnitCosts,
    channels: IntArray,
    wavelengths: IntArray,
    on_demand_channels: IntArray,
    on_demand_wavelengths: IntArray,
    blocked: IntArray,
    exposed: IntArray,
    sums: ModuleType | None = None,
) -> dict[str, FloatArray]:
    """Price each slot, by kind of cost.

    Parameters
    ----------
    costs : UnitCosts
    channels, wavelengths : ndarray of int64, shape (slots, fibres)
        Reserved; billed whether lit or dark, used or not.
    on_demand_channels, on_demand_wavelengths : ndarray of int64, shape (slots, fibres)
        Lit on demand; billed for the whole slot.
    blocked : ndarray of int64, shape (slots,)
        Requests blocked or interrupted; billed where blocking has a price.
    exposed : ndarray of int64, shape (slots,)
        Key bits seen in clear by trusted relays; billed where exposure has a price.
    sums : module, optional
        ``qnetsim.kernel.serving.sums``, compiled.

    Returns
    -------
    dict of ndarray, shape (slots,)
        By the names of ``qnetsim.vocabulary.BILL_COLUMNS``.
    """
    return {
        "qkd_reserved_cost": _dot(channels, costs.qkd_reserved, sums),
        "km_reserved_cost": _dot(wavelengths, costs.km_reserved, sums),
        "qkd_on_demand_cost": _dot(on_demand_channels, costs.qkd_on_demand, sums),
        "km_on_demand_cost": _dot(on_demand_wavelengths, costs.km_on_demand, sums),
        "blocking_cost": np.asarray(blocked * (costs.blocking or 0.0), dtype=np.float64),
        "exposure_cost": np.asarray(exposed * costs.exposure, dtype=np.float64),
    }


def _dot(amounts: IntArray, prices: FloatArray, sums: ModuleType | None) -> FloatArray:
    """Sum over fibres strictly from left to right: the same on every machine and block size."""
    rows = len(amounts)
    if amounts.strides[0] == 0 and rows > 1:
        # a standing decision: one row for all slots
        return np.broadcast_to(_dot(amounts[:1], prices, None), rows)
    if sums is not None:
        found = np.empty(rows)
        sums.priced(handed(amounts), handed(prices), found)
        return found
    if rows < len(prices):
        return np.asarray(np.add.accumulate(amounts * prices, axis=1)[:, -1])
    # a line for each fibre: whole lines are added faster
    lines = np.multiply(amounts.T, prices[:, None], order="C")
    total = lines[0]
    for line in lines[1:]:
        total += line
    return np.asarray(total)
