"""What the kernel records, chunk by chunk, and the ledger that every chunk must satisfy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from qnetsim.arrays import IntArray
from qnetsim.errors import LedgerError
from qnetsim.kernel.serving.state import RESERVATION, STORED
from qnetsim.kernel.serving.sums import MOST_BITS
from qnetsim.network import Topology
from qnetsim.units import MAX_SLOT_BITS
from qnetsim.vocabulary import FLOWS, POOLS

#: Long rows that are added up in one step.
ROWS_AT_ONCE = 32
#: Slots whose flows add up in 64 bits.
MOST_ROWS = 2**63 // MAX_SLOT_BITS

Columns = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class SlotBlock:
    """Consecutive slots: one array for each recorded column, rows first.

    ``totals`` holds the running totals after the block: those of the ledger, ``pool_flow_bits`` to
    shape (fibres,), the trust exposure, and the rounds of FEL tasks. ``requests`` holds the rows of
    the requests whose fates fell in the block, where requests are followed. ``blank`` names flows
    of pools that are zero throughout.
    """

    first_slot: int
    columns: Columns
    totals: Columns
    requests: Columns | None = None
    blank: frozenset[str] = frozenset()

    @property
    def slots(self) -> int:
        """Number of slots."""
        return int(self.columns["arrived"].shape[0])


class Ledger:
    """Collects the columns of the current chunk, and checks that keys are conserved in it.

    Parameters
    ----------
    topology : Topology
    policy : str
        Stands in messages.
    sums : module, optional
        ``qnetsim.kernel.serving.sums``, compiled; array steps are taken unless given.
    initial_bits : int
        In the reservation pool of each fibre ahead of the first slot.
    """

    def __init__(
        self,
        topology: Topology,
        policy: str,
        sums: ModuleType | None = None,
        initial_bits: int = 0,
    ) -> None:
        self._topology = topology
        self._sums = sums
        self._policy = policy
        fibres = len(topology.fibres)
        self._stored = {pool: np.zeros(fibres, dtype=np.int64) for pool in POOLS}
        self._stored[POOLS[RESERVATION]] += initial_bits
        self._totals = {pool: np.zeros((len(FLOWS), fibres), dtype=np.int64) for pool in POOLS}
        self._parts: list[Columns] = []
        self._first = 0

    def add(self, columns: Columns) -> None:
        """Append an interval."""
        self._parts.append(columns)

    def close(self, others: Mapping[str, npt.NDArray[Any]]) -> SlotBlock:
        """Join the intervals since the last close, check the ledger, and start anew.

        Parameters
        ----------
        others : mapping
            Running totals beside the ledger.

        Raises
        ------
        LedgerError
            Naming fibre, pool and slot where keys were not conserved.
        """
        parts = self._parts
        assert all(part.keys() == parts[0].keys() for part in parts)
        columns: Columns = {
            name: values if len(parts) == 1 else np.concatenate([part[name] for part in parts])
            for name, values in parts[0].items()
        }
        found = {pool: self._check(pool, columns) for pool in POOLS}
        blank = frozenset(
            f"{pool}_{flow}_bits"
            for pool in POOLS
            for flow, bits in zip(FLOWS, found[pool].tolist(), strict=True)
            if not bits
        )
        totals: Columns = {
            f"{pool}_{flow}_bits": total
            for pool in POOLS
            for flow, total in zip(FLOWS, self._totals[pool].copy(), strict=True)
        }
        totals |= {name: total.copy() for name, total in others.items()}
        block = SlotBlock(self._first, columns, totals, blank=blank)
        self._first += block.slots
        self._parts = []
        return block

    def _check(self, pool: str, columns: Columns) -> IntArray:
        """Stored before + produced = consumed + expired + overflowed + stored, slot by slot.

        Returns all bits that occur in the numbers of each flow, shape (flows,).
        """
        whole: dict[str, IntArray] = {name: columns[f"{pool}_{name}_bits"] for name in FLOWS}
        found = np.zeros(len(FLOWS), dtype=np.int64)
        for first in range(0, len(whole["stored"]), MOST_ROWS):
            rows = slice(first, first + MOST_ROWS)
            found |= self._check_rows(
                pool, {name: flow[rows] for name, flow in whole.items()}, first
            )
        return found

    def _check_rows(self, pool: str, flow: dict[str, IntArray], first: int) -> IntArray:
        """Check so few slots that their sums have 64 bits; ``first`` counts those ahead of them."""
        stored = self._stored[pool]
        added_up = self._added_up if self._sums is None else self._compiled
        found, sums = added_up(stored, flow)
        if sums is None:
            self._refuse(pool, flow, first)
        stored[:] = flow["stored"][-1]
        totals = self._totals[pool]
        totals += sums
        totals[STORED] = stored
        if (totals < 0).any():
            name = FLOWS[int((totals < 0).any(axis=1).argmax())]
            raise LedgerError(
                f"policy {self._policy}: more bits than 64-bit totals hold by slot "
                f"{self._first + first + len(flow[name]) - 1}, {pool} pool, {name}"
            )
        return found

    def _added_up(
        self, stored: IntArray, flow: dict[str, IntArray]
    ) -> tuple[IntArray, IntArray | None]:
        """All bits that occur in each flow, shape (flows,), and the sums over the slots.

        The sums have shape (flows, fibres); None where the flows do not balance.
        """
        # negative where a number is, and zero where all are
        found = np.array([np.bitwise_or.reduce(flow[name], axis=None) for name in FLOWS])
        occurs = dict(zip(FLOWS, found.tolist(), strict=True))
        left = flow["produced"] - flow["consumed"]
        for name in ("expired", "overflowed", "stored"):
            if occurs[name]:
                left -= flow[name]
        left[0] += stored
        if occurs["stored"]:
            left[1:] += flow["stored"][:-1]
        if left.any() or not all(0 <= bits <= MOST_BITS for bits in occurs.values()):
            return found, None
        sums = np.zeros((len(FLOWS), len(stored)), dtype=np.int64)
        for name, total in zip(FLOWS, sums, strict=True):
            if occurs[name] and name != "stored":
                total[:] = _summed(flow[name])
        return found, sums

    def _compiled(
        self, stored: IntArray, flow: dict[str, IntArray]
    ) -> tuple[IntArray, IntArray | None]:
        """Do what ``_added_up`` does, in one pass."""
        assert self._sums is not None
        sums = np.zeros((len(FLOWS), len(stored)), dtype=np.int64)
        found = np.zeros(len(FLOWS), dtype=np.int64)
        columns = (np.ascontiguousarray(flow[name], dtype=np.int64) for name in FLOWS)
        wrong = self._sums.balance(*columns, stored.copy(), sums, found)
        return found, None if wrong else sums

    def _refuse(self, pool: str, flow: dict[str, IntArray], first: int) -> NoReturn:
        """Name the first slot and fibre in which a ledger is wrong."""
        before = np.concatenate([self._stored[pool][None], flow["stored"][:-1]])
        out = flow["consumed"] + flow["expired"] + flow["overflowed"] + flow["stored"]
        wrong = before + flow["produced"] != out
        for name in FLOWS:
            # negative numbers are the largest here
            wrong |= flow[name].view(np.uint64) > np.uint64(MOST_BITS)
        row, fibre = (int(i) for i in np.argwhere(wrong)[0])
        numbers = ", ".join(f"{name} {int(flow[name][row, fibre])}" for name in FLOWS)
        raise LedgerError(
            f"policy {self._policy}: keys are not conserved, or too many to count, "
            f"in slot {self._first + first + row} on fibre {self._topology.fibre_title(fibre)}, "
            f"{pool} pool: stored before "
            f"{int(before[row, fibre])}, {numbers} bits"
        )


def _summed(rows: IntArray) -> IntArray:
    """Sum over rows; those of few numbers are first laid side by side and added as long ones."""
    side = len(rows) // ROWS_AT_ONCE
    if side < 2:
        return np.asarray(rows.sum(axis=0))
    whole = side * ROWS_AT_ONCE
    lines = rows[:whole].reshape(ROWS_AT_ONCE, -1).sum(axis=0)
    return np.asarray(lines.reshape(side, -1).sum(axis=0) + rows[whole:].sum(axis=0))
