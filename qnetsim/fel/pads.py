"""One-time pads and one-time authentication with keys that were delivered end to end.

Each direction of a link spends its own buffer, strictly forward. A message takes 32 bytes for its
Poly1305 key, then as many bytes of pad as it is long if it is padded. A buffer that runs out
raises ``KeysExhaustedError`` and spends nothing; no key is ever stretched.

A message that does not arrive takes its keys with it: the receiver finds the next one by the
offset that the tag authenticates, and leaves out the key bytes between. Copies of key bytes are
overwritten after use.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from qnetsim.errors import KeysExhaustedError, TamperedMessageError

#: Bytes of the one-time Poly1305 key of a message.
MAC_KEY_BYTES = 32


def key_bytes(length: int, *, padded: bool) -> int:
    """Key bytes that a message of this length takes."""
    return MAC_KEY_BYTES + (length if padded else 0)


@dataclass
class KeyBuffer:
    """Key bytes of one direction of a link; ``spent`` only grows.

    Parameters
    ----------
    read : callable
        Gives ``count`` key bytes from an offset.
    available : int
        Bytes delivered so far.
    after_use : callable
        Called whenever bytes were spent.
    """

    read: Callable[[int, int], bytes | bytearray] = field(repr=False)
    available: int = 0
    spent: int = 0
    after_use: Callable[[], None] = field(default=lambda: None, repr=False)

    def take(self, count: int) -> tuple[int, bytearray]:
        """Spend the next bytes; returns their offset and a copy, which the caller overwrites.

        Raises
        ------
        KeysExhaustedError
            Fewer are left; none is spent.
        """
        offset = self.spent
        key = self.look(offset, count)
        self.spend(offset + count)
        return offset, key

    def look(self, offset: int, count: int) -> bytearray:
        """Copy of bytes that are not spent yet, wherever they are.

        Raises
        ------
        KeysExhaustedError
            They are not all there.
        """
        if offset + count > self.available:
            raise KeysExhaustedError(count, max(self.available - offset, 0))
        return bytearray(self.read(offset, count))

    def spend(self, until: int) -> None:
        """Spend everything ahead of an offset."""
        self.spent = until
        self.after_use()


@dataclass(frozen=True)
class SealedMessage:
    """A message on the wire.

    Attributes
    ----------
    link : str
        Both ends, in the direction of the message.
    sequence, offset : int
        Number of the message on the link, and of its first key byte.
    padded : bool
    body, tag : bytes
    """

    link: str
    sequence: int
    offset: int
    padded: bool
    body: bytes
    tag: bytes

    def header(self) -> bytes:
        """The bytes that the tag authenticates beside the body."""
        name = self.link.encode()
        return struct.pack(">IQQ?", len(name), self.sequence, self.offset, self.padded) + name


class Sender:
    """One end of a link's direction.

    Parameters
    ----------
    link : str
    keys : KeyBuffer
    """

    def __init__(self, link: str, keys: KeyBuffer) -> None:
        self._link = link
        self._keys = keys
        self._sequence = 0

    def seal(self, payload: bytes, *, padded: bool) -> SealedMessage:
        """Pad a message if asked to, and tag it."""
        offset, key = self._keys.take(key_bytes(len(payload), padded=padded))
        body = _xor(payload, memoryview(key)[MAC_KEY_BYTES:]) if padded else payload
        message = SealedMessage(
            link=self._link,
            sequence=self._sequence,
            offset=offset,
            padded=padded,
            body=body,
            tag=b"",
        )
        self._sequence += 1
        tag = _tag(key, message)
        _overwrite(key)
        return replace(message, tag=tag)


class Receiver:
    """The other end; takes each sequence number once, in order, and leaves out what is lost.

    Parameters
    ----------
    link : str
    keys : KeyBuffer
        The same bytes as the sender's.
    """

    def __init__(self, link: str, keys: KeyBuffer) -> None:
        self._link = link
        self._keys = keys
        self._sequence = 0

    def open(self, message: SealedMessage, *, length: int, padded: bool) -> bytes:
        """Check a message and take its pad off.

        Parameters
        ----------
        message : SealedMessage
        length : int
            Bytes that the message has by the protocol. The length of an unauthenticated message
            does not decide how many keys are spent, so both ends spend the same ones.
        padded : bool
            Whether it is padded by the protocol.

        Raises
        ------
        TamperedMessageError
            It is of another link, replayed, out of order, changed, or not padded as agreed. The
            key of a changed one is spent: it is never used for another message.
        """
        need = key_bytes(length, padded=padded)
        ahead = message.sequence - self._sequence
        # a message that was lost took a tag's key at least
        lost = ahead > 0 and message.offset >= self._keys.spent + ahead * MAC_KEY_BYTES
        if message.link != self._link or not (ahead == 0 or lost):
            raise TamperedMessageError(
                f"link {self._link}: expected message {self._sequence}, got message "
                f"{message.sequence} of {message.link}: replayed, lost or misdirected"
            )
        if not lost and message.offset != self._keys.spent:
            raise TamperedMessageError(
                f"link {self._link}, message {self._sequence}: key offset {message.offset}, "
                f"expected {self._keys.spent}"
            )
        key = self._keys.look(message.offset, need)
        try:
            return self._opened(message, key, length=length, padded=padded)
        finally:
            _overwrite(key)

    def _opened(
        self, message: SealedMessage, key: bytearray, *, length: int, padded: bool
    ) -> bytes:
        """The payload of a message that has its place, or one ahead of it."""
        agreed = len(message.body) == length and message.padded == padded
        right = agreed and hmac.compare_digest(_tag(key, message), message.tag)
        expected = message.sequence == self._sequence
        if right or expected:
            # a wrong tag burns the key of the expected message; one from ahead could burn any
            self._keys.spend(message.offset + len(key))
            self._sequence = message.sequence + 1
        if not right:
            burnt = "its key is burnt" if expected else "no key is burnt"
            raise TamperedMessageError(
                f"link {self._link}, message {message.sequence}: the tag is wrong; {burnt}"
            )
        pad = memoryview(key)[MAC_KEY_BYTES:]
        return _xor(message.body, pad) if message.padded else message.body


def _overwrite(key: bytearray) -> None:
    """Put zeros in the place of key bytes."""
    key[:] = bytes(len(key))


def _tag(key: bytearray, message: SealedMessage) -> bytes:
    from cryptography.hazmat.primitives.poly1305 import Poly1305

    tag_key = memoryview(key)[:MAC_KEY_BYTES]
    return Poly1305.generate_tag(tag_key, message.header() + message.body)


def _xor(data: bytes, pad: memoryview) -> bytes:
    if len(data) != len(pad):
        raise KeysExhaustedError(len(data), len(pad))
    return (np.frombuffer(data, np.uint8) ^ np.frombuffer(pad, np.uint8)).tobytes()
