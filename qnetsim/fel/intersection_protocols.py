"""Step 2 as messages: which records all workers hold, without showing the others.

The head signs blindly, so it sees no record. Tokens go to the owner, who cannot sign and so can
try no identifiers of its own; it tells every worker which of its tokens all share. Tokens are
hashes of signatures, which nobody else can make: they are authenticated, not padded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from qnetsim import seeds
from qnetsim.fel.intersection import (
    SAFE_PRIME,
    CommutativeParty,
    Party,
    Signer,
    common,
    signing_key,
)
from qnetsim.fel.messages import NUMBER_BYTES, TOKEN_BYTES, Flow, Message, all_of, send

#: Bits of the key that serves for blind signatures only.
SIGNING_BITS = 2048
#: Common records of each worker, in one order for all.
Matched = dict[str, list[str]]
Holdings = Mapping[str, Sequence[str]]


class Matcher(Protocol):
    """A protocol of private set intersection."""

    def match(self, owner: str, head: str, records: Holdings) -> Flow[Matched]:
        """Find the common records.

        Parameters
        ----------
        owner, head : str
        records : mapping from worker to sequence of str
            What each worker holds, in an order of its own.
        """


class BlindSignatures:
    """RSA blind signatures by the cluster head.

    Parameters
    ----------
    seed : int or None
        Names the streams of key and blinding factors; None counts messages without cryptography.
    *name : str or int
    key_bits : int
    padded : bool
        Send records, signatures and tokens under one-time pad.
    """

    def __init__(
        self,
        seed: int | None,
        *name: str | int,
        key_bits: int = SIGNING_BITS,
        padded: bool = False,
    ) -> None:
        self._seed, self._name, self._key_bits = seed, name, key_bits
        self._padded = padded

    def match(self, owner: str, head: str, records: Holdings) -> Flow[Matched]:
        """Send the key, sign blinded records, compare tokens at the owner."""
        signer = None
        if self._seed is not None:
            key = signing_key(
                seeds.stream(self._seed, "fel", "signing", *self._name), self._key_bits
            )
            # a worker may have each record signed once, and not one more
            signer = Signer(key, most=max(map(len, records.values())))
        modulus = signer.public[0] if signer else 0
        yield from self._send(
            "signing key", head, owner, (modulus,), self._key_bits // 8, secret=True
        )
        flows = [self._tokens(signer, modulus, owner, head, w, records[w]) for w in records]
        tokens = yield from all_of(flows)
        shared = common(tokens)
        numbers = tuple(int.from_bytes(token, "big") for token in shared)
        if signer is None:
            numbers = (0,) * len(shared)
        yield from all_of(
            [
                self._send("common records", owner, worker, numbers, TOKEN_BYTES)
                for worker in records
            ]
        )
        return {
            worker: [own[token] for token in shared]
            for worker, own in zip(records, tokens, strict=True)
        }

    def _tokens(
        self,
        signer: Signer | None,
        modulus: int,
        owner: str,
        head: str,
        worker: str,
        records: Sequence[str],
    ) -> Flow[dict[bytes, str]]:
        width, none = self._key_bits // 8, (0,) * len(records)
        yield from self._send("signing key", head, worker, (modulus,), width, secret=True)
        if signer is None or self._seed is None:
            yield from self._send("blinded records", worker, head, none, width)
            yield from self._send("blind signatures", head, worker, none, width)
            yield from self._send("tokens", worker, owner, none, TOKEN_BYTES)
            return {record.encode(): record for record in records}
        stream = seeds.stream(self._seed, "fel", "blinding", *self._name, worker)
        party = Party(records, signer.public, stream)
        blinded = party.blinded()
        yield from self._send("blinded records", worker, head, tuple(blinded), width)
        signed = signer.sign(worker, blinded)
        yield from self._send("blind signatures", head, worker, tuple(signed), width)
        tokens = party.tokens(signed)
        # in an order that says nothing about the worker's own
        numbers = tuple(int.from_bytes(token, "big") for token in sorted(tokens))
        yield from self._send("tokens", worker, owner, numbers, TOKEN_BYTES)
        return tokens

    def _send(
        self,
        purpose: str,
        source: str,
        target: str,
        numbers: tuple[int, ...],
        width: int,
        *,
        secret: bool = False,
    ) -> Flow[bool]:
        padded = secret or self._padded
        return send(Message(2, purpose, source, target, numbers, width, padded))


class CommutativeEncryption:
    """AES03: every list passes through all workers, each of whom adds its layer.

    Parameters
    ----------
    seed : int or None
        Names the streams of the powers; None counts messages without cryptography.
    *name : str or int
    padded : bool
        Send lists and positions under one-time pad.
    """

    def __init__(self, seed: int | None, *name: str | int, padded: bool = False) -> None:
        self._seed, self._name, self._padded = seed, name, padded

    def match(self, owner: str, head: str, records: Holdings) -> Flow[Matched]:
        """Send every list round, compare at the owner, tell positions."""
        parties = {}
        if self._seed is not None:
            parties = {
                worker: CommutativeParty(
                    held, seeds.stream(self._seed, "fel", "power", *self._name, worker)
                )
                for worker, held in records.items()
            }
        flows = [self._round_trip(parties, owner, worker, records) for worker in records]
        values = yield from all_of(flows)
        found = dict(zip(records, values, strict=True))
        shared = sorted(set.intersection(*map(set, values)))
        matched, places = {}, {}
        for worker, own in found.items():
            place = {value: i for i, value in enumerate(own)}
            places[worker] = tuple(place[value] for value in shared)
            matched[worker] = [records[worker][i] for i in places[worker]]
        yield from all_of(
            [
                send(Message(2, "common records", owner, worker, at, NUMBER_BYTES, self._padded))
                for worker, at in places.items()
            ]
        )
        return matched

    def _round_trip(
        self, parties: Mapping[str, CommutativeParty], owner: str, worker: str, records: Holdings
    ) -> Flow[list[int]]:
        order = list(records)
        first = order.index(worker)
        route = [*order[first:], *order[:first]]
        width = SAFE_PRIME.bit_length() // 8
        values: list[int] = []
        for here, there in zip(route, [*route[1:], owner], strict=True):
            if parties:
                party = parties[here]
                values = party.own() if here == worker else party.encrypt(values)
            numbers = tuple(values) if parties else (0,) * len(records[worker])
            what = 2, "encrypted records", here, there, numbers, width, self._padded
            yield from send(Message(*what, part=first))
        if not parties:
            values = [int.from_bytes(record.encode(), "big") for record in records[worker]]
        return values
