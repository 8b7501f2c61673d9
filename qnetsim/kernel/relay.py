"""Carry end-to-end keys as real bytes, hop by hop, over every trusted relay.

The key of a request is made at its source. On each segment of its path it is XOR-ed with bits of
that segment's key and announced; the relay at the far end holds the same segment key, takes it
off, and goes on. So each trusted relay holds the end-to-end key in clear for a moment: that is
its *trust exposure*, counted in every run.

The two ends of a segment come to the same key as in MDI-QKD: each draws bits of its own, the
untrusted relay between them announces for each position whether the two agree (the outcome of its
Bell measurement), and the second end flips its bits where they do not. The announcements say
nothing of the key.

Seeded keys are simulation, not security: whoever knows the seed knows every key. Key bytes never
enter a trace, a message or a ``repr``.

Names: the LKM of a node is the key management entity (KME) of ETSI GS QKD 014, the two ends of a
request are its secure application entities (SAE), and a delivery has a ``key_ID``; the global key
server (GKS) picks the path (ITU-T Y.3800: key relay).
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any
from uuid import UUID

import numpy as np

from qnetsim.arrays import IntArray
from qnetsim.errors import LedgerError
from qnetsim.forecast import Forecast
from qnetsim.kernel.serving.paths import PathTable
from qnetsim.kernel.serving.state import (
    LOG_FIBRE,
    LOG_LEVEL,
    LOG_PATH,
    LOG_REQUEST,
    LOG_SLOT,
    Hop,
    Span,
)
from qnetsim.network import Network

BLOCK_BITS = 128
#: Bits from which on a pad of zeros is no chance, but a fault.
SURELY_PADDED_BITS = 64


class KeyStream:
    """An endless stream of bits that can be read at any offset: AES-128 in counter mode.

    Parameters
    ----------
    seed : int
    *name : str or int
        Streams of different names are independent.
    """

    def __init__(self, seed: int, *name: str | int) -> None:
        text = json.dumps([seed, "key stream", *name], separators=(",", ":")).encode()
        self._key = hashlib.blake2b(text, digest_size=16).digest()

    def bits(self, offset: int, count: int) -> int:
        """Bits ``offset .. offset + count − 1`` as a number, the first bit highest."""
        # imported where bits are read: most runs read none
        from cryptography.hazmat.primitives.ciphers import Cipher
        from cryptography.hazmat.primitives.ciphers.algorithms import AES
        from cryptography.hazmat.primitives.ciphers.modes import CTR

        if count == 0:
            return 0
        first = offset // BLOCK_BITS
        end = -(-(offset + count) // BLOCK_BITS)
        counter = CTR(first.to_bytes(BLOCK_BITS // 8, "big"))
        stream = (
            Cipher(AES(self._key), counter)
            .encryptor()
            .update(bytes((end - first) * BLOCK_BITS // 8))
        )
        number = int.from_bytes(stream, "big") >> (end * BLOCK_BITS - offset - count)
        return number & ((1 << count) - 1)


class SegmentKey:
    """The key of one segment in one pool, as each of its two ends holds it.

    Parameters
    ----------
    seed : int
    *name : str or int
        Segments of different names are independent.
    """

    def __init__(self, seed: int, *name: str | int) -> None:
        self._drawn = (KeyStream(seed, *name, "first end"), KeyStream(seed, *name, "second end"))

    def measured(self, span: Span) -> int:
        """Announcement of the untrusted relay: 1 where the bits of the two ends differ."""
        first, second = (stream.bits(span.offset, span.bits) for stream in self._drawn)
        return first ^ second

    def held_by(self, end: int, span: Span) -> int:
        """Bits of the key as the first (0) or the second end (1) works them out."""
        own = self._drawn[end].bits(span.offset, span.bits)
        return own if end == 0 else own ^ self.measured(span)


@dataclass(frozen=True)
class DeliveredKey:
    """An end-to-end key in the hands of both applications.

    Attributes
    ----------
    key_ID : UUID
        As in ETSI GS QKD 014.
    source_SAE_ID, target_SAE_ID : str
        The nodes of the request.
    slot, request : int
    bits : int
        Length of the key.
    key : bytes
        The key, its last byte filled up with zeros; never shown.
    """

    key_ID: UUID  # noqa: N815, as ETSI spells it
    source_SAE_ID: str  # noqa: N815
    target_SAE_ID: str  # noqa: N815
    slot: int
    request: int
    bits: int
    key: bytes = field(repr=False)

    def container(self) -> dict[str, Any]:
        """Key container of ETSI GS QKD 014, with the key in base64: for the application only."""
        entry = {"key_ID": str(self.key_ID), "key": base64.b64encode(self.key).decode()}
        return {"keys": [entry]}


@dataclass(frozen=True)
class Announcement:
    """What goes over the public channel for one segment: the key under one-time pad."""

    fibre: int
    segment: int
    bits: int
    padded: int


class Relay:
    """Carries every delivery of a run and compares the key at both ends.

    Parameters
    ----------
    network : Network
    forecast : Forecast
    seed, replication : int
    deliver : callable, optional
        Receives each key; without it keys are compared and forgotten.
    announce : callable, optional
        Receives each public announcement.
    check : callable, optional
        Called on every segment; raises to stop the run.

    Attributes
    ----------
    deliveries, bits : int
        Keys carried, and their bits.
    seen : dict from (fibre, relay) or node to int
        Key bits that each trusted relay held in clear: relay 1 … N − 1 of a fibre, or the node
        between two fibres.
    """

    def __init__(
        self,
        network: Network,
        forecast: Forecast,
        seed: int,
        replication: int,
        deliver: Callable[[DeliveredKey], None] | None = None,
        announce: Callable[[Announcement], None] | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._network = network
        self._forecast = forecast
        self._name = (seed, replication)
        self._deliver = deliver
        self._announce = announce
        self._check = check
        self._spent: IntArray = np.zeros((2, network.fibres), dtype=np.int64)
        self._made = [0] * len(network.topology.nodes)
        self.deliveries = 0
        self.bits = 0
        self.seen: dict[tuple[int, int] | int, int] = {}
        self._source = lru_cache(maxsize=4096)(partial(KeyStream, seed, "source", replication))
        self._segment = lru_cache(maxsize=4096)(partial(SegmentKey, seed, "segment", replication))

    def carry(self, log: IntArray, paths: PathTable) -> None:
        """Carry the deliveries of a log, in its order.

        Parameters
        ----------
        log : ndarray of int64, shape (rows, LOG_COLUMNS)
            As ``State.log`` describes it.
        paths : PathTable

        Raises
        ------
        LedgerError
            A bit would be spent twice, or the ends hold different keys.
        """
        rows = log.tolist()
        row = 0
        while row < len(rows):
            first = rows[row]
            slot = first[LOG_SLOT]
            request = first[LOG_REQUEST]
            route = paths.route(first[LOG_PATH])
            delivery = rows[row : row + len(route.fibres)]
            row += len(delivery)
            nodes = route.nodes
            hops = [Hop(*line[LOG_FIBRE:]) for line in delivery]
            if nodes[0] != self._forecast.pairs[request][0]:
                nodes = nodes[::-1]
                hops.reverse()
            bits = first[LOG_LEVEL] * self._network.level_bits
            key = self.carry_key(bits, nodes, hops, f"request {request} in slot {slot}")
            if self._deliver is not None:
                self._deliver(self._delivered(slot, request, bits, key, nodes))

    def carry_key(self, bits: int, nodes: tuple[int, ...], hops: Sequence[Hop], what: str) -> int:
        """Make a key at the first node, carry it to the last one, and return it.

        Parameters
        ----------
        bits : int
        nodes : tuple of int
        hops : sequence of Hop
            One for each fibre, from the first node on.
        what : str
            Names the delivery in messages.

        Raises
        ------
        LedgerError
            A bit would be spent twice, or the ends hold different keys.
        """
        source = nodes[0]
        key = self._source(source).bits(self._made[source], bits)
        self._made[source] += bits
        held = key
        for hop, (here, there) in enumerate(itertools.pairwise(nodes)):
            held = self._over_fibre(held, bits, here, hops[hop])
            if hop < len(hops) - 1:
                self._expose(there, bits)
        if held != key:
            raise LedgerError(f"{what}: its ends hold different keys")
        self.deliveries += 1
        self.bits += bits
        return key

    def _over_fibre(self, held: int, bits: int, here: int, hop: Hop) -> int:
        """Carry a key along the chain of one fibre, from node ``here`` to its other end."""
        fibre = hop.fibre
        for pool, span in enumerate(hop.spans):
            if span.bits and span.offset < self._spent[pool, fibre]:
                name = self._network.topology.fibre_title(fibre)
                raise LedgerError(f"fibre {name}: bits from {span.offset} on would be spent twice")
            if span.bits:
                self._spent[pool, fibre] = span.offset + span.bits
        segments = int(self._network.segments[fibre])
        order = list(range(segments))
        sender = 0
        if here != self._network.topology.fibres[fibre][0]:
            order.reverse()
            sender = 1
        for step, segment in enumerate(order):
            self._check()
            padded = held ^ self._pad(hop, segment, sender, bits)
            if padded == held and bits >= SURELY_PADDED_BITS:
                name = self._network.topology.fibre_title(fibre)
                raise LedgerError(f"fibre {name}: a key would be announced without a pad")
            if self._announce is not None:
                self._announce(Announcement(fibre, segment, bits, padded))
            held = padded ^ self._pad(hop, segment, 1 - sender, bits)
            if step < segments - 1:
                self._expose((fibre, max(segment, order[step + 1])), bits)
        return held

    def _pad(self, hop: Hop, segment: int, end: int, bits: int) -> int:
        """Bits of a segment's key at one end, reservation pool first; the rest is burnt."""
        pad = 0
        length = 0
        for pool, span in enumerate(hop.spans):
            part = Span(span.offset, min(span.bits, bits - length))
            key = self._segment(hop.fibre, pool, segment)
            pad = (pad << part.bits) | key.held_by(end, part)
            length += part.bits
        if length < bits:
            raise LedgerError(f"a key of {bits} bits would be stretched from {length} bits")
        return pad

    def _expose(self, place: tuple[int, int] | int, bits: int) -> None:
        self.seen[place] = self.seen.get(place, 0) + bits

    def _delivered(
        self, slot: int, request: int, bits: int, key: int, nodes: tuple[int, ...]
    ) -> DeliveredKey:
        names = self._network.topology.nodes
        text = json.dumps([*self._name, "key_ID", self.deliveries]).encode()
        number = hashlib.blake2b(text, digest_size=16).digest()
        size = -(-bits // 8)
        return DeliveredKey(
            key_ID=UUID(bytes=number),
            source_SAE_ID=names[nodes[0]],
            target_SAE_ID=names[nodes[-1]],
            slot=slot,
            request=request,
            bits=bits,
            key=(key << (8 * size - bits)).to_bytes(size, "big"),
        )
