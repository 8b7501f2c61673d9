"""What befalls the messages of a FEL task on the links, as its scenario says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from numpy.random import BitGenerator

from qnetsim import seeds

if TYPE_CHECKING:
    from qnetsim.fel.channels import Attack
    from qnetsim.fel.messages import Message
    from qnetsim.scenario import AttackTable


class TaskAttacks:
    """Says which messages are attacked, and counts them.

    Parameters
    ----------
    tables : sequence of AttackTable
        Of those that are about a message, the first one that hits it counts.
    bits : BitGenerator
        Decides where only a share of the messages is attacked.

    Attributes
    ----------
    met : Counter
        Attacks by kind.
    burnt_bits : int
        Key bits of messages that did not arrive.
    """

    def __init__(self, tables: Sequence[AttackTable], bits: BitGenerator) -> None:
        self._tables = tables
        self._bits = bits
        self._used: set[tuple[str, str]] = set()
        self.met: Counter[str] = Counter()
        self.burnt_bits = 0

    def on(self, message: Message, round_number: int) -> Attack | None:
        """What happens to a message when it is sent; None where it arrives undisturbed."""
        ends = message.source, message.target
        found = next((t.kind for t in self._tables if self._hits(t, message, round_number)), None)
        if found == "replay" and ends not in self._used:
            # nothing has come yet that could come once more
            found = None
        if found != "drop":
            self._used.add(ends)
        if found is not None:
            self.met[found] += 1
        if found in ("tamper", "drop"):
            self.burnt_bits += 8 * message.key_bytes
        return found

    def _hits(self, table: AttackTable, message: Message, round_number: int) -> bool:
        last = table.last_round
        meant = (
            table.first_round <= round_number
            and (last is None or round_number <= last)
            and table.purpose in (None, message.purpose)
            and table.source in (None, message.source)
            and table.target in (None, message.target)
        )
        return meant and (table.share == 1 or float(seeds.uniform(self._bits, 1)[0]) < table.share)
