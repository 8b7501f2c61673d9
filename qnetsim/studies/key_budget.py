"""Keys that a FEL task takes from a network, computed without running it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from qnetsim.arrays import FloatArray, IntArray, frozen
from qnetsim.case import Case
from qnetsim.case.tasks import open_session
from qnetsim.errors import SettingError
from qnetsim.fel.key_usage import KeyUsageTable, run_flow
from qnetsim.fel.protocol import RoundOutcome
from qnetsim.network import shortest_routes
from qnetsim.optimize.routing import newsvendor_lengths


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
    """

    setup: KeyUsageTable
    round: KeyUsageTable
    setup_bits: IntArray
    round_bits: IntArray
    bits_per_slot: IntArray

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
    return KeyBudget(
        setup=setup,
        round=one_round,
        setup_bits=_fibre_bits(case, number, setup),
        round_bits=_fibre_bits(case, number, one_round),
        bits_per_slot=frozen(lit, np.int64),
    )


def _fibre_bits(case: Case, number: int, usage: KeyUsageTable) -> IntArray:
    """Key bits by fibre, every key on the cheapest route of its pair."""
    network = case.network
    nodes = network.topology.nodes
    needed = {
        (min(ends), max(ends)): count
        for pair, count in usage.key_bytes_by_pair().items()
        for ends in [tuple(map(nodes.index, pair))]
    }
    lengths = newsvendor_lengths(network, case.forecast)
    routes = shortest_routes(network.topology, lengths, needed)
    bits = np.zeros(network.fibres, dtype=np.int64)
    for pair, count in needed.items():
        if pair not in routes:
            a, b = (nodes[n] for n in pair)
            raise SettingError([(("fel", number), f"no path joins {a!r} and {b!r}")])
        bits[list(routes[pair].fibres)] += 8 * count
    return frozen(bits, np.int64)
