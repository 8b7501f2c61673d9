"""Pads of a segment: the two ends come to them apart, and every announcement is padded."""

from __future__ import annotations

import hashlib
import json

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from qnetsim.case import open_case
from qnetsim.errors import LedgerError
from qnetsim.kernel.relay import Announcement, KeyStream, Relay, SegmentKey
from qnetsim.kernel.serving.state import Hop, Span
from qnetsim.scenario import parse_scenario

#: Three nodes, two fibres; the first has three segments, the second one.
LINE = """
[network]
topology = {topology!r}
span_km = 100
key_rate_bps = 1000
[demand]
pairs = [["a", "c"]]
"""
BITS = 200
#: The key lies in both pools of the first fibre, and beyond a block's edge of the second.
HOPS = (Hop(0, 5, 120, 0, 90), Hop(1, 1000, 200, 0, 0))


@pytest.fixture
def relay_parts(tmp_path):
    path = tmp_path / "line.csv"
    path.write_text("source,target,length_km\na,b,250\nb,c,80\n")
    case = open_case(parse_scenario(LINE.format(topology=str(path))))

    def make(**more):
        return Relay(case.network, case.forecast, 7, 0, **more)

    return make


def stream(*name: str | int) -> int:
    """2,048 bits of a key stream, by another library."""
    text = json.dumps([7, "key stream", *name], separators=(",", ":")).encode()
    key = hashlib.blake2b(text, digest_size=16).digest()
    cipher = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()
    return int.from_bytes(cipher.update(bytes(256)), "big")


def window(number: int, offset: int, count: int) -> int:
    return (number >> (2048 - offset - count)) & ((1 << count) - 1)


@pytest.mark.parametrize(("offset", "count"), [(0, 1), (0, 128), (127, 2), (131, 700), (5, 0)])
def test_a_key_stream_is_aes_in_counter_mode(offset: int, count: int) -> None:
    found = KeyStream(7, "a", 3).bits(offset, count)
    assert found == window(stream("a", 3), offset, count)


def test_ends_agree_by_what_is_announced_between_them() -> None:
    key, span = SegmentKey(7, "x", 1), Span(40, 512)
    first = window(stream("x", 1, "first end"), 40, 512)
    second = window(stream("x", 1, "second end"), 40, 512)
    assert key.measured(span) == first ^ second
    assert key.held_by(0, span) == first
    assert key.held_by(1, span) == first
    # what is announced says nothing of the key: both agree on about half of their bits
    assert 180 < key.measured(span).bit_count() < 332
    assert 180 < (key.measured(span) ^ first).bit_count() < 332
    assert SegmentKey(7, "x", 2).held_by(0, span) != first


@pytest.mark.parametrize("way", ["forward", "back"])
def test_every_announcement_is_padded_by_its_own_segment(relay_parts, way: str) -> None:
    announced: list[Announcement] = []
    relay = relay_parts(announce=announced.append)
    nodes, hops = (0, 1, 2), list(HOPS)
    if way == "back":
        nodes, hops = nodes[::-1], hops[::-1]
    key = relay.carry_key(BITS, nodes, hops, "test")
    assert key == window(stream("source", 0, nodes[0]), 0, BITS)
    order = [(0, 0), (0, 1), (0, 2), (1, 0)]
    assert [(a.fibre, a.segment) for a in announced] == (order if way == "forward" else order[::-1])
    for line in announced:
        spans = HOPS[line.fibre].spans
        pad = 0
        left = BITS
        for pool, span in enumerate(spans):
            count = min(span.bits, left)
            part = stream("segment", 0, line.fibre, pool, line.segment, "first end")
            pad = (pad << count) | window(part, span.offset, count)
            left -= count
        assert line.bits == BITS
        assert line.padded == key ^ pad


@pytest.mark.parametrize("end", [0, 1])
def test_ends_that_hold_different_bits_are_noticed(
    relay_parts, end: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = SegmentKey.held_by

    def with_a_wrong_bit(self: SegmentKey, at: int, span: Span) -> int:
        return honest(self, at, span) ^ (at == end and span.bits > 0)

    monkeypatch.setattr(SegmentKey, "held_by", with_a_wrong_bit)
    with pytest.raises(LedgerError, match="its ends hold different keys"):
        relay_parts().carry_key(BITS, (0, 1, 2), HOPS, "test")


def test_who_sees_a_key(relay_parts) -> None:
    relay = relay_parts()
    relay.carry_key(BITS, (0, 1, 2), HOPS, "test")
    later = [Hop(1, 1200, 30, 0, 0), Hop(0, 125, 10, 90, 20)]
    relay.carry_key(30, (2, 1, 0), later, "test")
    # two relays inside the first fibre, and the node between the two
    assert relay.seen == {(0, 1): 230, (0, 2): 230, 1: 230}
    assert (relay.deliveries, relay.bits) == (2, 230)


def test_a_key_without_a_pad_is_never_announced(
    relay_parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pads of zeros at both ends agree with each other, and are noticed all the same."""
    monkeypatch.setattr(KeyStream, "bits", lambda self, offset, count: 0)
    with pytest.raises(LedgerError, match="would be announced without a pad"):
        relay_parts()._over_fibre(2**199, BITS, 0, HOPS[0])
    monkeypatch.undo()
    monkeypatch.setattr(Relay, "_pad", lambda self, hop, segment, end, bits: 0)
    with pytest.raises(LedgerError, match="would be announced without a pad"):
        relay_parts().carry_key(BITS, (0, 1, 2), HOPS, "test")
