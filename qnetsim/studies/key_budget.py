"""Keys that a FEL task takes from a network, computed without running it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from qnetsim.arrays import FloatArray, IntArray, frozen
from qnetsim.case import Case
from qnetsim.case.task_relays import relay_rule
from qnetsim.case.tasks import open_session
from qnetsim.errors import SettingError
from qnetsim.fel.key_usage import KeyUsageTable, run_flow
from qnetsim.fel.messages import MessageKind
from qnetsim.fel.protocol import RoundOutcome
from qnetsim.fel.relays import Leg, RelayedKeys
from qnetsim.network import Route, shortest_routes
from qnetsim.network.routes import NodePair
from qnetsim.optimize.routing import newsvendor_lengths


@dataclass(frozen=True)
class RoutedKeys:
    """Key bits of a message and their route."""

    leg: Leg
    route: Route
    bits: int


@dataclass(frozen=True)
class KeyBudget:
    """Keys that a task takes, message by message and fibre by fibre.

    The size of a message does not depend on its content, so counting one set-up and one round gives
    the keys of all rounds in which every worker takes part.

    Attributes
    ----------
    setup, round : KeyUsageTable
        Messages and their keys.
    setup_bits, round_bits : ndarray of int64, shape (fibres,)
        Key bits that the messages take from each fibre: an end-to-end key costs its length on
        every fibre of its route.
    bits_per_slot : ndarray of int64, shape (fibres,)
        Key bits that the channels lit for the task yield in a slot.
    round_relayed : dict from party to RelayedKeys
        Key bits of others' messages of a round that pass each party's node.
    """

    setup: KeyUsageTable
    round: KeyUsageTable
    setup_bits: IntArray
    round_bits: IntArray
    bits_per_slot: IntArray
    round_relayed: dict[str, RelayedKeys]

    @property
    def slots_by_fibre(self) -> FloatArray:
        """Slots in which each fibre makes the bits of a round, shape (fibres,)."""
        return _slots(self.round_bits, self.bits_per_slot)

    @property
    def bottleneck(self) -> int:
        """Fibre that takes longest."""
        return int(np.argmax(self.slots_by_fibre))

    @property
    def slots_per_round(self) -> float:
        """Slots in which every fibre makes the bits of a round."""
        return float(self.slots_by_fibre.max())

    @property
    def slots_for_setup(self) -> float:
        """Slots in which every fibre makes the bits of the set-up."""
        return float(_slots(self.setup_bits, self.bits_per_slot).max())

    def rounds_in(self, slots: int) -> int:
        """Whole rounds that the keys of so many slots are enough for, after those of the set-up."""
        left = slots * self.bits_per_slot - self.setup_bits
        if (left < 0).any():
            return 0
        used = self.round_bits > 0
        return int((left[used] // self.round_bits[used]).min())


def _slots(bits: IntArray, bits_per_slot: IntArray) -> FloatArray:
    # a fibre without a channel never yields what is needed
    without_channel = np.where(bits > 0, math.inf, 0.0)
    return np.divide(bits, bits_per_slot, out=without_channel, where=bits_per_slot > 0)


def key_budget(case: Case, number: int, channels: int = 1) -> KeyBudget:
    """Plan the keys of a task without running it.

    Parameters
    ----------
    case : Case
    number : int
        Which ``[[fel]]`` table, from 0.
    channels : int
        Channels lit for the task on every fibre, as many as |σ| allows.

    Raises
    ------
    SettingError
        No path joins two parties.
    """
    table = case.scenario.fel[number]
    session = open_session(table, number, case.scenario.run.seed, counted=True)
    setup = KeyUsageTable()
    run_flow(session.setup(), setup)
    one_round = KeyUsageTable()
    run_flow(session.round(session.workers, RoundOutcome()), one_round)
    most = case.network.max_channels
    lit = case.network.channel_bits * (channels if most is None else min(channels, most))
    round_keys = _routed(case, number, one_round)
    return KeyBudget(
        setup=setup,
        round=one_round,
        setup_bits=_fibre_bits(case, _routed(case, number, setup)),
        round_bits=_fibre_bits(case, round_keys),
        bits_per_slot=frozen(lit, np.int64),
        round_relayed=_relayed(case, number, round_keys),
    )


def _routed(case: Case, number: int, usage: KeyUsageTable) -> list[RoutedKeys]:
    """Messages of a task, their keys on the cheapest routes that they may take."""
    topology = case.network.topology
    nodes = topology.nodes
    rule = relay_rule(case.scenario.fel[number])
    by_barred: dict[frozenset[str], list[tuple[Leg, NodePair, int]]] = {}
    for (step, purpose, source, target), entry in usage.entries.items():
        leg = Leg(MessageKind(step, purpose), source, target)
        a, b = sorted((nodes.index(source), nodes.index(target)))
        by_barred.setdefault(rule.barred(leg), []).append((leg, (a, b), entry.key_bytes))
    lengths = newsvendor_lengths(case.network, case.forecast)
    found = []
    for barred, messages in by_barred.items():
        ends = (end for name in barred for end in topology.neighbours[nodes.index(name)])
        closed = frozenset(end.fibre for end in ends)
        routes = shortest_routes(topology, lengths, [pair for _, pair, _ in messages], closed)
        for leg, pair, count in messages:
            if pair not in routes:
                text = f"no path joins {leg.source!r} and {leg.target!r}"
                raise SettingError([(("fel", number), text)])
            found.append(RoutedKeys(leg, routes[pair], 8 * count))
    return found


def _fibre_bits(case: Case, keys: list[RoutedKeys]) -> IntArray:
    """Key bits by fibre."""
    bits = np.zeros(case.network.fibres, dtype=np.int64)
    for one in keys:
        bits[list(one.route.fibres)] += one.bits
    return frozen(bits, np.int64)


def _relayed(case: Case, number: int, keys: list[RoutedKeys]) -> dict[str, RelayedKeys]:
    """Key bits of others' messages that pass each party."""
    nodes = case.network.topology.nodes
    rule = relay_rule(case.scenario.fel[number])
    found = {name: RelayedKeys() for name in rule.roles.names}
    for one in keys:
        for node in one.route.nodes[1:-1]:
            if nodes[node] in found:
                found[nodes[node]].add(one.bits, readable=nodes[node] in rule.readers(one.leg))
    return found
