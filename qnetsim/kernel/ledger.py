"""What the kernel records, chunk by chunk, and the ledger that every chunk must satisfy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from qnetsim.arrays import IntArray
from qnetsim.errors import LedgerError
from qnetsim.network import Topology
from qnetsim.units import MAX_SLOT_BITS
from qnetsim.vocabulary import FLOWS, POOLS

#: Most bits of a fibre in a slot: a block of slots of such flows still adds up in 64 bits.
MOST_BITS = MAX_SLOT_BITS - 1

Columns = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class SlotBlock:
    """Consecutive slots: one array for each recorded column, rows first.

    ``totals`` holds the running totals after the block: those of the ledger, ``pool_flow_bits`` to
    shape (fibres,), the trust exposure, and the rounds of FEL tasks.
    """

    first_slot: int
    columns: Columns
    totals: Columns

    @property
    def slots(self) -> int:
        """Number of slots."""
        return int(self.columns["arrived"].shape[0])


class Ledger:
    """Collects the columns of the current chunk, and checks that keys are conserved in it."""

    def __init__(self, topology: Topology, policy: str) -> None:
        self._topology = topology
        self._policy = policy
        fibres = len(topology.fibres)
        self._stored = {pool: np.zeros(fibres, dtype=np.int64) for pool in POOLS}
        self._totals = {
            f"{pool}_{flow}_bits": np.zeros(fibres, dtype=np.int64)
            for pool in POOLS
            for flow in FLOWS
        }
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
        for pool in POOLS:
            self._check(pool, columns)
        totals = {k: v.copy() for k, v in (*self._totals.items(), *others.items())}
        block = SlotBlock(self._first, columns, totals)
        self._first += block.slots
        self._parts = []
        return block

    def _check(self, pool: str, columns: Columns) -> None:
        """Produced = consumed + stored + expired + overflowed, in every slot and in total."""
        flow: dict[str, IntArray] = {name: columns[f"{pool}_{name}_bits"] for name in FLOWS}
        before = np.concatenate([self._stored[pool][None], flow["stored"][:-1]])
        out = flow["consumed"] + flow["expired"] + flow["overflowed"] + flow["stored"]
        wrong = before + flow["produced"] != out
        for name in FLOWS:
            # negative numbers are the largest here
            wrong |= flow[name].view(np.uint64) > np.uint64(MOST_BITS)
        if wrong.any():
            row, fibre = (int(i) for i in np.argwhere(wrong)[0])
            numbers = ", ".join(f"{name} {int(flow[name][row, fibre])}" for name in FLOWS)
            raise LedgerError(
                f"policy {self._policy}: keys are not conserved, or too many to count, "
                f"in slot {self._first + row} on fibre {self._topology.fibre_name(fibre)}, "
                f"{pool} pool: stored before "
                f"{int(before[row, fibre])}, {numbers} bits"
            )
        self._stored[pool] = flow["stored"][-1].copy()
        for name in FLOWS:
            total = self._totals[f"{pool}_{name}_bits"]
            if name == "stored":
                total[:] = self._stored[pool]
            else:
                total += flow[name].sum(axis=0)
                if (total < 0).any():
                    raise LedgerError(
                        f"policy {self._policy}: more bits than 64-bit totals hold by slot "
                        f"{self._first + len(before) - 1}, {pool} pool, {name}"
                    )
