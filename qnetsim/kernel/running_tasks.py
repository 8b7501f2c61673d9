"""FEL tasks as the kernel runs them, and what they hold and ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from qnetsim.arrays import IntArray
from qnetsim.kernel.task_attacks import TaskAttacks
from qnetsim.network.routes import NodePair

if TYPE_CHECKING:
    from qnetsim.fel.messages import Message
    from qnetsim.fel.relays import RelayRule
    from qnetsim.fel.task_session import TaskSession


@dataclass(frozen=True)
class Task:
    """A FEL task as the kernel runs it.

    Attributes
    ----------
    session : TaskSession
    nodes : mapping from party to int
        Node of each party.
    rounds : int
    patience : int or None
        Ticks for which a message of a round waits for its keys; None: as long as it takes.
    on_demand_channels : int
        Channels that may be lit for the task on each fibre in a slot.
    compute : mapping from party to ndarray of int64, shape (rounds + 1,)
        Ticks for which a party computes ahead of what it sends.
    away : mapping from worker to ndarray of int64, shape (absences, 2)
        Ticks between which it is away.
    real : bool
        Every message is sealed with the key bytes that were delivered for it, and opened.
    relays : RelayRule, optional
        Which parties are kept out of the way of keys.
    missing : ndarray of bool, shape (rounds + 1, workers), optional
        Workers that take no part in a round.
    attacks : TaskAttacks, optional
        What befalls messages on the links.
    horizontal : bool
        Workers hold records of their own, and send messages of other kinds.
    """

    session: TaskSession
    nodes: Mapping[str, int]
    rounds: int
    patience: int | None
    on_demand_channels: int
    compute: Mapping[str, IntArray]
    away: Mapping[str, IntArray]
    real: bool = False
    relays: RelayRule | None = None
    missing: npt.NDArray[np.bool_] | None = None
    attacks: TaskAttacks | None = None
    horizontal: bool = False

    def back(self, party: str, tick: int) -> int:
        """When a party is there again: the tick itself where it is not away."""
        away = self.away.get(party)
        if away is None or not len(away):
            return tick
        last = int(np.searchsorted(away[:, 0], tick, side="right")) - 1
        return max(tick, int(away[last, 1])) if last >= 0 else tick

    def present(self, round_number: int, tick: int) -> list[str]:
        """Workers that take part in a round that begins at a tick."""
        workers = self.session.workers
        gone = [False] * len(workers) if self.missing is None else self.missing[round_number]
        return [w for w, out in zip(workers, gone, strict=True) if not out and self.here(w, tick)]

    def here(self, party: str, tick: int) -> bool:
        """Whether a party is there."""
        return self.back(party, tick) <= tick


@dataclass
class KeyRequest:
    """What one message still needs before it is delivered.

    ``again`` is the tick from which on a message that did not arrive is sent again.
    """

    message: Message
    departs: int
    deadline: int | None
    missing: int
    ready: int = 0
    again: int = 0
    delivered: bool | None = None


class KeptKeys(NamedTuple):
    """Key bytes that two parties hold for later messages, and the tick at which both have them."""

    size: int
    ready: int


NOTHING_KEPT = KeptKeys(0, 0)


@dataclass
class TaskKeys:
    """What a task holds for later messages, and what it took in this slot.

    Attributes
    ----------
    kept : dict from (source, target) to KeptKeys
    slot : int
        The slot that the other two are about.
    joined : dict from node pair to set of int
        Fibres on which the pair has a KM wavelength.
    allowed : ndarray of int64, shape (fibres,)
        Channels that the task may still light.
    """

    kept: dict[tuple[str, str], KeptKeys] = field(default_factory=dict)
    slot: int = -1
    joined: dict[NodePair, set[int]] = field(default_factory=dict)
    allowed: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def begin_slot(self, slot: int, fibres: int, channels: int) -> None:
        """Start anew in a slot: no wavelength, and so many channels on each fibre."""
        if slot != self.slot:
            self.slot = slot
            self.joined = {}
            self.allowed = np.full(fibres, channels, dtype=np.int64)
