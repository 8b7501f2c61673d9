"""Unit costs of Eq (8) from the prices of Table II."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from qnetsim.arrays import FloatArray, frozen
from qnetsim.network.chain import COMPONENTS, Spacing, segments
from qnetsim.scenario import CostTable, Prices
from qnetsim.units import exact


@dataclass(frozen=True)
class UnitCosts:
    """Cost of one QKD channel-slot and one KM wavelength-slot on each fibre.

    The exact fractions serve comparisons (routes, ties); the float arrays, shape (fibres,),
    serve bills and programs. ``blocking`` is the price of a request that is not served; None
    where it has none. ``exposure`` is the price of a key bit that a trusted relay sees in clear.
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

    @property
    def exact_km_cheapest(self) -> tuple[Fraction, ...]:
        """Cheaper price of a KM wavelength, which every request needs on every fibre."""
        both = zip(self.exact_km_reserved, self.exact_km_on_demand, strict=True)
        return tuple(min(pair) for pair in both)

    @property
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
    reserved = _priced(lengths_km, span_km, cost.reserved, one)
    on_demand = _priced(lengths_km, span_km, cost.on_demand, factor)
    return UnitCosts(
        exact_qkd_reserved=reserved[0],
        exact_km_reserved=reserved[1],
        exact_qkd_on_demand=on_demand[0],
        exact_km_on_demand=on_demand[1],
        qkd_reserved=_floats(reserved[0]),
        km_reserved=_floats(reserved[1]),
        qkd_on_demand=_floats(on_demand[0]),
        km_on_demand=_floats(on_demand[1]),
        blocking=cost.blocking_cost,
        exposure=cost.exposure_cost,
    )


def _floats(column: Sequence[Fraction]) -> FloatArray:
    return frozen([float(x) for x in column], np.float64)


def _priced(
    lengths_km: Sequence[float], span_km: Spacing, prices: Prices, factor: Fraction
) -> tuple[tuple[Fraction, ...], tuple[Fraction, ...]]:
    b = {name: exact(getattr(prices, name)) * factor for name in COMPONENTS}
    qkd = []
    km = []
    counts = segments(lengths_km, span_km).tolist()
    for n, length in zip(counts, map(exact, lengths_km), strict=True):
        qkd.append(2 * n * b["transmitter"] + n * b["receiver"] + 3 * length * b["channel_km"])
        km.append(
            (n + 1) * b["key_manager"]
            + (n - 1) * b["security_infrastructure"]
            + (2 * n - 1) * b["mux_demux"]
            + length * b["channel_km"]
        )
    return tuple(qkd), tuple(km)
