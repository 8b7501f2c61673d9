"""One-time pads: what each end accepts, what it spends, and what lies on the wire."""

from __future__ import annotations

import struct
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from cryptography.hazmat.primitives.poly1305 import Poly1305

from qnetsim.errors import KeysExhaustedError, TamperedMessageError
from qnetsim.fel.pads import (
    MAC_KEY_BYTES,
    KeyBuffer,
    Receiver,
    SealedMessage,
    Sender,
    key_bytes,
)

KEYS = np.random.default_rng(3).bytes(10_000)
LINK = "a to ü"


def buffer(available: int = len(KEYS)) -> KeyBuffer:
    return KeyBuffer(lambda at, count: KEYS[at : at + count], available)


def ends(available: int = len(KEYS)) -> tuple[Sender, Receiver]:
    # a name that comes over the wire is another object than the receiver's own
    name = "".join(list(LINK))
    return Sender(LINK, buffer(available)), Receiver(name, buffer(available))


def signed(key: bytes, message: SealedMessage) -> SealedMessage:
    """The message with the tag that whoever knows the key would give it."""
    tag = Poly1305.generate_tag(key[:MAC_KEY_BYTES], message.header() + message.body)
    return replace(message, tag=tag)


def test_a_message_takes_a_tag_key_and_its_pad() -> None:
    assert MAC_KEY_BYTES == 32
    assert key_bytes(5, padded=True) == 37
    assert key_bytes(5, padded=False) == key_bytes(0, padded=True) == 32


def test_a_buffer_spends_forward_and_to_the_last_byte() -> None:
    keys = buffer(10)
    assert keys.take(4) == (0, KEYS[:4])
    assert keys.take(0) == (4, b"")
    with pytest.raises(KeysExhaustedError) as caught:
        keys.take(7)
    assert (caught.value.needed, caught.value.left) == (7, 6)
    assert keys.spent == 4
    assert keys.take(6) == (4, KEYS[4:10])
    assert keys.spent == 10
    with pytest.raises(KeysExhaustedError):
        keys.take(1)


def test_a_new_buffer_is_empty_and_does_not_print_what_reads_it() -> None:
    keys = KeyBuffer(lambda at, count: KEYS[at : at + count])
    assert (keys.available, keys.spent) == (0, 0)
    assert keys.take(0) == (0, b"")
    with pytest.raises(KeysExhaustedError):
        keys.take(1)
    assert repr(keys) == "KeyBuffer(available=0, spent=0)"


def test_the_header_holds_every_field_at_its_place() -> None:
    name = LINK.encode()
    message = SealedMessage(LINK, 3, 2**40, True, b"body", b"tag")
    assert message.header() == (
        struct.pack(">I", 7) + (3).to_bytes(8, "big") + (2**40).to_bytes(8, "big") + b"\x01" + name
    )
    with pytest.raises(FrozenInstanceError):
        message.body = b"other"  # type: ignore[misc]


def test_what_lies_on_the_wire() -> None:
    sender, _ = ends()
    first = sender.seal(b"hello", padded=True)
    assert first.body == bytes(a ^ b for a, b in zip(b"hello", KEYS[32:37], strict=True))
    assert (first.link, first.sequence, first.offset, first.padded) == (LINK, 0, 0, True)
    assert first == signed(KEYS, first)
    assert len(first.tag) == 16
    second = sender.seal(b"\x00world", padded=False)
    assert second.body == b"\x00world"
    assert (second.sequence, second.offset, second.padded) == (1, 37, False)
    assert second == signed(KEYS[37:], second)


@pytest.mark.parametrize("text", [b"", b"x", b"\x00\x00leading zeros", bytes(300)])
@pytest.mark.parametrize("padded", [False, True])
def test_messages_come_back_in_order(text: bytes, padded: bool) -> None:
    sender, receiver = ends()
    for _ in range(3):
        message = sender.seal(text, padded=padded)
        assert receiver.open(message, length=len(text), padded=padded) == text


def test_hundreds_of_messages_come_back_in_order() -> None:
    sender, receiver = ends()
    for number in range(300):
        message = sender.seal(b"", padded=False)
        assert (message.sequence, message.offset) == (number, 32 * number)
        assert receiver.open(message, length=0, padded=False) == b""


def refused(receiver: Receiver, message: SealedMessage, word: str, *, padded: bool = True) -> str:
    with pytest.raises(TamperedMessageError, match=word) as caught:
        receiver.open(message, length=5, padded=padded)
    return str(caught.value)


@pytest.mark.parametrize("padded", [False, True])
def test_what_is_not_padded_as_agreed_is_refused_though_its_tag_is_right(padded: bool) -> None:
    """A plaintext where a pad was agreed, or a pad where a plaintext was.

    The end that sends knows the key of the tag, so a right tag alone proves nothing about it.
    """
    _, receiver = ends()
    forged = signed(KEYS, SealedMessage(LINK, 0, 0, not padded, b"hello", b""))
    text = refused(receiver, forged, "tag is wrong; its key is burnt", padded=padded)
    assert text.startswith(f"link {LINK}, message 0: ")


@pytest.mark.parametrize("body", [b"", b"hell", b"hello!"])
def test_a_message_of_another_length_is_refused_though_its_tag_is_right(body: bytes) -> None:
    for padded in (False, True):
        _, receiver = ends()
        forged = signed(KEYS, SealedMessage(LINK, 0, 0, padded, body, b""))
        refused(receiver, forged, "its key is burnt", padded=padded)


def test_a_changed_message_burns_its_key_and_no_more() -> None:
    sender, receiver = ends()
    message = sender.seal(b"hello", padded=True)
    refused(receiver, replace(message, tag=bytes(16)), "its key is burnt")
    refused(receiver, message, "replayed")
    again = sender.seal(b"again", padded=True)
    assert again.offset == 37
    assert receiver.open(again, length=5, padded=True) == b"again"


@pytest.mark.parametrize(
    ("change", "got"),
    [
        ({"sequence": 0}, f"message 0 of {LINK}"),
        ({"sequence": 2}, f"message 2 of {LINK}"),
        ({"link": "b to a"}, "message 1 of b to a"),
        ({"link": "a to a"}, "message 1 of a to a"),
    ],
)
def test_a_message_of_another_place_is_refused_and_burns_nothing(change: dict, got: str) -> None:
    sender, receiver = ends()
    receiver.open(sender.seal(b"first", padded=True), length=5, padded=True)
    message = sender.seal(b"hello", padded=True)
    expected = f"link {LINK}: expected message 1, got {got}: replayed, lost or misdirected"
    assert refused(receiver, replace(message, **change), "got") == expected
    assert receiver.open(message, length=5, padded=True) == b"hello"


@pytest.mark.parametrize("offset", [36, 38, 0])
def test_a_message_of_another_key_offset_is_refused_and_burns_nothing(offset: int) -> None:
    sender, receiver = ends()
    receiver.open(sender.seal(b"first", padded=True), length=5, padded=True)
    message = sender.seal(b"hello", padded=True)
    text = refused(receiver, replace(message, offset=offset), "offset")
    assert text == f"link {LINK}, message 1: key offset {offset}, expected 37"
    assert receiver.open(message, length=5, padded=True) == b"hello"


def test_an_end_that_lacks_keys_neither_sends_nor_takes() -> None:
    sender, _ = ends(40)
    with pytest.raises(KeysExhaustedError, match="needs 41 key bytes and 40 are left"):
        sender.seal(bytes(9), padded=True)
    message = sender.seal(bytes(8), padded=True)
    assert (message.sequence, message.offset) == (0, 0)
    keys = buffer(39)
    receiver = Receiver(LINK, keys)
    with pytest.raises(KeysExhaustedError, match="needs 40 key bytes and 39 are left"):
        receiver.open(message, length=8, padded=True)
    keys.available = 40  # once the rest is there, the message is taken
    assert receiver.open(message, length=8, padded=True) == bytes(8)


@pytest.mark.parametrize("given", [-1, 1])
def test_a_pad_of_another_length_than_the_message_is_refused(given: int) -> None:
    """A key source that gives too few or too many bytes: no pad is cut or stretched."""
    keys = KeyBuffer(lambda at, count: KEYS[at : at + count + given], 100)
    with pytest.raises(KeysExhaustedError, match=rf"needs 5 key bytes and {5 + given} are left"):
        Sender(LINK, keys).seal(b"hello", padded=True)


@pytest.mark.parametrize("lost", [1, 2, 5])
def test_a_lost_message_does_not_kill_the_link(lost: int) -> None:
    sender, receiver = ends()
    for _ in range(lost):
        sender.seal(b"never arrives", padded=True)
    message = sender.seal(b"hello", padded=True)
    assert message.sequence == lost
    assert receiver.open(message, length=5, padded=True) == b"hello"
    # what was lost comes late, and is refused like any replay
    with pytest.raises(TamperedMessageError, match="replayed"):
        receiver.open(replace(message, sequence=0, offset=0), length=5, padded=True)
    later = sender.seal(b"later", padded=True)
    assert receiver.open(later, length=5, padded=True) == b"later"


def test_a_forged_message_from_ahead_is_refused_and_burns_nothing() -> None:
    sender, receiver = ends()
    first, second = (sender.seal(b"hello", padded=True) for _ in range(2))
    refused(receiver, replace(second, tag=bytes(16)), "the tag is wrong; no key is burnt")
    # one that would need keys that a lost message must have taken
    refused(receiver, replace(second, offset=31), "replayed, lost or misdirected")
    assert receiver.open(first, length=5, padded=True) == b"hello"
    assert receiver.open(second, length=5, padded=True) == b"hello"


def test_a_message_from_ahead_waits_for_its_keys() -> None:
    sender, _ = ends()
    sender.seal(b"lost", padded=True)
    message = sender.seal(b"hello", padded=True)
    keys = buffer(40)
    receiver = Receiver(LINK, keys)
    with pytest.raises(KeysExhaustedError, match="needs 37 key bytes and 4 are left"):
        receiver.open(message, length=5, padded=True)
    assert keys.spent == 0
    keys.available = 73
    assert receiver.open(message, length=5, padded=True) == b"hello"


def test_copies_of_keys_are_overwritten() -> None:
    copies: list[bytearray] = []

    def read(at: int, count: int) -> bytes:
        return KEYS[at : at + count]

    class Watched(KeyBuffer):
        def look(self, offset: int, count: int) -> bytearray:
            copies.append(super().look(offset, count))
            return copies[-1]

    sender, receiver = (end(LINK, Watched(read, len(KEYS))) for end in (Sender, Receiver))
    message = sender.seal(b"hello", padded=True)
    assert receiver.open(message, length=5, padded=True) == b"hello"
    with pytest.raises(TamperedMessageError):
        receiver.open(replace(sender.seal(b"hello", padded=True), tag=b""), length=5, padded=True)
    assert len(copies) == 4
    assert all(copy == bytes(37) for copy in copies)
