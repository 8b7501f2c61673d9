"""The environment as arrays, for scenarios in which requests may be blocked.

These are scenarios with wavelength limits, noise or keys at the start. All requests of a slot ask
at its start and nobody waits, so a slot of all worlds is served in array steps. Requests are tried
one by one only where they cross a fibre that cannot serve all.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from qnetsim.arrays import BoolArray, IntArray
from qnetsim.case import Case
from qnetsim.learning.environment import CHUNK, World
from qnetsim.learning.run_environment import RunEnvironment
from qnetsim.network import RouteTable
from qnetsim.network.routes import trusted_relays
from qnetsim.world.realisation import Realisation

#: Channels or wavelengths of a fibre without a limit, and bits that count as enough for anything.
UNLIMITED = 2**53


class Blocked(NamedTuple):
    """Requests of a slot that are blocked.

    Attributes
    ----------
    requests : int
    bits, wavelengths : ndarray of int64, shape (fibres,)
        What they asked for.
    exposed : int
        Key bits that trusted relays would have seen.
    """

    requests: int
    bits: IntArray
    wavelengths: IntArray
    exposed: int


class Requests:
    """Requests of a slot, one by one.

    Parameters
    ----------
    case : Case
    routes : RouteTable
    """

    def __init__(self, case: Case, routes: RouteTable) -> None:
        forecast = case.forecast
        network = case.network
        levels = forecast.level_count
        self._group = forecast.group
        # the more urgent first, then the lower numbers
        self._order = np.argsort(forecast.priority, kind="stable")
        self._all = np.arange(forecast.requests)
        self._choice = routes.choice
        self._uses = routes.uses(network.fibres)
        self._need = network.request_bits(levels, case.scenario.key_management.granularity)
        segments = network.segments.tolist()
        relays = np.array([trusted_relays(route, segments) for route in routes.routes])
        key_bits = np.arange(levels, dtype=np.int64) * network.level_bits
        self._seen = key_bits * relays[self._choice]

    def exposed(self, levels: npt.NDArray[np.int16]) -> IntArray:
        """Key bits that trusted relays see where all are served, shape (worlds,).

        Parameters
        ----------
        levels : ndarray of int16, shape (worlds, groups)
        """
        return np.asarray(self._seen[self._all, levels[:, self._group]].sum(axis=1))

    def blocked(
        self, levels: npt.NDArray[np.int16], short: BoolArray, room: IntArray, ports: int
    ) -> Blocked:
        """Who is blocked in a world.

        A fibre that has enough for all requests that cross it blocks none of them. So only those
        are tried, in the order of the kernel, that cross another one.

        Parameters
        ----------
        levels : ndarray of int16, shape (groups,)
        short : ndarray of bool, shape (fibres,)
            Fibres that cannot serve all.
        room : ndarray of int64, shape (fibres,)
            Bits that a fibre has once all its channels are lit.
        ports : int
            KM wavelengths of a fibre.
        """
        asked = levels[self._group]
        paths = self._choice[self._all, asked]
        fibres = np.flatnonzero(short)
        on = self._uses[paths][:, fibres]
        tried = self._order[on.sum(axis=1)[self._order] > 0]
        left = room[fibres].tolist()
        free = [ports] * len(fibres)
        found = []
        needs = self._need[asked[tried]][:, fibres].tolist()
        for request, crossed, need in zip(tried.tolist(), on[tried].tolist(), needs, strict=True):
            places = [place for place, crosses in enumerate(crossed) if crosses]
            if any(not free[place] or left[place] < need[place] for place in places):
                found.append(request)
                continue
            for place in places:
                free[place] -= 1
                left[place] -= need[place]
        uses = self._uses[paths[found]]
        return Blocked(
            len(found),
            (uses * self._need[asked[found]]).sum(axis=0),
            uses.sum(axis=0),
            int(self._seen[found, asked[found]].sum()),
        )


class BlockingEnvironment(RunEnvironment):
    """Runs side by side whose requests may be blocked; results equal the kernel's.

    Parameters
    ----------
    case, worlds, purpose, seed, slots
        As those of :class:`RunEnvironment`.
    """

    #: Numbers of the worlds that were opened last.
    _opened: tuple[int, ...] = ()

    @cached_property
    def _requests(self) -> Requests:
        return Requests(self.case, self.routes)

    @cached_property
    def _most_channels(self) -> int:
        """Channels of a fibre that can be lit."""
        most = self.case.network.max_channels
        return UNLIMITED if most is None else most

    @cached_property
    def _ports(self) -> int:
        """KM wavelengths of a fibre that can be lit."""
        most = self.case.network.max_wavelengths
        return UNLIMITED if most is None else most

    def reset(self, worlds: Sequence[World] | None = None) -> None:
        """Begin the runs again, in the same worlds or in others."""
        super().reset(worlds)
        initial = self.case.scenario.key_management.initial_bits
        if initial:
            # made in the slot before the first one
            self.pools[0] = self._ages[-1, 0] = initial

    def _draw(self, chunk: int) -> None:
        """Draw the next chunk of each world once, whoever else has it too."""
        numbers = tuple(self._numbers())
        if chunk == 0:
            if numbers == self._opened and self._run.setting.slots <= CHUNK:
                return
            self._opened = numbers
            self._worlds = {number: self._realisation(number).chunks() for number in numbers}
        chunks = {number: next(world) for number, world in self._worlds.items()}
        self._drawn = np.stack([chunks[number].levels for number in numbers])
        bits = {
            number: self._bits[None]
            if found.yield_ppm is None
            else self.case.network.yield_bits(found.yield_ppm)
            for number, found in chunks.items()
        }
        self._yields: IntArray = np.stack([bits[number] for number in numbers])

    def _realisation(self, number: int) -> Realisation:
        run = self._run
        return Realisation(run.network, run.forecast, run.scenario, number)

    def _serve(
        self, channels: IntArray, wavelengths: IntArray, levels: npt.NDArray[np.int16]
    ) -> tuple[IntArray, IntArray]:
        """Channels and wavelengths lit on demand; moves the pools, and prices what is blocked."""
        need, count = (np.array(loads) for loads in self._need.loads(levels))
        # one row stands for all slots where there is no noise
        bits = self._yields[:, self.slot % CHUNK if self._yields.shape[1] > 1 else 0]
        lit = np.minimum(channels, self._most_channels)
        made = lit * bits
        per_channel = np.maximum(bits, 1)
        dark = np.minimum(self._most_channels - lit, UNLIMITED // per_channel)
        room = self.pools.sum(axis=0) + made + dark * bits
        short: BoolArray = (need > room) | (count > self._ports)
        requests = np.zeros(self.worlds, np.int64)
        exposed = self._requests.exposed(levels)
        for world in np.flatnonzero(short.any(axis=1)).tolist():
            found = self._requests.blocked(levels[world], short[world], room[world], self._ports)
            need[world] -= found.bits
            count[world] -= found.wavelengths
            requests[world] = found.requests
            exposed[world] -= found.exposed
        costs = self.case.network.costs
        self._charged = requests * (costs.blocking or 0.0) + exposed * costs.exposure
        return self._take(need, made, per_channel), np.maximum(count - wavelengths, 0)
