"""A plan with explicit wavelengths in plain numbers, as the checker of (22)-(31) takes it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from qnetsim.forecast import Forecast
from qnetsim.network import BLOCKED, Network
from qnetsim.network.model import WAVELENGTHS_PER_CHANNEL
from qnetsim.optimize.lightpaths.checker import CheckedPlan
from qnetsim.optimize.lightpaths.lightpaths import Lightpaths
from qnetsim.optimize.plan import Plan
from qnetsim.optimize.wavelengths.assignment import Assignment, assign


def wavelengths_of(plan: Plan, network: Network, forecast: Forecast) -> Assignment | None:
    """Wavelengths of a plan: its own, or where there are no limits any that keep continuity.

    None for independent demand and for plans without a colouring.
    """
    if plan.assignment is not None or not forecast.comonotone:
        return plan.assignment
    return None if network.limited else assign(network, forecast, plan.routes)[0]


def explicit_plan(
    plan: Plan, network: Network, forecast: Forecast, assignment: Assignment
) -> CheckedPlan:
    """Spell a plan out; what the first stage lacks in a scenario is bought on demand.

    On demand counts what is bought in a scenario, in wavelengths; its expectation is the plan's
    second stage.
    """
    rho = network.level_channels(forecast.level_count)
    levels = sorted(assignment.qkd)
    states = forecast.joint.levels
    lightpaths = []
    channels = []
    blocked = []
    used_km = np.zeros((len(levels), network.fibres))
    used_qkd = np.zeros((len(levels), network.fibres))
    for s, k in enumerate(levels):
        line: list[Lightpaths] = []
        need: list[int] = []
        for r in range(forecast.requests):
            route = plan.routes.route(r, k)
            km = assignment.km[k][r]
            qkd = assignment.qkd[k][r]
            links = tuple(pairwise(route.nodes))
            line.append(Lightpaths(links, route.fibres, (km,) * len(links), (qkd,) * len(links)))
            fibres = list(route.fibres)
            need.append(int(rho[states[forecast.kind[r], k], fibres].max()) if fibres else 0)
            used_km[s, fibres] += 1
            used_qkd[s, fibres] += WAVELENGTHS_PER_CHANNEL * need[-1]
        lightpaths.append(tuple(line))
        channels.append(need)
        refused = [r for r in range(forecast.requests) if plan.routes.route(r, k) == BLOCKED]
        blocked.append(frozenset(refused))
    reserved_qkd = WAVELENGTHS_PER_CHANNEL * plan.qkd_channels
    return CheckedPlan(
        fibres=network.topology.fibres,
        pairs=forecast.pairs,
        channels=channels,
        km_reserved=plan.km_wavelengths.tolist(),
        qkd_reserved=reserved_qkd.tolist(),
        km_on_demand=np.maximum(used_km - plan.km_wavelengths, 0).tolist(),
        qkd_on_demand=np.maximum(used_qkd - reserved_qkd, 0).tolist(),
        lightpaths=tuple(lightpaths),
        km_limit=network.km_wavelengths,
        qkd_limit=network.qkd_wavelengths,
        blocked=tuple(blocked),
    )
