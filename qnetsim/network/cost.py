"""Unit costs of Eq (8) from the prices of Table II."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

import numpy as np

from qnetsim.arrays import FloatArray, frozen
from qnetsim.network.chain import COMPONENTS, Spacing, segments
from qnetsim.scenario import CostTable, Prices
from qnetsim.units import exact


class UnitPrices(NamedTuple):
    """Prices of one QKD channel and of one KM wavelength on each fibre, per slot.

    Attributes
    ----------
    channels, wavelengths : ndarray of float64, shape (fibres,)
    """

    channels: FloatArray
    wavelengths: FloatArray


@dataclass(frozen=True)
class UnitCosts:
    """Cost of one QKD channel and of one KM wavelength on each fibre, per slot.

    The exact fractions are for comparisons (routes, ties), the floats for bills and programs.

    Attributes
    ----------
    exact_qkd_reserved, exact_km_reserved : tuple of Fraction
        c^b of a channel and of a KM wavelength on each fibre.
    exact_qkd_on_demand, exact_km_on_demand : tuple of Fraction
        c^o of a channel and of a KM wavelength on each fibre.
    qkd_reserved, km_reserved, qkd_on_demand, km_on_demand : ndarray of float64, shape (fibres,)
        The same as floats.
    blocking : float or None
        Price of a request that is not served; None where every request must be served.
    exposure : float
        Price of a key bit that a trusted relay sees in clear.
    """

    exact_qkd_reserved: tuple[Fraction, ...]
    exact_km_reserved: tuple[Fraction, ...]
    exact_qkd_on_demand: tuple[Fraction, ...]
    exact_km_on_demand: tuple[Fraction, ...]
    qkd_reserved: FloatArray
    km_reserved: FloatArray
    qkd_on_demand: FloatArray
    km_on_demand: FloatArray
    blocking: float | None
    exposure: float

    @cached_property
    def reserved(self) -> UnitPrices:
        """Reserved prices c^b."""
        return UnitPrices(self.qkd_reserved, self.km_reserved)

    @cached_property
    def on_demand(self) -> UnitPrices:
        """On-demand prices c^o."""
        return UnitPrices(self.qkd_on_demand, self.km_on_demand)

    @cached_property
    def cheapest(self) -> UnitPrices:
        """The cheaper of the reserved and the on-demand price, for a planner with foresight."""
        return UnitPrices(
            frozen(np.minimum(self.qkd_reserved, self.qkd_on_demand), np.float64),
            frozen(np.minimum(self.km_reserved, self.km_on_demand), np.float64),
        )

    @cached_property
    def exact_km_cheapest(self) -> tuple[Fraction, ...]:
        """Cheaper price of a KM wavelength, which every request needs on every fibre."""
        both = zip(self.exact_km_reserved, self.exact_km_on_demand, strict=True)
        return tuple(min(pair) for pair in both)

    @cached_property
    def exact_qkd_cheapest(self) -> tuple[Fraction, ...]:
        """Cheaper price of a channel for a planner that knows the demand."""
        both = zip(self.exact_qkd_reserved, self.exact_qkd_on_demand, strict=True)
        return tuple(min(pair) for pair in both)


def unit_costs(lengths_km: Sequence[float], span_km: Spacing, cost: CostTable) -> UnitCosts:
    """Price one channel-slot and one KM wavelength-slot on each fibre, Eq (8).

    ``c_qkd = 2N·β_T + N·β_R + 3·l·β_Ch`` and
    ``c_km = (N+1)·β_KM + (N−1)·β_SI + (2N−1)·β_MD + l·β_Ch``.
    """
    one = Fraction(1)
    factor = exact(cost.on_demand_multiplier)
    qkd_reserved, km_reserved = _priced(lengths_km, span_km, cost.reserved, one)
    qkd_on_demand, km_on_demand = _priced(lengths_km, span_km, cost.on_demand, factor)
    return UnitCosts(
        exact_qkd_reserved=qkd_reserved,
        exact_km_reserved=km_reserved,
        exact_qkd_on_demand=qkd_on_demand,
        exact_km_on_demand=km_on_demand,
        qkd_reserved=_floats(qkd_reserved),
        km_reserved=_floats(km_reserved),
        qkd_on_demand=_floats(qkd_on_demand),
        km_on_demand=_floats(km_on_demand),
        blocking=cost.blocking_cost,
        exposure=cost.exposure_cost,
    )


def _floats(column: Sequence[Fraction]) -> FloatArray:
    return frozen([float(x) for x in column], np.float64)


def _priced(
    lengths_km: Sequence[float], span_km: Spacing, prices: Prices, factor: Fraction
) -> tuple[tuple[Fraction, ...], tuple[Fraction, ...]]:
    """Price of a channel and of a KM wavelength on each fibre, times the factor."""
    b = {name: exact(getattr(prices, name)) * factor for name in COMPONENTS}
    # whole numbers of one unit: sums of fractions are slow
    unit = math.lcm(*(price.denominator for price in b.values()))
    c = {name: price.numerator * (unit // price.denominator) for name, price in b.items()}
    pair = 2 * c["transmitter"] + c["receiver"]
    each = c["key_manager"] + c["security_infrastructure"] + 2 * c["mux_demux"]
    once = c["key_manager"] - c["security_infrastructure"] - c["mux_demux"]
    qkd = []
    km = []
    counts = segments(lengths_km, span_km).tolist()
    for n, length in zip(counts, map(exact, lengths_km), strict=True):
        top, below = length.as_integer_ratio()
        wavelength = top * c["channel_km"]
        qkd.append(Fraction(n * pair * below + 3 * wavelength, unit * below))
        km.append(Fraction((n * each + once) * below + wavelength, unit * below))
    return tuple(qkd), tuple(km)
