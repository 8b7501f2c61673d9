"""One attack for each line of the table in docs/background/fel-adversaries.md.

Each attack is played with what its party has before it, and nothing else. It fails, or works where
the page says so.
"""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from qnetsim import seeds
from qnetsim.case.task_relays import legs_of
from qnetsim.errors import IntersectionError, KeysExhaustedError, TamperedMessageError
from qnetsim.fel.arithmetic import ClassBalance
from qnetsim.fel.channels import Channels
from qnetsim.fel.datasets import Dataset, draw_worker_records, load_dataset
from qnetsim.fel.encryption_schemes import CountedScheme, PaillierScheme
from qnetsim.fel.exchange import EncryptedExchange, TaskEncryption
from qnetsim.fel.intersection import BlindSignatureParty, BlindSigner
from qnetsim.fel.intersection_protocols import BlindSignatures, RecordIntersection
from qnetsim.fel.messages import Message, MessageKind
from qnetsim.fel.paillier import unpack
from qnetsim.fel.privacy import TaskPrivacy, randomised_response
from qnetsim.fel.protocol import RoundOutcome, Session
from qnetsim.fel.relays import RelayRule
from qnetsim.fel.roles import TaskRoles
from qnetsim.fel.signing_key import signing_key
from tests.support import ROOT
from tests.support.adversaries import (
    Thief,
    labels_from,
    on_the_wire,
    relayed,
    residuals_in,
    tokens_of,
)
from tests.support.federated import KEY_BITS, drive, learn, session, small
from tests.support.one_ciphertext import add_fresh, decrypt, encrypt

PAGE = ROOT / "docs" / "background" / "fel-adversaries.md"
NAMES = ["worker 0", "worker 1", "worker 2"]
PARTIES = ["owner", "head", *NAMES]


def paillier(seed: int = 7):
    return lambda number: PaillierScheme(KEY_BITS, seed, number)


# ------------------------------------------------------------------ a listener on the links


def test_listener_reads_no_plain_number() -> None:
    """Rates, counts, gradients under masks: pads hide them, and no two look alike."""
    _, _, sent = learn(small(), 3, 1, paillier())
    numbers = [m for m in sent if m.padded and any(m.numbers)]
    assert {"class counts", "curvature", "rates", "masked gradient"} <= {m.purpose for m in numbers}
    first, again = (on_the_wire(PARTIES, numbers, seed) for seed in (1, 2))
    for message, one, other in zip(numbers, first, again, strict=True):
        assert one.body != message.payload()
        assert one.body != other.body


def test_listener_cannot_tell_what_a_ciphertext_holds() -> None:
    """It knows the public key, and tries every residual there can be: none encrypts the same."""
    scheme = paillier()(1)
    heard = encrypt(scheme, 1)
    cipher = scheme._cipher
    tries = {cipher.encrypt(value) for value in (-1, 0, 1) for _ in range(20)}
    assert heard not in tries
    # nor do sums that a head sends on show their summands
    parts = [encrypt(scheme, value) for value in (2, 3)]
    assert add_fresh(scheme, parts) != scheme.add(parts)


def intersected(*, padded: bool) -> list[Message]:
    """Step 2 in real mode: three workers, who share two thirds of their records."""
    data = small()
    records = {name: draw_worker_records(data, 2 / 3, 3, name) for name in NAMES}
    protocol = BlindSignatures(4, "test", key_bits=1024, padded=padded)
    task = session(
        data,
        3,
        lambda _: CountedScheme(),
        intersection=RecordIntersection(protocol, records),
        pad_ciphertexts=padded,
    )
    return [m for m in drive(task.setup()) if m.step == 2]


def test_listener_reads_sizes_of_intersections_without_pads() -> None:
    """Admitted: tokens of equal records are equal, so every pair of workers is compared."""
    tokens = tokens_of(on_the_wire(PARTIES, intersected(padded=False)))
    assert {name: len(found) for name, found in tokens.items()} == dict.fromkeys(NAMES, 60)
    for one, other in combinations(NAMES, 2):
        assert len(tokens[one] & tokens[other]) == 40


def test_listener_reads_no_intersection_under_pads() -> None:
    tokens = tokens_of(on_the_wire(PARTIES, intersected(padded=True)))
    for one, other in combinations(NAMES, 2):
        assert not tokens[one] & tokens[other]


def test_listener_cannot_tamper_or_replay() -> None:
    sent = Message(MessageKind(5, "loss"), "a", "b", (1, 2), 8, padded=True)
    channels = Channels(["a", "b"])
    channels.add_keys("a", "b", np.random.default_rng(1).bytes(500))
    first = channels.seal(sent)
    assert channels.open(sent, first) == sent.payload()
    channels.begin_round()
    with pytest.raises(TamperedMessageError):
        channels.open(sent, first)
    for kind in ("tamper", "replay"):
        channels.carry_under(kind, sent)
        channels.begin_round()
    assert channels.open(sent, channels.seal(sent)) == sent.payload()


def test_listener_can_drop_messages_at_a_price() -> None:
    """Admitted: what is lost costs its keys; the link goes on with the next message."""
    sent = Message(MessageKind(5, "loss"), "a", "b", (1, 2), 8, padded=True)
    channels = Channels(["a", "b"])
    channels.add_keys("a", "b", np.random.default_rng(1).bytes(3 * sent.key_bytes))
    for _ in range(2):
        channels.carry_under("drop", sent)
    channels.carry(sent)
    with pytest.raises(KeysExhaustedError):
        channels.seal(sent)


# ------------------------------------------------------------------ the holder of the private key


def first_round(**more) -> tuple[Session, list[Message], PaillierScheme]:
    """A task's set-up and first round in real mode, and the private key of the round."""
    task, _, sent = learn(small(), 3, 1, paillier(), **more)
    return task, sent, paillier()(1)


def test_key_holder_sees_uniform_numbers() -> None:
    """What it decrypts under masks: twice the same gradient, and nothing alike."""
    seen = []
    for seed in (1, 2):
        _, _, sent = learn(small(), 3, 1, paillier(seed))
        opened = [m for m in sent if m.purpose.startswith("masked") and m.source == "head"]
        seen.append([number for m in opened for number in m.numbers])
    assert len(seen[0]) == len(seen[1]) > 20
    assert not set(seen[0]) & set(seen[1])


def test_key_holder_who_listens_opens_labels_without_pads() -> None:
    """Admitted: it overhears the residuals on their way to a worker."""
    task, sent, scheme = first_round()
    heard = on_the_wire(PARTIES, sent)
    found = labels_from(residuals_in(heard, lambda one: one.body), scheme, 3)
    np.testing.assert_array_equal(found, task.balance.labels)


def test_key_holder_who_listens_opens_nothing_under_pads() -> None:
    task, sent, scheme = first_round(pad_ciphertexts=True)
    heard = on_the_wire(PARTIES, sent)
    found = labels_from(residuals_in(heard, lambda one: one.body), scheme, 3)
    assert 0.2 < (found == task.balance.labels).mean() < 0.8


def test_key_holder_who_relays_pads_opens_labels() -> None:
    """Admitted with ``avoid = "none"``: a relay takes the pad off."""
    task, sent, scheme = first_round(pad_ciphertexts=True)
    heard = on_the_wire(PARTIES, sent)
    found = labels_from(residuals_in(heard, relayed), scheme, 3)
    np.testing.assert_array_equal(found, task.balance.labels)


@pytest.mark.parametrize("avoid", ["key_holders", "readers", "parties"])
def test_key_holder_relays_no_pad_of_a_ciphertext(avoid: str) -> None:
    for role in ("head", "owner"):
        task = session(small(), 3, lambda _: CountedScheme(), key_holder=role)
        rule = RelayRule(task.roles, avoid, pad_ciphertexts=True)
        telling = [
            leg for leg in legs_of(task) if leg.kind.purpose in {"weights", "residuals", "scores"}
        ]
        assert len(telling) > 8
        for leg in telling:
            holder = task.roles.key_holder
            assert holder in rule.barred(leg) or holder in (leg.source, leg.target)


def test_head_with_the_private_key_could_open_scores() -> None:
    """Admitted: it adds up the scores of its workers, and holds the key that opens them."""
    task, *_ = learn(small(), 3, 1, paillier())
    assert task.roles.key_holder == "head"
    true = task.blocks[NAMES[0]].scores().ravel().tolist()
    sent = drive(task.round(task.workers, RoundOutcome()))
    scheme = paillier()(2)
    scores = next(m for m in sent if m.purpose == "scores" and m.source == NAMES[0])
    opened = [scheme.unmask(decrypt(scheme, value), 0) for value in scores.numbers]
    assert any(true)
    assert [part for value in opened for part in unpack(value, 7)][: len(true)] == true


def test_head_without_the_private_key_opens_nothing() -> None:
    task, sent, _ = first_round(key_holder="owner")
    keys = [m for m in sent if m.purpose == "public key" and m.target == "head"]
    assert task.roles.key_holder == "owner"
    assert not keys
    others_key = paillier(8)(1)
    scores = next(m for m in sent if m.purpose == "scores" and m.target == "head")
    assert all(decrypt(others_key, value) != 0 for value in scores.numbers)


# ------------------------------------------------------------------ workers


def test_worker_learns_what_its_own_gradient_says() -> None:
    """Admitted: class means of its own features, a weak model of the labels, and no more."""
    data = load_dataset("wine")
    task, _, sent = learn(data, 3, 1, lambda _: CountedScheme())
    gradient = next(
        m for m in sent if m.kind == MessageKind(5, "masked gradient") and m.target == NAMES[0]
    )
    slopes = -np.array([unpack(value, 3) for value in gradient.numbers])
    block = task.blocks[NAMES[0]].features
    guess = np.argmax((block - block.mean(axis=0)) @ slopes, axis=1)
    right = (guess == np.argmax(task.balance.labels, axis=1)).mean()
    assert 0.5 < right < 0.95


def stolen(privacy: TaskPrivacy, data: Dataset) -> tuple[np.ndarray, Session]:
    """Labels that a thief reads in one round, in real mode."""
    roles = TaskRoles("owner", {"head": NAMES})
    task = Session(
        data, data.blocks(1, 0)[:3], roles, TaskEncryption(KEY_BITS, paillier()), privacy=privacy
    )
    thief = Thief(data.classes, task.blocks[NAMES[0]].features.shape[1])
    drive(task.setup())
    found: list[np.ndarray] = []
    honest = EncryptedExchange.open_sums

    def open_sums(self, kind, party, residuals, columns, classes):
        if party != NAMES[0]:
            return (yield from honest(self, kind, party, residuals, columns, classes))
        sent = thief.gradient(self.scheme, residuals)
        values = yield from self.decrypt_masked(kind, party, sent)
        found.append(thief.labels(values))
        return np.zeros((columns.shape[1], classes), dtype=np.int64)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EncryptedExchange, "open_sums", open_sums)
        drive(task.round(task.workers, RoundOutcome()))
    return found[0], task


def test_malicious_worker_reads_labels_in_one_round() -> None:
    """Admitted with exact labels: as many records as the plaintexts of its gradient hold."""
    data = load_dataset("breast_cancer")
    read, task = stolen(TaskPrivacy(), data)
    assert len(read) == 6 * 7  # 186 with a key of 2048 bits, which has 31 slots
    np.testing.assert_array_equal(read, task.balance.labels[: len(read)])


def test_malicious_worker_reads_randomised_labels_only() -> None:
    """With ``label_epsilon`` it reads what randomised response gave, which is deniable."""
    data = load_dataset("breast_cancer")
    noisy = randomised_response(data.labels, 1.0, seeds.stream(3, "test"))
    read, task = stolen(TaskPrivacy(labels=noisy), data)
    np.testing.assert_array_equal(read, task.balance.labels[: len(read)])
    wrong = (task.balance.labels != task._true_labels).mean()
    assert wrong == pytest.approx(1 / (1 + np.e), abs=0.06)
    assert 0 < (read != task._true_labels[: len(read)]).mean() < 0.5


def test_worker_with_made_up_features_reads_labels_from_its_true_gradient() -> None:
    """Admitted with exact labels: why a proof of the gradient would not do.

    Features 1, 2, 4, … of twelve records make a gradient that spells their labels.
    """
    labels = load_dataset("breast_cancer").labels
    balance = ClassBalance(labels)
    feature = np.zeros(len(labels), dtype=np.int64)
    feature[:12] = 1 << np.arange(12)
    gradient = int(feature @ balance.residuals(np.zeros_like(labels))[:, 0])
    samples = len(labels)
    # the counts of the classes give the two values of a residual; it tries all counts
    for positives in range(1, samples):
        guess = ClassBalance(np.where(np.arange(samples) < positives, 1, -1)[:, None])
        plus, minus = (
            int(guess.residuals(np.zeros((samples, 1), dtype=np.int64))[i, 0]) for i in (0, -1)
        )
        bits, rest = divmod(gradient - minus * 4095, plus - minus)
        if not rest and 0 <= bits < 4096 and positives == balance.positives[0]:
            break
    found = [1 if bits >> i & 1 else -1 for i in range(12)]
    assert found == labels[:12, 0].tolist()


def test_worker_finds_its_records_in_tokens_it_overhears() -> None:
    """Admitted without pads: equal records have equal tokens."""
    tokens = tokens_of(on_the_wire(PARTIES, intersected(padded=False)))
    assert len(tokens[NAMES[0]] & tokens[NAMES[1]]) == 40


def test_worker_finds_no_records_in_padded_tokens() -> None:
    sent = intersected(padded=True)
    mine = tokens_of(on_the_wire(PARTIES, sent), by="relay")[NAMES[0]]
    heard = tokens_of(on_the_wire(PARTIES, sent))[NAMES[1]]
    assert len(mine) == 60
    assert not mine & heard


def test_worker_who_relays_tokens_finds_its_records() -> None:
    """Admitted with ``avoid = "key_holders"``; "readers" keeps workers from tokens."""
    tokens = tokens_of(on_the_wire(PARTIES, intersected(padded=True)), by="relay")
    assert len(tokens[NAMES[0]] & tokens[NAMES[1]]) == 40
    task = session(small(), 3, lambda _: CountedScheme())
    for leg in legs_of(task):
        if leg.kind.purpose == "tokens":
            for avoid, kept in (("key_holders", False), ("readers", True)):
                rule = RelayRule(task.roles, avoid, pad_ciphertexts=True)
                assert (set(NAMES) - {leg.source} <= rule.barred(leg)) is kept


def test_malicious_worker_cannot_try_identifiers() -> None:
    signer = BlindSigner(signing_key(seeds.stream(1, "attack"), 1024), limit=2)
    guesses = BlindSignatureParty(["a", "b", "c"], signer.public, seeds.stream(1, "guess"))
    with pytest.raises(IntersectionError, match="at most 2"):
        signer.sign("curious", guesses.blinded())


# ------------------------------------------------------------------ the head that signs, the owner


def made_tokens(records) -> set[bytes]:
    """Tokens that the head makes for identifiers it guesses: it has the signing key."""
    key = signing_key(seeds.stream(4, "fel", "signing", "test"), 1024)
    signer = BlindSigner(key, limit=10**6)
    party = BlindSignatureParty(records, signer.public, seeds.stream(9, "head"))
    return set(party.tokens(signer.sign("head", party.blinded())))


def test_signing_head_sees_blinded_records_only() -> None:
    """The same records, blinded twice, have nothing in common, and no hash is among them."""
    signer = BlindSigner(signing_key(seeds.stream(1, "attack"), 1024), limit=3)
    one, other = (
        BlindSignatureParty(["x", "y", "z"], signer.public, seeds.stream(seed, "blind"))
        for seed in (1, 2)
    )
    assert not set(one.blinded()) & set(other.blinded())


def test_signing_head_tries_identifiers_on_tokens_it_overhears() -> None:
    """Admitted without pads: it can sign whatever it likes."""
    guesses = [f"small/{i}" for i in range(40)]
    tokens = tokens_of(on_the_wire(PARTIES, intersected(padded=False)))[NAMES[0]]
    assert len(made_tokens(guesses) & tokens) == 40
    assert not made_tokens(["small/40", "nobody"]) & tokens


def test_signing_head_reads_no_padded_tokens() -> None:
    tokens = tokens_of(on_the_wire(PARTIES, intersected(padded=True)))[NAMES[0]]
    assert not made_tokens([f"small/{i}" for i in range(40)]) & tokens
    task = session(small(), 3, lambda _: CountedScheme())
    rule = RelayRule(task.roles, "key_holders", pad_ciphertexts=True)
    legs = [leg for leg in legs_of(task) if leg.kind.purpose in {"tokens", "common records"}]
    assert legs
    assert all("head" in rule.barred(leg) for leg in legs)


def test_owner_learns_sizes_of_intersections() -> None:
    """Admitted: it compares the tokens of all workers, so it counts what pairs have in common."""
    tokens = {m.source: set(m.numbers) for m in intersected(padded=True) if m.purpose == "tokens"}
    for one, other in combinations(NAMES, 2):
        assert len(tokens[one] & tokens[other]) == 40


def test_owner_cannot_try_identifiers() -> None:
    """It has no signing key: no hash of an identifier is a token."""
    import hashlib

    tokens = {n for m in intersected(padded=True) if m.purpose == "tokens" for n in m.numbers}
    for i in range(40):
        guess = f"small/{i}".encode()
        for digest in (hashlib.sha256(guess), hashlib.sha256(b"qnetsim record " + guess)):
            assert int.from_bytes(digest.digest(), "big") not in tokens


def test_owner_learns_counts_curvature_and_losses() -> None:
    """Admitted: sums over all records, by class."""
    task, _, sent = learn(small(), 3, 1, lambda _: CountedScheme())
    told = {m.purpose for m in sent if m.target == "owner" and m.step > 2}
    assert told == {"class counts", "curvature", "loss"}
    counts = next(m for m in sent if m.purpose == "class counts")
    assert list(counts.numbers) == task.balance.positives.tolist()


# ------------------------------------------------------------------ relays that are no party


def test_trusted_relay_reads_plain_numbers() -> None:
    """Admitted: it is trusted. Ciphertexts stay encrypted for it."""
    _, _, sent = learn(small(), 3, 1, paillier(), pad_ciphertexts=True)
    for message, heard in zip(sent, on_the_wire(PARTIES, sent), strict=True):
        assert relayed(heard) == message.payload()
    stranger = paillier(99)(1)
    residuals = next(m for m in sent if m.kind == MessageKind(5, "residuals"))
    opened = [decrypt(stranger, value % stranger.public) for value in residuals.numbers]
    assert min(opened) > 2**64


def test_parties_relay_nothing_where_none_may() -> None:
    task = session(small(), 3, lambda _: CountedScheme())
    rule = RelayRule(task.roles, "parties", pad_ciphertexts=False)
    for leg in legs_of(task):
        assert rule.barred(leg) == set(PARTIES) - {leg.source, leg.target}


def test_any_party_can_spoil_the_model() -> None:
    """Admitted: a key holder that decrypts wrongly is not found out."""
    data = small()
    honest, *_ = learn(data, 3, 1, paillier())
    decrypt = PaillierScheme.decrypt_all

    def wrong(self, ciphertexts):
        return lambda: [value + 2**30 for value in decrypt(self, ciphertexts)()]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PaillierScheme, "decrypt_all", wrong)
        spoilt, *_ = learn(data, 3, 1, paillier())
    assert any(
        (spoilt.blocks[name].parameters != honest.blocks[name].parameters).any() for name in NAMES
    )


def test_every_line_of_the_table_has_its_attack() -> None:
    """The page names the test of each line, and every attack here is a line of the page."""
    named = re.findall(r"`(test_\w+)`", PAGE.read_text("utf-8"))
    files = sorted(Path(__file__).parent.glob("test_*adversaries.py"))
    assert len(files) == 3
    here = {name for file in files for name in re.findall(r"(?m)^def (test_\w+)", file.read_text())}
    assert sorted(named) == sorted(here - {"test_every_line_of_the_table_has_its_attack"})
