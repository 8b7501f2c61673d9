"""What a world costs at least: every request served at the lowest prices, as if foreseen."""

from __future__ import annotations

import math

import numpy as np

from qnetsim.arrays import FloatArray
from qnetsim.case import Case
from qnetsim.errors import UsageError
from qnetsim.optimize.bounds import foreseen_routes
from qnetsim.scenario import FaultTable


def foreseen_prices(case: Case) -> FloatArray:
    """Least price of each group of requests at each level.

    No policy serves a slot's requests for less than the sum of these. A request takes ρ whole
    channel-slots and a KM wavelength on every fibre of some route, or it is blocked at its price.
    Channel-slots are produced at no less than the cheaper of both prices, and stores hold nothing
    that was not produced in the run. Limits, failures and tasks only add to the cost.

    Parameters
    ----------
    case : Case

    Returns
    -------
    ndarray of float64, shape (groups, levels)

    Raises
    ------
    UsageError
        Something in the scenario breaks this proof.
    """
    if broken := _what_breaks_the_proof(case):
        raise UsageError(f"no bound is proved for a scenario with {', '.join(broken)}")
    network, forecast = case.network, case.forecast
    blocking = math.inf if network.costs.blocking is None else network.costs.blocking
    prices = np.zeros((forecast.groups, forecast.level_count))
    channels = network.level_channels(forecast.level_count)
    cheapest = network.costs.cheapest
    for level, routes in enumerate(foreseen_routes(network, forecast)):
        by_fibre = channels[level] * cheapest.channels + cheapest.wavelengths
        for pair, group in zip(forecast.pairs, forecast.group.tolist(), strict=True):
            serving = float(by_fibre[list(routes[pair].fibres)].sum())
            prices[group, level] += min(serving, blocking)
    return prices


def _what_breaks_the_proof(case: Case) -> list[str]:
    """Parts that let requests take fewer channel-slots, or go unserved for nothing."""
    scenario = case.scenario
    keys, yields = scenario.key_management, scenario.yields
    fails = bool(scenario.outage) or scenario.faults != FaultTable()
    may_block = case.network.limited or fails or keys.on_demand_setup_s > 0
    parts = {
        "yields that vary": bool(yields.noise_counts or yields.drift),
        "requests that share channels": keys.granularity == "bit",
        "sessions": scenario.demand.holding_slots != 1,
        "requests that may still wait at the end": keys.patience_s > 0,
        "blocking that has no price": may_block and case.network.costs.blocking is None,
    }
    return [part for part, there in parts.items() if there]
