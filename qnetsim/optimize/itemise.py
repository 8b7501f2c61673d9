"""Itemise a plan: components of Eqs (1)-(6) per fibre and per request, and their prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.forecast import Forecast
from qnetsim.network import COMPONENTS, Network
from qnetsim.network.chain import Component
from qnetsim.optimize.plan import Plan
from qnetsim.scenario import CostTable, Prices

Units = Mapping[Component, FloatArray]


@dataclass(frozen=True)
class Items:
    """Units of each component and their cost, for a list of fibres or of requests.

    Attributes
    ----------
    reserved, on_demand : mapping from component to ndarray, shape (items,)
        Units per slot; on demand they are expectations.
    cost : ndarray of float64, shape (items,)
        Expected cost per slot of each item.
    """

    reserved: Units
    on_demand: Units
    cost: FloatArray


@dataclass(frozen=True)
class Itemised:
    """A plan's components, seen by fibre and by request; both views sum to the objective.

    ``unassigned`` has one item: what is reserved on fibres that no request uses.
    """

    fibres: Items
    requests: Items
    unassigned: Items


def itemise(plan: Plan, network: Network, forecast: Forecast, cost: CostTable) -> Itemised:
    """Split a plan into components.

    A request's part of a fibre is its share of the fibre's expected use, so that what is
    reserved for all is split among those for whom it is reserved.
    """
    by_fibre = plan.components(network)
    share_q, share_x = plan.shares(network, forecast)
    fibres = _items(*by_fibre, cost)
    requests = _items(
        _split(network, share_q, share_x, plan.qkd_channels, plan.km_wavelengths),
        _split(network, share_q, share_x, plan.on_demand_channels, plan.on_demand_wavelengths),
        cost,
    )
    unassigned = _items(
        _rest(fibres.reserved, requests.reserved), _rest(fibres.on_demand, requests.on_demand), cost
    )
    return Itemised(fibres, requests, unassigned)


def _split(
    network: Network,
    share_q: FloatArray,
    share_x: FloatArray,
    channels: FloatArray,
    wavelengths: FloatArray,
) -> Units:
    units = network.bill.totals(share_q * channels, share_x * wavelengths)
    return {component: values.sum(axis=1) for component, values in units.items()}


def _rest(whole: Units, parts: Units) -> Units:
    rest = {c: np.array([whole[c].sum() - parts[c].sum()]) for c in COMPONENTS}
    # rounding of the shares must not show up as components
    return {c: np.where(np.abs(v) < 1e-9 * (1 + whole[c].sum()), 0.0, v) for c, v in rest.items()}


def _items(reserved: Units, on_demand: Units, cost: CostTable) -> Items:
    total = priced(reserved, cost.reserved) + cost.on_demand_multiplier * priced(
        on_demand, cost.on_demand
    )
    return Items(reserved, on_demand, total)


def priced(units: Units, prices: Prices) -> FloatArray:
    """Price units of components, shape (items,)."""
    costs: FloatArray = np.sum([units[c] * getattr(prices, c) for c in COMPONENTS], axis=0)
    return costs
