"""Private set intersection as messages (step 2): the records that all workers hold, and no others.

With blind signatures the head signs without seeing a record. Tokens go to the owner, which cannot
sign and so cannot try identifiers of its own; it tells every worker which of its tokens all share.
Tokens are hashes of signatures, which nobody else can make: they are authenticated, not padded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from qnetsim import seeds
from qnetsim.fel.datasets import WorkerRecords
from qnetsim.fel.intersection import (
    BlindSignatureParty,
    BlindSigner,
    CommutativeParty,
    common_tokens,
    safe_prime,
)
from qnetsim.fel.messages import (
    NUMBER_BYTES,
    TOKEN_BYTES,
    Flow,
    Message,
    MessageKind,
    gather_all,
    send,
)
from qnetsim.fel.signing_key import signing_key

#: Bits of the key that serves for blind signatures only.
SIGNING_BITS = 2048
SIGNING_KEY = MessageKind(2, "signing key")
BLINDED_RECORDS = MessageKind(2, "blinded records")
BLIND_SIGNATURES = MessageKind(2, "blind signatures")
TOKENS = MessageKind(2, "tokens")
ENCRYPTED_RECORDS = MessageKind(2, "encrypted records")
COMMON_RECORDS = MessageKind(2, "common records")
#: Records that all workers hold, as each worker names them, in one order for all.
CommonRecords = dict[str, list[str]]
RecordsByWorker = Mapping[str, Sequence[str]]


class IntersectionProtocol(Protocol):
    """A protocol of private set intersection."""

    def intersect(self, owner: str, head: str, records: RecordsByWorker) -> Flow[CommonRecords]:
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
        self._seed = seed
        self._name = name
        self._key_bits = key_bits
        self._padded = padded

    def intersect(self, owner: str, head: str, records: RecordsByWorker) -> Flow[CommonRecords]:
        """Send the key, sign blinded records, compare tokens at the owner."""
        signer = None
        if self._seed is not None:
            key = signing_key(
                seeds.stream(self._seed, "fel", "signing", *self._name), self._key_bits
            )
            # a worker may have each record signed once, and no more
            signer = BlindSigner(key, limit=max(map(len, records.values())))
        yield from self._send_signing_key(signer, head, owner)
        flows = [self._tokens(signer, owner, head, w, records[w]) for w in records]
        tokens = yield from gather_all(flows)
        shared = common_tokens(tokens)
        numbers = tuple(int.from_bytes(token, "big") for token in shared)
        if signer is None:
            numbers = (0,) * len(shared)
        yield from gather_all(
            [self._send(COMMON_RECORDS, owner, worker, numbers, TOKEN_BYTES) for worker in records]
        )
        return {
            worker: [own[token] for token in shared]
            for worker, own in zip(records, tokens, strict=True)
        }

    def _tokens(
        self,
        signer: BlindSigner | None,
        owner: str,
        head: str,
        worker: str,
        records: Sequence[str],
    ) -> Flow[dict[bytes, str]]:
        """Records of a worker by their tokens, which the owner gets."""
        width = self._key_bits // 8
        yield from self._send_signing_key(signer, head, worker)
        if signer is None or self._seed is None:
            zeros = (0,) * len(records)
            yield from self._send(BLINDED_RECORDS, worker, head, zeros, width)
            yield from self._send(BLIND_SIGNATURES, head, worker, zeros, width)
            yield from self._send(TOKENS, worker, owner, zeros, TOKEN_BYTES)
            return {record.encode(): record for record in records}
        stream = seeds.stream(self._seed, "fel", "blinding", *self._name, worker)
        party = BlindSignatureParty(records, signer.public, stream)
        blinded = party.blinded()
        yield from self._send(BLINDED_RECORDS, worker, head, tuple(blinded), width)
        signed = signer.sign(worker, blinded)
        yield from self._send(BLIND_SIGNATURES, head, worker, tuple(signed), width)
        tokens = party.tokens(signed)
        # sorted, so that the worker's own order is not shown
        numbers = tuple(int.from_bytes(token, "big") for token in sorted(tokens))
        yield from self._send(TOKENS, worker, owner, numbers, TOKEN_BYTES)
        return tokens

    def _send_signing_key(self, signer: BlindSigner | None, head: str, party: str) -> Flow[bool]:
        """Send the modulus, always under one-time pad."""
        modulus = signer.public[0] if signer else 0
        return send(
            Message(SIGNING_KEY, head, party, (modulus,), width=self._key_bits // 8, padded=True)
        )

    def _send(
        self, kind: MessageKind, source: str, target: str, numbers: tuple[int, ...], width: int
    ) -> Flow[bool]:
        return send(Message(kind, source, target, numbers, width=width, padded=self._padded))


class CommutativeEncryption:
    """AES03: every list passes through all workers, each of which adds its encryption.

    Parameters
    ----------
    seed : int or None
        Names the streams of the powers; None counts messages without cryptography.
    *name : str or int
    padded : bool
        Send lists and positions under one-time pad.
    """

    def __init__(self, seed: int | None, *name: str | int, padded: bool = False) -> None:
        self._seed = seed
        self._name = name
        self._padded = padded

    def intersect(self, owner: str, head: str, records: RecordsByWorker) -> Flow[CommonRecords]:
        """Send every list through all workers, compare at the owner, send positions back."""
        parties = {}
        if self._seed is not None:
            parties = {
                worker: CommutativeParty(
                    held, seeds.stream(self._seed, "fel", "power", *self._name, worker)
                )
                for worker, held in records.items()
            }
        flows = [self._round_trip(parties, owner, worker, records) for worker in records]
        values = yield from gather_all(flows)
        found = dict(zip(records, values, strict=True))
        shared = sorted(set.intersection(*map(set, values)))
        common: CommonRecords = {}
        places = {}
        for worker, own in found.items():
            place = {value: i for i, value in enumerate(own)}
            places[worker] = tuple(place[value] for value in shared)
            common[worker] = [records[worker][i] for i in places[worker]]
        yield from gather_all(
            [
                self._send(COMMON_RECORDS, owner, worker, positions, NUMBER_BYTES)
                for worker, positions in places.items()
            ]
        )
        return common

    def _round_trip(
        self,
        parties: Mapping[str, CommutativeParty],
        owner: str,
        worker: str,
        records: RecordsByWorker,
    ) -> Flow[list[int]]:
        order = list(records)
        first = order.index(worker)
        route = [*order[first:], *order[:first]]
        width = safe_prime().bit_length() // 8
        values: list[int] = []
        for here, there in zip(route, [*route[1:], owner], strict=True):
            if parties:
                party = parties[here]
                values = party.encrypt_own() if here == worker else party.encrypt(values)
            numbers = tuple(values) if parties else (0,) * len(records[worker])
            yield from self._send(ENCRYPTED_RECORDS, here, there, numbers, width, part=first)
        if not parties:
            values = [int.from_bytes(record.encode(), "big") for record in records[worker]]
        return values

    def _send(
        self,
        kind: MessageKind,
        source: str,
        target: str,
        numbers: tuple[int, ...],
        width: int,
        part: int = 0,
    ) -> Flow[bool]:
        return send(
            Message(kind, source, target, numbers, width=width, padded=self._padded, part=part)
        )


@dataclass(frozen=True)
class RecordIntersection:
    """The records of the workers, and how the common ones are found.

    Attributes
    ----------
    protocol : IntersectionProtocol
        RSA blind signatures, counted, unless given.
    records : mapping from worker to WorkerRecords, optional
        All samples of the data set at every worker unless given.
    """

    protocol: IntersectionProtocol = field(default_factory=lambda: BlindSignatures(None))
    records: Mapping[str, WorkerRecords] | None = None
