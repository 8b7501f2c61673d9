"""Key bytes of messages, by step, purpose, and the pair that shares the keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from qnetsim.fel.messages import Message, Steps


@dataclass(frozen=True)
class KeyUsage:
    """Messages of one kind and their bytes.

    Attributes
    ----------
    messages, payload_bytes, key_bytes : int
    """

    messages: int = 0
    payload_bytes: int = 0
    key_bytes: int = 0

    def __add__(self, other: KeyUsage) -> KeyUsage:
        return KeyUsage(
            self.messages + other.messages,
            self.payload_bytes + other.payload_bytes,
            self.key_bytes + other.key_bytes,
        )


@dataclass
class KeyUsageTable:
    """Messages so far, by (step, purpose, source, target)."""

    entries: dict[tuple[int, str, str, str], KeyUsage] = field(default_factory=dict)

    def add(self, message: Message) -> None:
        """Count a message."""
        key = message.step, message.purpose, message.source, message.target
        entry = KeyUsage(1, message.size, message.key_bytes)
        self.entries[key] = self.entries.get(key, KeyUsage()) + entry

    def by_purpose(self) -> list[tuple[tuple[int, str], KeyUsage]]:
        """Sums over all pairs, in the order of the protocol's steps."""
        found: dict[tuple[int, str], KeyUsage] = {}
        for (step, purpose, _, _), entry in self.entries.items():
            found[step, purpose] = found.get((step, purpose), KeyUsage()) + entry
        return sorted(found.items(), key=lambda item: item[0][0])

    @property
    def total(self) -> KeyUsage:
        """Sum over everything."""
        return sum(self.entries.values(), KeyUsage())


def run_flow(
    steps: Steps, usage: KeyUsageTable, delivered: Callable[[Message], bool] | None = None
) -> None:
    """Run a set-up or a round to its end.

    Parameters
    ----------
    steps : generator
        As ``Session.setup`` and ``Session.round`` give it.
    usage : KeyUsageTable
        Adds up what is sent, delivered or not: its keys are spent.
    delivered : callable, optional
        Whether a message arrives; all do unless given.
    """
    try:
        batch = next(steps)
        while True:
            for message in batch:
                usage.add(message)
            batch = steps.send([delivered is None or delivered(message) for message in batch])
    except StopIteration:
        return
