"""Wavelength limits: a routing that keeps them, or a text that says what is missing where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.errors import InfeasibleError, SolverError
from qnetsim.network import Network
from qnetsim.network.model import WAVELENGTHS_PER_CHANNEL
from qnetsim.optimize.columns.routing_search import (
    KindRoute,
    RoutingProblem,
    RoutingSearch,
    Verdict,
    total_unserved,
)
from qnetsim.optimize.columns.wavelength_limits import StateLimits, state_limits
from qnetsim.optimize.wavelengths.assignment import colourable
from qnetsim.plain_text import counted, listed

#: How an infeasible scenario can be mended.
MEND = "raise it, ask for less, or give cost.blocking_cost to have requests blocked at a price"
#: Wavelengths by which a limit must grow to fit one channel or one KM wavelength more.
STEPS = {"|σ|": WAVELENGTHS_PER_CHANNEL, "|κ|": 1}
#: Limits that are tried until wavelengths with continuity are found.
MOST_TRIES = 6
#: Requests up to which wavelengths with continuity are sought at all.
MOST_REQUESTS = 300
#: Keys of the [network] table.
KEYS = {"|σ|": "qkd_wavelengths", "|κ|": "km_wavelengths"}
#: Most fibres, or pairs, that a message names.
NAMED = 12


def feasible_routing(problem: RoutingProblem) -> list[KindRoute]:
    """Routes over which all requests can be served within the limits, whole.

    Raises
    ------
    InfeasibleError
        There are none; names level or state, fibres, what they lack and the least limit that
        would do.
    SolverError
        Neither a routing nor a proof was found.
    """
    search = RoutingSearch(problem)
    verdict = search.decide(state_limits(problem.network, problem.channels))
    if verdict.fits:
        return verdict.routing
    if verdict.fits is None:
        raise SolverError(
            f"at {problem.when} the wavelength limits admit fractional routes, but "
            "neither an integer routing nor a proof that there is none was found over "
            f"{counted(len(search.routes), 'route')}; raise network.qkd_wavelengths or "
            "network.km_wavelengths, or give cost.blocking_cost"
        )
    raise InfeasibleError(_shortage(search, verdict))


def continuity_shortage(problem: RoutingProblem) -> str:
    """Text for limits that routes keep to, but no wavelengths with continuity do."""
    search = RoutingSearch(problem)
    network = problem.network
    limits = state_limits(network, problem.channels)
    verdict = search.decide(limits)
    topology = network.topology
    load = np.zeros(problem.channels.shape)
    for used in verdict.routing:
        load[used.kind.kind, list(used.route.fibres)] += 1
    full = np.flatnonzero((limits.used(load) >= limits.caps).any(axis=0)).tolist()
    names = listed([topology.fibre_title(e) for e in full], NAMED)
    return (
        f"infeasible: at {problem.when} all requests have routes, which fill the fibres "
        f"{names}, but no wavelengths on them keep continuity (26), (27) from end to end; "
        f"{_least_limits(search)}; {MEND}"
    )


def _shortage(search: RoutingSearch, verdict: Verdict) -> str:
    """Name level, fibres, unrouted pairs, what they lack, and what would do."""
    network = search.network
    topology = search.network.topology
    names = listed([topology.fibre_title(e) for e in verdict.tight], NAMED)
    unserved = dict.fromkeys(kind.pair for kind in verdict.unserved)
    pairs = listed([topology.pair_title(a, b) for a, b in unserved], NAMED)
    lacking = total_unserved(verdict)
    limits = []
    lacks = []
    if network.max_channels is not None:
        limits.append(f"⌊|σ|/3⌋ = {counted(network.max_channels, 'channel')}")
        rho = search.problem.channels
        here = rho[:, verdict.tight].max(axis=1) if verdict.tight else rho.max(axis=1)
        channels = sum(n * float(here[kind.kind]) for kind, n in verdict.unserved.items())
        lacks.append(counted(WAVELENGTHS_PER_CHANNEL * channels, "QKD wavelength"))
    if network.max_wavelengths is not None:
        limits.append(f"|κ| = {counted(network.max_wavelengths, 'KM wavelength')}")
        lacks.append(counted(lacking, "KM wavelength"))
    fibres = f"fibre {names} is" if len(verdict.tight) == 1 else f"fibres {names} are"
    verb = "lacks" if lacking == 1 else "lack"
    return (
        f"infeasible: at {search.problem.when} the {fibres} full "
        f"({' and '.join(limits)} per fibre); {counted(lacking, 'request')} ({pairs}) without a "
        f"route {verb} {' and '.join(lacks)} on a way of theirs; {_least_limits(search)}; {MEND}"
    )


def _least_limits(search: RoutingSearch) -> str:
    """The least |σ| or |κ| under which whole routes exist; both where neither alone would do."""
    network = search.network
    given = [
        name
        for name, limit in (("|σ|", network.qkd_wavelengths), ("|κ|", network.km_wavelengths))
        if limit is not None
    ]
    alone = [text for name in given if (text := _least_limit(search, name, network))]
    if alone:
        return f"the least limit that would do is {' or '.join(alone)}"
    free = replace(network, qkd_wavelengths=None, km_wavelengths=None)
    both = [text for name in given if (text := _least_limit(search, name, free))]
    return f"the least limits that would do are {' and '.join(both) or 'not known'}"


def _least_limit(search: RoutingSearch, name: str, network: Network) -> str | None:
    """Bisect for the least value of one limit; None where no value would do."""
    channels = search.problem.channels

    def limited(limit: int) -> Network:
        if name == "|σ|":
            return replace(network, qkd_wavelengths=limit)
        return replace(network, km_wavelengths=limit)

    def caps(limit: int) -> StateLimits:
        return state_limits(limited(limit), channels)

    each = channels.max(axis=1).tolist()
    together = sum(n * max(each[kind.kind], 1) for kind, n in search.problem.counts.items())
    most = STEPS[name] * together
    if not search.decide(caps(most)).fits:
        return None
    first = _least(lambda limit: search.splits(caps(limit)), 0, most)
    # whole requests may need a little more than split ones, and continuity more again
    found = 0
    tries = 0
    while first <= most:
        last = _last_alike(caps, first, most)
        verdict = search.decide(caps(first))
        tries += 1
        if verdict.fits:
            found = found or first
            if search.requests > MOST_REQUESTS or tries > MOST_TRIES:
                return f"{_setting(name, found)}, wavelength continuity left aside"
            # a limit that lets no further request onto a fibre may still help continuity
            if _keeps_continuity(limited(last), verdict, channels):
                fits = partial(_fits, limited, verdict, channels)
                return _setting(name, first if fits(first) else _least(fits, first, last))
        first = last + 1
    return None


def _least(does: Callable[[int], bool], low: int, high: int) -> int:
    """The least number that does, where ``high`` does and ``low`` does not."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if does(middle) else (middle, high)
    return high


def _last_alike(caps: Callable[[int], StateLimits], first: int, most: int) -> int:
    """The greatest limit under which as many requests fit on every fibre as under the first."""
    here = caps(first).caps
    last = first
    while last < most and np.array_equal(caps(last + 1).caps, here):
        last += 1
    return last


def _fits(
    limited: Callable[[int], Network], verdict: Verdict, channels: IntArray, limit: int
) -> bool:
    """Whether a routing keeps continuity under one more limit."""
    return _keeps_continuity(limited(limit), verdict, channels)


def _keeps_continuity(network: Network, verdict: Verdict, channels: IntArray) -> bool:
    """Whether wavelengths with continuity are found for a routing, or for one near it."""
    pairs = [used.kind.pair for used in verdict.routing]
    routes = [used.route for used in verdict.routing]
    rho = channels[[used.kind.kind for used in verdict.routing]]
    return colourable(network, pairs, routes, rho)


def _setting(name: str, limit: int) -> str:
    return f"network.{KEYS[name]} = {limit} ({name})"
