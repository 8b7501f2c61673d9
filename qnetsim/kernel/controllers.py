"""Controller processes: they ask the policy at the start of a slot and post its decision."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass

import numpy as np
from simpy.events import Event

from qnetsim.arrays import IntArray
from qnetsim.errors import PolicyError
from qnetsim.kernel.clock import Clock, Priority
from qnetsim.kernel.context import SimulationContext
from qnetsim.network import BLOCKED, Network, RouteTable
from qnetsim.network.routes import NodePair
from qnetsim.plain_text import counted
from qnetsim.policies import Decision, Observation, Policy, Setting
from qnetsim.policies.base import guarded
from qnetsim.units import MAX_RUN_BITS, MAX_SLOT_BITS

#: Most channels or wavelengths that can be reserved on a fibre.
RESERVATION_MAX = 2**31 - 1


def reservable_channels(network: Network, slots: int) -> int:
    """Most channels that can be reserved on a fibre, so that the bits of a run can be counted."""
    bits = int(network.channel_bits.max())
    return min(RESERVATION_MAX, MAX_SLOT_BITS // bits, MAX_RUN_BITS // (bits * slots))


@dataclass
class StandingDecision:
    """The decision that stands on a controller's fibres: rows from ``start`` to ``until``."""

    start: int
    until: int
    channels: IntArray
    wavelengths: IntArray


class DecisionBoard:
    """Where controllers post decisions and the key managers read them."""

    def __init__(self, setting: Setting, owners: IntArray) -> None:
        network = setting.network
        self.owned = [np.flatnonzero(owners == c) for c in range(int(owners.max()) + 1)]
        self._standing: list[StandingDecision | None] = [None] * len(self.owned)
        self._network = network
        self._pairs = setting.forecast.pairs
        self._slots = setting.slots
        self.routes: RouteTable | None = None
        self._decide_s: dict[int, float] = {}
        self._most = reservable_channels(network, setting.slots)

    def post(self, controller: int, slot: int, decision: object) -> int:
        """Check a decision and let it stand; returns the slots for which it does.

        Raises
        ------
        PolicyError
            Saying what is wrong with the decision.
        """
        if not isinstance(decision, Decision):
            raise PolicyError(f"decide returned {type(decision).__name__}, not a Decision")
        hold = decision.hold_slots
        if isinstance(hold, bool) or not isinstance(hold, int | np.integer) or hold < 1:
            raise PolicyError(f"hold_slots is {hold!r}; it must be an integer >= 1")
        owned = self.owned[controller].size
        channels = _checked("qkd_channels", decision.qkd_channels, int(hold), owned, self._most)
        wavelengths = _checked(
            "km_wavelengths", decision.km_wavelengths, int(hold), owned, RESERVATION_MAX
        )
        if decision.routes is not None and decision.routes is not self.routes:
            if len(self.owned) > 1:
                raise PolicyError(
                    "a decision gives routes, but several controllers share the network; "
                    "only a single controller may route"
                )
            check_routes(decision.routes, self._network, self._pairs)
            self.routes = decision.routes
        hold = min(int(hold), self._slots - slot)
        self._standing[controller] = StandingDecision(slot, slot + hold, channels, wavelengths)
        return hold

    def until(self) -> int:
        """First slot that is not yet decided on every fibre."""
        return min(standing.until for standing in self._standing if standing)

    def rows(self, first: int, end: int) -> tuple[IntArray, IntArray]:
        """Channels and wavelengths reserved in slots first .. end − 1, shape (slots, fibres)."""
        if len(self.owned) == 1 and self._standing[0]:
            one = self._standing[0]
            return _slice(one.channels, one, first, end), _slice(one.wavelengths, one, first, end)
        shape = (end - first, self._network.fibres)
        channels = np.zeros(shape, np.int64)
        wavelengths = np.zeros(shape, np.int64)
        for owned, standing in zip(self.owned, self._standing, strict=True):
            if standing:
                channels[:, owned] = _slice(standing.channels, standing, first, end)
                wavelengths[:, owned] = _slice(standing.wavelengths, standing, first, end)
        return channels, wavelengths

    def took(self, slot: int, seconds: float) -> None:
        """Note the wall-clock time of a decision."""
        self._decide_s[slot] = self._decide_s.get(slot, 0.0) + seconds

    def decide_seconds(self, first: int, end: int) -> np.ndarray:
        """Wall-clock time of the decisions in these slots, shape (slots,); forgets them."""
        column = np.zeros(end - first)
        for slot in [slot for slot in self._decide_s if slot < end]:
            column[slot - first] = self._decide_s.pop(slot)
        return column


def _checked(name: str, value: object, hold: int, owned: int, most: int) -> IntArray:
    # no masked array is about where their module is not loaded, and to load it takes a while
    masked = sys.modules.get("numpy.ma")
    if masked is not None and isinstance(value, masked.MaskedArray):
        raise PolicyError(f"{name} is a masked array; give plain integers")
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise PolicyError(f"{name} is not an array: {error}") from None
    if array.dtype.kind not in "iu":
        raise PolicyError(f"{name} has dtype {array.dtype}; it must hold integers")
    if array.shape not in {(owned,), (hold, owned)}:
        raise PolicyError(
            f"{name} has shape {array.shape}; it must be ({owned},), or ({hold}, {owned}) for a "
            "schedule of hold_slots rows"
        )
    if array.size and (int(array.min()) < 0 or int(array.max()) > most):
        raise PolicyError(f"{name} must lie in 0 .. {most}")
    return array.astype(np.int64)


def _slice(values: IntArray, standing: StandingDecision, first: int, end: int) -> IntArray:
    if values.ndim == 1:
        return np.broadcast_to(values, (end - first, values.size))
    return values[first - standing.start : end - standing.start]


def check_routes(table: RouteTable, network: Network, pairs: tuple[NodePair, ...]) -> None:
    """Refuse a route table that does not join every request's nodes by simple paths."""
    if not isinstance(table, RouteTable):
        raise PolicyError(f"routes is a {type(table).__name__}, not a RouteTable")
    if table.requests != len(pairs):
        raise PolicyError(
            f"routes has {counted(table.requests, 'request')}; the scenario has {len(pairs)}"
        )
    choice = table.choice
    if choice.size and not 0 <= int(choice.min()) <= int(choice.max()) < len(table.routes):
        raise PolicyError("routes.choice points outside routes.routes")
    ends = network.topology.fibres
    for route in table.routes:
        if route == BLOCKED:
            continue
        steps = zip(route.nodes, route.nodes[1:], route.fibres, strict=False)
        joined = len(route.nodes) == len(route.fibres) + 1 and all(
            0 <= fibre < len(ends) and {a, b} == set(ends[fibre]) for a, b, fibre in steps
        )
        if not joined or len(set(route.nodes)) != len(route.nodes):
            raise PolicyError(f"{route} is not a simple path of the topology")
    for request, pair in enumerate(pairs):
        for position in set(choice[request].tolist()):
            nodes = table.routes[position].nodes
            if nodes and {nodes[0], nodes[-1]} != set(pair):
                raise PolicyError(f"request {request} joins {pair}, its route {nodes} does not")


@dataclass(frozen=True)
class Controller:
    """One deciding entity: it asks the policy and posts what that decides.

    Attributes
    ----------
    number : int
    policy : Policy
    board : DecisionBoard
    observe : callable
        Gives what the controller sees by its number and the slot.
    """

    number: int
    policy: Policy
    board: DecisionBoard
    observe: Callable[[int, int], Observation]

    def process(self, clock: Clock, context: SimulationContext) -> Generator[Event, None, None]:
        """Decide as a SimPy process, which wakes when the last decision ends."""
        title = context.title
        slot = 0
        while slot < context.setting.slots:
            yield clock.at(slot * context.slot_ticks, Priority.DECISION, self.number)
            context.check()
            started = time.perf_counter()
            with guarded(title, f"decide at slot {slot}"):
                decision = self.policy.decide(self.observe(self.number, slot))
            try:
                hold = self.board.post(self.number, slot, decision)
            except PolicyError as error:
                raise PolicyError(f"policy {title} at slot {slot}: {error}") from None
            self.board.took(slot, time.perf_counter() - started)
            slot += hold
