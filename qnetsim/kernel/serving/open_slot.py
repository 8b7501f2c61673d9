"""A slot whose requests were served and that has not ended yet: what they left can be taken."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

import numpy as np
import numpy.typing as npt

from qnetsim.arrays import IntArray
from qnetsim.kernel.serving.intervals import Interval
from qnetsim.kernel.serving.paths import PathTable
from qnetsim.kernel.serving.state import (
    EXPOSED_BITS,
    LIT,
    MAX_CHANNELS,
    ON_DEMAND,
    PORTS,
    QUEUED,
    READY,
    RESERVATION,
    USED,
    Flows,
    Hop,
    Rules,
    Slots,
    State,
)
from qnetsim.network import Route


@dataclass(frozen=True)
class TakenKey:
    """Key bits that were taken along a route.

    Attributes
    ----------
    bits : int
    ready : int
        Tick at which both ends have them.
    hops : list of Hop
        One for each fibre of the route.
    """

    bits: int
    ready: int
    hops: list[Hop]


class OpenSlot:
    """One slot between its arrivals and its end.

    Parameters
    ----------
    interval : Interval
        Of this slot alone.
    state, rules, slots, flows : tables of the key managers
    paths : PathTable
    loop : module
        ``qnetsim.kernel.serving.loop``, compiled or as it stands.
    """

    def __init__(
        self,
        *,
        interval: Interval,
        state: State,
        rules: Rules,
        slots: Slots,
        flows: Flows,
        paths: PathTable,
        loop: ModuleType,
    ) -> None:
        self.interval = interval
        self.flows = flows
        self.paths = paths
        self._state = state
        self._rules = rules
        self._slots = slots
        self._loop = loop
        self._end = (interval.first_slot + 1) * rules.slot_ticks
        #: End-to-end key bits that were taken here.
        self.taken_bits = 0

    def down(self, tick: int) -> npt.NDArray[np.bool_]:
        """Fibres that are down at an instant of the slot, shape (fibres,)."""
        slots = self._slots
        return np.asarray(slots.down[slots.mask[self._phase(tick)]])

    def known_down(self, tick: int) -> tuple[int, ...]:
        """Fibres that the control plane knows to be down, where requests heed it."""
        return self.paths.known(int(self._slots.table[self._phase(tick)]))

    def end(self) -> None:
        """Apply lifetime and cap of the stores; nothing can be taken any more."""
        state = self._state
        flows = self.flows
        self._loop.fibre_books.close(
            state.fibres,
            state.tails,
            self.interval.first_slot,
            self._rules.store_bits,
            flows.bits,
            flows.channels,
            flows.wavelengths,
            0,
        )
        self._loop.count_left(state.queue, state.size[QUEUED], flows.counts, 0)

    def _phase(self, tick: int) -> int:
        return int(np.searchsorted(self._slots.tick, tick, side="right")) - 1

    def takeable(self, allowed: IntArray, joined: set[int], tick: int) -> IntArray:
        """Bits that each fibre can give if it is up, shape (fibres,).

        Parameters
        ----------
        allowed : ndarray of int64, shape (fibres,)
            Channels that may still be lit on demand.
        joined : set of int
            Fibres on which the ends have a KM wavelength in this slot already.
        tick : int
        """
        state = self._state
        rules = self._rules
        room: IntArray = (state.tail - state.head).sum(axis=0)
        if tick + rules.setup <= self._end:
            spare = np.minimum(state.fibres[:, MAX_CHANNELS] - state.fibres[:, LIT], allowed)
            room += np.maximum(spare, 0) * self._slots.channel_bits[0]
        full = state.fibres[:, USED] >= state.fibres[:, PORTS]
        full[list(joined)] = False
        room[full] = 0
        return room

    def take(
        self, route: Route, most: int, allowed: IntArray, joined: set[int], tick: int
    ) -> TakenKey | None:
        """Take key bits on every fibre of a route, as many as there are; None for none.

        Parameters
        ----------
        route : Route
        most : int
            Bits that are wanted; whole bytes are given.
        allowed, joined, tick
            As for ``takeable``; brought up to date.
        """
        state = self._state
        bits = self._slots.channel_bits[0]
        fibres = list(route.fibres)
        if self.down(tick)[fibres].any():
            return None
        most = min(most, int(self.takeable(allowed, joined, tick)[fibres].min()))
        most -= most % 8
        if most <= 0:
            return None
        ready = tick
        hops: list[Hop] = []
        for f in route.fibres:
            fibre = state.fibres[f]
            before = state.head[:, f].copy()
            lit = int(fibre[LIT])
            late = self._loop.fibre_books.take(
                state.fibres, f, int(bits[f]), most, tick + self._rules.setup
            )
            allowed[f] -= int(fibre[LIT]) - lit
            if late:
                ready = max(ready, int(fibre[READY]))
            if f not in joined:
                joined.add(f)
                fibre[USED] += 1
            after = state.head[:, f]
            taken = after - before
            hops.append(
                Hop(
                    fibre=f,
                    reservation_offset=int(before[RESERVATION]),
                    reservation_bits=int(taken[RESERVATION]),
                    on_demand_offset=int(before[ON_DEMAND]),
                    on_demand_bits=int(taken[ON_DEMAND]),
                )
            )
        self.taken_bits += most
        self.flows.counts[EXPOSED_BITS, 0] += most * self.paths.relays_on(route)
        return TakenKey(most, ready, hops)
