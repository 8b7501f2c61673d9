"""One-time pads and one-time authentication with keys that were delivered end to end.

Each direction of a link spends its own buffer, strictly forward. A message takes 32 bytes for its
Poly1305 key, then as many bytes of pad as it is long if it is padded. A buffer that runs out
raises ``KeysExhaustedError`` and spends nothing; no key is ever stretched.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace

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
    """

    read: Callable[[int, int], bytes] = field(repr=False)
    available: int = 0
    spent: int = 0

    def take(self, count: int) -> tuple[int, bytes]:
        """Spend the next bytes; returns their offset and the bytes.

        Raises
        ------
        KeysExhaustedError
            Fewer are left; none is spent.
        """
        if self.spent + count > self.available:
            raise KeysExhaustedError(count, self.available - self.spent)
        offset = self.spent
        self.spent += count
        return offset, self.read(offset, count)


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
        body = _xor(payload, key[MAC_KEY_BYTES:]) if padded else payload
        message = SealedMessage(
            link=self._link,
            sequence=self._sequence,
            offset=offset,
            padded=padded,
            body=body,
            tag=b"",
        )
        self._sequence += 1
        return replace(message, tag=_tag(key, message))


class Receiver:
    """The other end; takes each sequence number once, in order.

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
        if message.link != self._link or message.sequence != self._sequence:
            raise TamperedMessageError(
                f"link {self._link}: expected message {self._sequence}, got message "
                f"{message.sequence} of {message.link}: replayed, lost or misdirected"
            )
        if message.offset != self._keys.spent:
            raise TamperedMessageError(
                f"link {self._link}, message {self._sequence}: key offset {message.offset}, "
                f"expected {self._keys.spent}"
            )
        _, key = self._keys.take(key_bytes(length, padded=padded))
        self._sequence += 1
        agreed = len(message.body) == length and message.padded == padded
        if not (agreed and hmac.compare_digest(_tag(key, message), message.tag)):
            raise TamperedMessageError(
                f"link {self._link}, message {message.sequence}: the tag is wrong; its key is burnt"
            )
        return _xor(message.body, key[MAC_KEY_BYTES:]) if message.padded else message.body


def _tag(key: bytes, message: SealedMessage) -> bytes:
    from cryptography.hazmat.primitives.poly1305 import Poly1305

    return Poly1305.generate_tag(key[:MAC_KEY_BYTES], message.header() + message.body)


def _xor(data: bytes, pad: bytes) -> bytes:
    if len(data) != len(pad):
        raise KeysExhaustedError(len(data), len(pad))
    count = len(data)
    return (int.from_bytes(data, "big") ^ int.from_bytes(pad, "big")).to_bytes(count, "big")
