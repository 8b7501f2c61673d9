"""Quantum-secured channels between the parties of a task: pads and tags for every message.

A party has one identity and registers once, against Sybil attacks. Each direction of a channel has
keys of its own; both ends hold the same bytes, spend them strictly forward, and overwrite them when
both have. In a round, each party submits each kind of message once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from qnetsim.errors import ProtocolError, TamperedMessageError
from qnetsim.fel.messages import Message
from qnetsim.fel.pads import KeyBuffer, Receiver, SealedMessage, Sender

#: A bit is changed; the message does not arrive; the last message of the link comes once more.
Attack = Literal["tamper", "drop", "replay"]


class Link:
    """One direction of a channel, with both its ends."""

    def __init__(self, name: str) -> None:
        self._bytes = bytearray()
        self._overwritten = 0
        self._buffers = [KeyBuffer(self._read, after_use=self._overwrite) for _ in range(2)]
        self.sender = Sender(name, self._buffers[0])
        self.receiver = Receiver(name, self._buffers[1])

    def _read(self, offset: int, count: int) -> bytearray:
        return self._bytes[offset : offset + count]

    def _overwrite(self) -> None:
        """Put zeros in the place of what both ends have spent."""
        used = min(buffer.spent for buffer in self._buffers)
        self._bytes[self._overwritten : used] = bytes(used - self._overwritten)
        self._overwritten = used

    def add_keys(self, data: bytes) -> None:
        """Put delivered key bytes into the buffers of both ends."""
        self._bytes += data
        for buffer in self._buffers:
            buffer.available = len(self._bytes)


class Channels:
    """All channels of a task.

    Parameters
    ----------
    parties : iterable of str
        Registered at once; others may follow.
    """

    def __init__(self, parties: Iterable[str] = ()) -> None:
        self._registered: set[str] = set()
        self._links: dict[tuple[str, str], Link] = {}
        self._submitted: set[tuple[int, str, str, str, int]] = set()
        #: The last message that came to the target, whatever became of it.
        self._last: dict[tuple[str, str], SealedMessage] = {}
        for party in parties:
            self.register(party)

    def register(self, identity: str) -> None:
        """Give an identity its channels.

        Raises
        ------
        ProtocolError
            It has them already.
        """
        if identity in self._registered:
            raise ProtocolError(f"{identity} is registered already: one identity, one channel")
        self._registered.add(identity)

    def add_keys(self, source: str, target: str, data: bytes) -> None:
        """Deliver key bytes to both ends of a link."""
        self._link(source, target).add_keys(data)

    def seal(self, message: Message) -> SealedMessage:
        """Seal a message at its source.

        Raises
        ------
        KeysExhaustedError
            Its keys do not suffice; nothing is spent.
        """
        link = self._link(message.source, message.target)
        sealed = link.sender.seal(message.payload(), padded=message.padded)
        self._last[message.source, message.target] = sealed
        return sealed

    def open(self, message: Message, sealed: SealedMessage) -> bytes:
        """Open a message at its target.

        Raises
        ------
        TamperedMessageError
            It is not what was sent.
        ProtocolError
            The source has submitted this in this round already.
        """
        receiver = self._link(message.source, message.target).receiver
        # the length is the protocol's, not that of what arrives
        payload = receiver.open(sealed, length=message.size, padded=message.padded)
        submission = (message.step, message.purpose, message.source, message.target, message.part)
        if submission in self._submitted:
            raise ProtocolError(
                f"{message.source} submits {message.purpose} to {message.target} a second time"
            )
        self._submitted.add(submission)
        return payload

    def carry(self, message: Message) -> None:
        """Seal a message and open it at the other end.

        Raises
        ------
        TamperedMessageError
            The ends differ.
        """
        if self.open(message, self.seal(message)) != message.payload():
            raise TamperedMessageError(f"{message.purpose}: what arrived is not what was sent")

    def carry_under(self, attack: Attack, message: Message) -> None:
        """Send a message that is attacked on its way; only a replay lets it arrive.

        Raises
        ------
        TamperedMessageError
            The message itself is not what was sent.
        ProtocolError
            A message that was attacked is taken for a true one.
        """
        ends = message.source, message.target
        before = self._last.get(ends)
        if attack == "replay":
            if before is not None:
                self._refuse(message, before)
            self.carry(message)
            return
        sealed = self.seal(message)
        if attack == "tamper":
            self._refuse(message, _changed(sealed))
        elif before is None:
            del self._last[ends]
        else:
            # what did not arrive is no replay when it comes: it is the message itself
            self._last[ends] = before

    def _refuse(self, message: Message, forged: SealedMessage) -> None:
        """Offer a forged message to its target, which must not take it."""
        try:
            self.open(message, forged)
        except TamperedMessageError:
            return
        raise ProtocolError(f"{message.purpose}: a forged message was taken for a true one")

    def begin_round(self) -> None:
        """Let every party submit anew."""
        self._submitted.clear()

    def _link(self, source: str, target: str) -> Link:
        for party in (source, target):
            if party not in self._registered:
                raise ProtocolError(f"{party} is not registered and has no channel")
        return self._links.setdefault((source, target), Link(f"{source} to {target}"))


def _changed(message: SealedMessage) -> SealedMessage:
    """A message with a bit changed: of its body, or of its tag where it is empty."""
    if not message.body:
        return replace(message, tag=_flipped(message.tag))
    return replace(message, body=_flipped(message.body))


def _flipped(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]
