"""What attackers of a federated task can do, and cannot: on the wire, and as a worker."""

from __future__ import annotations

import numpy as np
import pytest

from qnetsim import seeds
from qnetsim.case import open_case
from qnetsim.errors import (
    IntersectionError,
    KeysExhaustedError,
    ProtocolError,
    TamperedMessageError,
    UsageError,
)
from qnetsim.fel.channels import Channels
from qnetsim.fel.datasets import draw_worker_records, load_dataset
from qnetsim.fel.encryption_schemes import CountedScheme, PaillierScheme
from qnetsim.fel.intersection import BlindSignatureParty, BlindSigner
from qnetsim.fel.intersection_protocols import (
    BlindSignatures,
    CommutativeEncryption,
    RecordIntersection,
)
from qnetsim.fel.messages import Message, MessageKind
from qnetsim.fel.pads import SealedMessage
from qnetsim.fel.protocol import RoundOutcome
from qnetsim.fel.signing_key import signing_key
from qnetsim.kernel.relay import Announcement, Relay
from tests.support.federated import KEY_BITS, drive, learn, session, small
from tests.support.rounds import WINE, go, world


def message(source: str = "a", target: str = "b", **more) -> Message:
    settings = {"kind": MessageKind(5, "loss"), "numbers": (1, -2, 3), "width": 8, "padded": True}
    return Message(**{**settings, **more}, source=source, target=target)


def channels(count: int = 1000) -> Channels:
    made = Channels(["a", "b", "head"])
    data = np.random.default_rng(5).bytes(count)
    for source, target in (("a", "b"), ("b", "a"), ("a", "head"), ("b", "head")):
        made.add_keys(source, target, data[::-1] if source < target else data)
    return made


def changed(sealed: SealedMessage, **more) -> SealedMessage:
    return SealedMessage(**{**vars(sealed), **more})


def test_a_tampered_message_is_refused_and_its_key_burnt() -> None:
    made, sent = channels(), message()
    sealed = made.seal(sent)
    flipped = bytes([sealed.body[0] ^ 1]) + sealed.body[1:]
    with pytest.raises(TamperedMessageError, match="its key is burnt"):
        made.open(sent, changed(sealed, body=flipped))
    # not even the true message is taken with that key any more
    with pytest.raises(TamperedMessageError, match="replayed"):
        made.open(sent, sealed)
    again = made.seal(sent)
    assert again.offset == sent.key_bytes
    assert made.open(sent, again) == sent.payload()


def test_a_replayed_message_is_refused() -> None:
    made, sent = channels(), message()
    sealed = made.seal(sent)
    assert made.open(sent, sealed) == sent.payload()
    with pytest.raises(TamperedMessageError, match="replayed, lost or misdirected"):
        made.open(sent, sealed)
    # nor can it be turned back to its sender, or passed on to somebody else
    for target, source in (("a", "b"), ("head", "a")):
        with pytest.raises(TamperedMessageError):
            made.open(message(source, target), sealed)


def test_a_second_registration_is_refused() -> None:
    made = channels()
    with pytest.raises(ProtocolError, match="a is registered already"):
        made.register("a")
    with pytest.raises(ProtocolError, match="stranger is not registered"):
        made.add_keys("stranger", "head", b"keys")
    with pytest.raises(UsageError, match="need different names"):
        session(small(), 2, lambda _: CountedScheme(), clusters={"head": ["sybil", "sybil"]})


def test_a_worker_cannot_submit_twice_in_a_round() -> None:
    made, sent = channels(), message("a", "head", kind=MessageKind(4, "scores"))
    made.carry(sent)
    with pytest.raises(ProtocolError, match="a submits scores to head a second time"):
        made.carry(message("a", "head", kind=MessageKind(4, "scores"), numbers=(9,)))
    made.carry(message("b", "head", kind=MessageKind(4, "scores")))
    made.begin_round()
    made.carry(sent)


def test_keys_that_run_out_block_a_channel() -> None:
    made = channels(60)
    made.carry(message())
    with pytest.raises(KeysExhaustedError, match="needs 56 key bytes and 4 are left"):
        made.seal(message())


def test_a_worker_cannot_try_identifiers() -> None:
    """The head signs as many blinded records as the largest worker holds, and not one more."""
    signer = BlindSigner(signing_key(seeds.stream(1, "attack"), 1024), limit=3)
    honest = BlindSignatureParty(["x", "y", "z"], signer.public, seeds.stream(1, "honest"))
    tokens = honest.tokens(signer.sign("honest", honest.blinded()))
    guesses = BlindSignatureParty(["x", "p", "q", "r"], signer.public, seeds.stream(1, "guess"))
    with pytest.raises(IntersectionError, match="at most 3"):
        signer.sign("curious", guesses.blinded())
    # without a signature, a guess cannot be told from any other token
    assert not set(tokens) & {str(guess).encode() for guess in guesses.blinded()}


def test_an_eavesdropper_who_records_everything_learns_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All announcements and all sealed messages of a run: no payload, no pad, uniform bytes."""
    wire: list[tuple[Message, SealedMessage]] = []
    keys: list[bytes] = []
    seal, add = Channels.seal, Channels.add_keys

    def tap(self: Channels, sent: Message) -> SealedMessage:
        wire.append((sent, seal(self, sent)))
        return wire[-1][1]

    def keep(self: Channels, source: str, target: str, data: bytes) -> None:
        keys.append(data)
        add(self, source, target, data)

    monkeypatch.setattr(Channels, "seal", tap)
    monkeypatch.setattr(Channels, "add_keys", keep)
    case = open_case(world(WINE + 'mode = "real"\n', slots=25))
    announced: list[Announcement] = []
    relay = Relay(case.network, case.forecast, 1, 0, announce=announced.append)
    go(case.scenario, relay=relay)
    heard = b"".join(a.padded.to_bytes(-(-a.bits // 8), "big") for a in announced) + b"".join(
        sealed.body + sealed.tag for _, sealed in wire
    )
    padded = [(sent, sealed) for sent, sealed in wire if sent.padded]
    assert len(padded) > 40
    for sent, sealed in padded:
        payload = sent.payload()
        assert sealed.body != payload
        for at in range(0, len(payload) - 16, 64):
            window = payload[at : at + 16]
            if len(set(window)) > 4:  # zeros are everywhere
                assert window not in heard
    for key in keys:
        assert len(key) < 8 or key[:16] not in heard
    bodies = np.frombuffer(b"".join(sealed.body for _, sealed in padded), np.uint8)
    counts = np.bincount(bodies, minlength=256)
    assert ((counts - len(bodies) / 256) ** 2).sum() / (len(bodies) / 256) < 350
    # parameters are zeros at first: what is seen of them differs from message to message
    first = [sealed.body for sent, sealed in padded if sent.purpose == "parameters"]
    assert len(set(first)) == len(first)


def test_the_key_holder_sees_masked_values_only() -> None:
    """What it decrypts differs from the gradient, and from run to run of the same data."""
    data = small()
    seen = []
    for seed in (1, 2):
        _, _, sent = learn(data, 3, 1, lambda r, s=seed: PaillierScheme(KEY_BITS, s, r))
        opened = [m for m in sent if m.purpose == "masked gradient" and m.source == "head"]
        seen.append({number for m in opened for number in m.numbers})
    assert not seen[0] & seen[1]
    _, _, plain = learn(data, 3, 1, lambda _: CountedScheme())
    true = {n for m in plain if m.purpose == "masked gradient" for n in m.numbers}
    assert not true & seen[0]


@pytest.mark.parametrize("protocol", [BlindSignatures, CommutativeEncryption])
def test_records_that_overlap_partly(protocol) -> None:
    """Every worker shuffles and holds records of its own; what is learnt is what all share."""
    data, names = small(), [f"worker {i}" for i in range(3)]
    records_of = {name: draw_worker_records(data, 0.7, 3, name) for name in names}
    assert all(len(h.records) == round(40 / 0.7) for h in records_of.values())
    # one sample is missing at one worker, so nobody trains on it
    lacking = records_of[names[1]]
    gone = int(np.flatnonzero(lacking.samples == 17)[0])
    records = lacking.records[:gone] + lacking.records[gone + 1 :]
    records_of[names[1]] = type(lacking)(records, np.delete(lacking.samples, gone))
    found, sizes = [], []
    for seed in (None, 4):
        more = {"key_bits": 1024} if protocol is BlindSignatures else {}
        intersection = RecordIntersection(protocol(seed, "test", **more), records_of)
        task = session(data, 3, lambda _: CountedScheme(), intersection=intersection)
        sent = drive(task.setup())
        sizes.append([(m.kind, m.source, m.target, m.size, m.key_bytes) for m in sent])
        assert all(len(m.payload()) == m.size for m in sent if m.step <= 2)
        assert len(task.balance.labels) == 39
        drive(task.round(task.workers, RoundOutcome()))
        found.append({w: b.parameters.copy() for w, b in task.blocks.items()})
    assert sizes[0] == sizes[1]
    for name in names:
        np.testing.assert_array_equal(found[0][name], found[1][name])
    # no identifier goes over the wire
    heard = b"".join(m.payload() for m in sent if m.step == 2)
    assert not any(record.encode() in heard for record in records_of[names[0]].records)


def test_too_few_common_records_are_refused() -> None:
    data, names = small(), ["worker 0", "worker 1"]
    records_of = {name: draw_worker_records(data, 1.0, 3, name) for name in names}
    one = records_of[names[0]]
    records_of[names[0]] = type(one)(one.records[:1], one.samples[:1])
    intersection = RecordIntersection(records=records_of)
    task = session(data, 2, lambda _: CountedScheme(), intersection=intersection)
    with pytest.raises(UsageError, match="1 record is common"):
        drive(task.setup())


def test_clusters_train_the_same_model() -> None:
    data = load_dataset("wine")
    one = learn(data, 3, 3, lambda _: CountedScheme())
    names = [f"worker {i}" for i in range(3)]
    clusters = {"head": names[:1], "head 2": names[1:2], "head 3": names[2:]}
    several = learn(data, 3, 3, lambda _: CountedScheme(), clusters=clusters)
    assert one[1] == several[1]
    for name in names:
        np.testing.assert_array_equal(
            one[0].blocks[name].parameters, several[0].blocks[name].parameters
        )
    sums = [m for m in several[2] if m.purpose == "scores" and m.target == "worker 2"]
    assert {m.source for m in sums} == {"head", "head 2"}
    assert several[0].roles.key_holder == "head 3"
    # a head that cannot be reached costs the round its workers, and no others
    outcome = RoundOutcome()
    drive(several[0].round(names, outcome), lambda m: m.source != "head 2")
    assert outcome.workers == ("worker 0", "worker 2")
