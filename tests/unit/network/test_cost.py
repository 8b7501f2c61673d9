"""Unit costs of Eq (8), component by component, and the cheaper of two prices."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from fractions import Fraction

import numpy as np
import pytest

from qnetsim.network.cost import UnitCosts, unit_costs
from qnetsim.scenario import CostTable

#: Prices of which no sum of a few is another one.
RESERVED = {
    "transmitter": 1.0,
    "receiver": 100.0,
    "key_manager": 1e4,
    "security_infrastructure": 1e6,
    "mux_demux": 1e8,
    "channel_km": 1e10,
}
ON_DEMAND = {name: 3 * price for name, price in RESERVED.items()}


def table(**more: object) -> CostTable:
    return CostTable.model_validate({"reserved": RESERVED, "on_demand": ON_DEMAND, **more})


def test_both_unit_costs_count_every_component_of_the_chain() -> None:
    """Chains of 1, 2 and 7 segments, 1.5, 200 and 1050 km long."""
    lengths, spans = [1.5, 200.0, 1050.0], [100.0, 100.0, 160.0]
    costs = unit_costs(lengths, spans, table(on_demand_multiplier=0.5))
    qkd = [
        2 * 1 + 1 * 100 + 3 * Fraction(3, 2) * 10**10,
        4 * 1 + 2 * 100 + 3 * 200 * 10**10,
        14 * 1 + 7 * 100 + 3 * 1050 * 10**10,
    ]
    km = [
        2 * 10**4 + 0 * 10**6 + 1 * 10**8 + Fraction(3, 2) * 10**10,
        3 * 10**4 + 1 * 10**6 + 3 * 10**8 + 200 * 10**10,
        8 * 10**4 + 6 * 10**6 + 13 * 10**8 + 1050 * 10**10,
    ]
    half = Fraction(3, 2)
    assert costs.exact_qkd_reserved == tuple(qkd)
    assert costs.exact_km_reserved == tuple(km)
    assert costs.exact_qkd_on_demand == tuple(half * x for x in qkd)
    assert costs.exact_km_on_demand == tuple(half * x for x in km)


def test_prices_and_lengths_are_the_decimals_that_were_written() -> None:
    prices = table(
        reserved=dict.fromkeys(RESERVED, 0.1) | {"channel_km": 0.7},
        on_demand=dict.fromkeys(RESERVED, 1e-7),
        on_demand_multiplier=0.3,
    )
    costs = unit_costs([12.34, 0.3], [5.0, 0.1], prices)
    tenth, per_km, rare = Fraction(1, 10), Fraction(7, 10), Fraction(3, 10**8)
    assert costs.exact_qkd_reserved == (
        9 * tenth + 3 * per_km * Fraction(1234, 100),
        9 * tenth + 3 * per_km * Fraction(3, 10),
    )
    assert costs.exact_km_reserved == (
        11 * tenth + per_km * Fraction(1234, 100),
        11 * tenth + per_km * Fraction(3, 10),
    )
    assert costs.exact_qkd_on_demand[0] == rare * (9 + 3 * Fraction(1234, 100))
    assert costs.exact_km_on_demand[1] == rare * (11 + Fraction(3, 10))


def test_floats_are_those_of_the_fractions_and_cannot_be_written() -> None:
    costs = unit_costs([0.1, 1050.0], 160.0, table())
    for name in ("qkd_reserved", "km_reserved", "qkd_on_demand", "km_on_demand"):
        floats, exact = getattr(costs, name), getattr(costs, f"exact_{name}")
        assert floats.dtype == np.float64
        assert floats.tolist() == [float(x) for x in exact]
        with pytest.raises(ValueError, match="read-only"):
            floats[0] = 0.0
    with pytest.raises(FrozenInstanceError):
        costs.exposure = 1.0  # type: ignore[misc]


def test_prices_of_blocking_and_exposure_are_handed_on() -> None:
    costs = unit_costs([1.0], 160.0, table())
    assert (costs.blocking, costs.exposure) == (None, 0.0)
    costs = unit_costs([1.0], 160.0, table(blocking_cost=7.0, exposure_cost=0.25))
    assert (costs.blocking, costs.exposure) == (7.0, 0.25)


def of(qkd: list[int], km: list[int], qkd_on_demand: list[int], km_on_demand: list[int]):
    columns = [tuple(map(Fraction, x)) for x in (qkd, km, qkd_on_demand, km_on_demand)]
    floats = [np.array(x, dtype=float) for x in (qkd, km, qkd_on_demand, km_on_demand)]
    return UnitCosts(*columns, *floats, blocking=None, exposure=0.0)


def test_the_cheaper_price_is_taken_fibre_by_fibre() -> None:
    """On the first fibre the reserved one, on the second the one on demand; then the other way."""
    costs = of([1, 9, 5], [8, 2, 6], [3, 4, 5], [7, 3, 6])
    assert costs.exact_qkd_cheapest == (1, 4, 5)
    assert costs.exact_km_cheapest == (7, 2, 6)


def test_price_lists_of_different_lengths_are_refused() -> None:
    costs = of([1, 9], [8, 2], [3, 4], [7, 3])
    short = (Fraction(1),)
    with pytest.raises(ValueError, match="zip"):
        _ = replace(costs, exact_qkd_on_demand=short).exact_qkd_cheapest
    with pytest.raises(ValueError, match="zip"):
        _ = replace(costs, exact_km_on_demand=short).exact_km_cheapest
