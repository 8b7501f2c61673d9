"""Federated learning: arithmetic, encryption, pads, intersection, and the protocol's messages."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from cryptography.hazmat.primitives.poly1305 import Poly1305
from hypothesis import given, settings
from hypothesis import strategies as st

from qnetsim import seeds
from qnetsim.errors import (
    IntersectionError,
    KeysExhaustedError,
    TamperedMessageError,
    UsageError,
)
from qnetsim.fel import paillier
from qnetsim.fel.arithmetic import (
    PARAMETER_BITS,
    SCORE_BITS,
    ClassBalance,
    FeatureBlock,
    require_slots,
    taylor_loss,
)
from qnetsim.fel.datasets import DATASET_NAMES, load_dataset, make_dataset
from qnetsim.fel.encryption_schemes import CountedScheme, PaillierScheme
from qnetsim.fel.exchange import TaskEncryption
from qnetsim.fel.intersection import (
    BlindSignatureParty,
    BlindSigner,
    CommutativeParty,
    common_tokens,
    safe_prime,
)
from qnetsim.fel.pads import KeyBuffer, Receiver, SealedMessage, Sender
from qnetsim.fel.protocol import RoundOutcome, Session
from qnetsim.fel.roles import TaskRoles
from qnetsim.fel.signing_key import signing_key
from tests.support.federated import KEY_BITS, drive, learn, session, small
from tests.support.one_ciphertext import add_fresh, blind, decrypt, encrypt


@pytest.mark.parametrize(
    ("name", "orders", "rounds", "near"),
    [("iris", 2, 30, {1: 0.437}), ("wine", 8, 30, {1: 0.394, 2: 0.326, 3: 0.324})],
)
def test_losses_lie_near_the_prototype(name: str, orders: int, rounds: int, near: dict) -> None:
    data = load_dataset(name)
    for workers, value in near.items():
        found = []
        for order in range(orders):
            columns = data.blocks(1, order)[:workers]
            names = [f"w{i}" for i in range(workers)]
            roles = TaskRoles("o", {"h": names})
            encryption = TaskEncryption(KEY_BITS, lambda _: CountedScheme())
            task = Session(data, columns, roles, encryption)
            drive(task.setup())
            for _ in range(rounds):
                drive(task.round(task.workers, RoundOutcome()))
            scores = sum(block.scores() for block in task.blocks.values())
            found.append(taylor_loss(task.balance.labels, scores).mean())
        assert np.mean(found) == pytest.approx(value, abs=0.03)


def test_federated_learning_is_central_learning() -> None:
    """Same features, floating point, all data in one place: equal to fixed-point precision."""
    data = load_dataset("wine")
    task, losses, _ = learn(data, 3, 10, lambda _: CountedScheme())
    order = np.concatenate(data.blocks(1, 0))
    x, y = data.features[:, order] / 4096, data.labels
    weights = np.where(y > 0, 1 / (2 * (y > 0).sum(axis=0)), 1 / (2 * (y < 0).sum(axis=0)))
    bound = (weights * (x**2).sum(axis=1)[:, None]).sum(axis=0) / 4
    theta = np.zeros((x.shape[1], y.shape[1]))
    for loss in losses:
        z = x @ theta
        central = (weights * (np.log(2) - y * z / 2 + z * z / 8)).sum(axis=0).mean()
        assert loss == pytest.approx(central, abs=1e-4)
        theta -= x.T @ (weights * (z / 4 - y / 2)) / bound
    found = np.vstack([block.parameters for block in task.blocks.values()]) / 2**PARAMETER_BITS
    np.testing.assert_allclose(found, theta, atol=1e-3)
    assert losses[0] == pytest.approx(np.log(2))
    assert all(later < earlier for earlier, later in pairwise(losses))


@pytest.mark.parametrize("holder", ["head", "owner"])
def test_real_equals_counted_bit_for_bit(holder: str) -> None:
    data = small()
    counted = learn(data, 3, 2, lambda _: CountedScheme(), key_holder=holder)
    real = learn(data, 3, 2, lambda r: PaillierScheme(KEY_BITS, 7, r), key_holder=holder)
    assert real[1] == counted[1]
    for name, block in real[0].blocks.items():
        np.testing.assert_array_equal(block.parameters, counted[0].blocks[name].parameters)
        assert block.parameters.any()
    assert len(real[2]) == len(counted[2])
    for one, other in zip(real[2], counted[2], strict=True):
        assert len(one.payload()) == one.size == other.size
        assert one.key_bytes == other.key_bytes
    # nobody but its owner sees a gradient, and nobody a residual
    seen = {m.purpose for m in real[2] if m.source == real[0].roles.key_holder and m.step == 5}
    assert seen <= {"masked gradient", "rates"}


def test_padding_ciphertexts_costs_their_length() -> None:
    data = small()
    plain, padded = (
        learn(data, 2, 1, lambda _: CountedScheme(), pad_ciphertexts=pad)[2]
        for pad in (False, True)
    )
    more = sum(m.key_bytes for m in padded) - sum(m.key_bytes for m in plain)
    assert more == sum(m.size for m in plain if not m.padded and m.step != 2) > 0


def test_sizes_of_messages() -> None:
    """Three classes, six features and forty records; numbers of 8, 16 and 32 bytes, RSA of 256."""
    _, _, sent = learn(small(), 2, 1, lambda _: CountedScheme())
    found = {(m.step, m.purpose): m.size for m in sent if "worker 0" in (m.source, m.target)}
    assert found[1, "parameters"] == 6 * 3 * 8
    assert found[2, "blinded records"] == found[2, "blind signatures"] == 40 * 256
    assert found[2, "tokens"] == found[2, "common records"] == 40 * 32
    assert found[3, "curvature"] == 3 * 8
    assert found[4, "public key"] == KEY_BITS // 8
    assert found[5, "rates"] == 2 * 3 * 16
    assert found[5, "residuals"] == 40 * KEY_BITS // 4
    assert found[5, "loss"] == 3 * 16


def test_a_worker_that_cannot_be_reached_is_left_out() -> None:
    data = small()
    task = session(data, 3, lambda _: CountedScheme())
    drive(task.setup())
    before = task.blocks["worker 0"].parameters.copy()
    outcome = RoundOutcome()
    drive(task.round(task.workers, outcome), lambda m: "worker 0" not in (m.source, m.target))
    assert outcome.workers == ("worker 1", "worker 2")
    np.testing.assert_array_equal(task.blocks["worker 0"].parameters, before)
    assert outcome.loss == pytest.approx(np.log(2))
    drive(task.round(["worker 0", "worker 1"], outcome))  # without the labels nothing is learnt
    assert (outcome.workers, outcome.loss) == ((), None)
    with pytest.raises(UsageError, match="cannot begin: parameters from owner to head"):
        drive(session(data, 2, lambda _: CountedScheme()).setup(), lambda m: False)


@pytest.mark.parametrize(
    ("workers", "change", "message"),
    [(2, {"columns": 3}, "2 workers for 3 blocks"), (2, {"head": "worker 1"}, "different names")],
)
def test_bad_tasks_are_refused(workers: int, change: dict, message: str) -> None:
    data = small()
    columns = data.blocks(1, 0)[: change.get("columns", workers)]
    names = [f"worker {i}" for i in range(workers)]
    with pytest.raises(UsageError, match=message):
        roles = TaskRoles("owner", {change.get("head", "head"): names})
        Session(data, columns, roles, TaskEncryption(512, lambda _: CountedScheme()))


@given(st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=7))
def test_packed_integers_come_back(values: list[int]) -> None:
    assert paillier.unpack(paillier.pack(values), len(values)) == values


@given(st.lists(st.integers(-(2**40), 2**40), min_size=3, max_size=3), st.integers(0, 4096))
@settings(max_examples=20, deadline=None)
def test_sums_and_products_under_encryption(values: list[int], factor: int) -> None:
    scheme = PaillierScheme(KEY_BITS, 1, "test")
    cipher = encrypt(scheme, paillier.pack(values))
    blinded, mask = blind(scheme, scheme.add([scheme.weigh([cipher], [factor]), cipher]))
    seen = decrypt(scheme, blinded)
    assert seen != scheme.unmask(seen, mask)
    found = paillier.unpack(scheme.unmask(seen, mask), 3)
    assert found == [value * (factor + 1) for value in values]


def test_no_randomness_is_used_twice() -> None:
    scheme = PaillierScheme(KEY_BITS, 1, "test")
    assert len({encrypt(scheme, 5) for _ in range(50)}) == 50
    assert len({blind(scheme, encrypt(scheme, 5))[1] for _ in range(50)}) == 50
    assert PaillierScheme(KEY_BITS, 1, "other").public != scheme.public
    assert scheme.public.bit_length() == KEY_BITS


def link(available: int = 10_000) -> tuple[Sender, Receiver, KeyBuffer]:
    stream = np.random.default_rng(3).bytes(available)
    buffers = [KeyBuffer(lambda at, n: stream[at : at + n], available) for _ in range(2)]
    return Sender("a to b", buffers[0]), Receiver("a to b", buffers[1]), buffers[1]


def changed(message: SealedMessage, **more) -> SealedMessage:
    return SealedMessage(**{**vars(message), **more})


def test_messages_arrive_and_no_key_byte_serves_twice() -> None:
    sender, receiver, keys = link()
    offsets = []
    for text, padded in ((b"hello", True), (b"world", False), (b"", True)):
        message = sender.seal(text, padded=padded)
        assert (message.body == text) == (not padded or not text)
        assert receiver.open(message, length=len(text), padded=padded) == text
        offsets.append((message.offset, keys.spent))
    assert offsets == [(0, 37), (37, 69), (69, 101)]


@pytest.mark.parametrize(
    "change",
    [
        {"body": b"hellp"},
        {"body": b"hell"},
        {"body": b"hello, and more than there are keys for" * 1000},
        {"tag": bytes(16)},
        {"padded": False},
        {"link": "b to a"},
        {"sequence": 1},
        {"offset": 5},
    ],
)
def test_a_tampered_message_is_refused(change: dict) -> None:
    sender, receiver, keys = link()
    message = sender.seal(b"hello", padded=True)
    with pytest.raises(TamperedMessageError):
        receiver.open(changed(message, **change), length=5, padded=True)
    if change.keys() <= {"body", "tag", "padded"}:
        # its key is burnt: not even the true message is taken with it any more
        assert keys.spent == 37
        with pytest.raises(TamperedMessageError, match="replayed"):
            receiver.open(message, length=5, padded=True)
        # and the link lives on
        following = sender.seal(b"again", padded=True)
        assert receiver.open(following, length=5, padded=True) == b"again"


def test_the_tag_covers_where_a_message_belongs() -> None:
    """Link, number, key offset and padding, and where the link's name ends and the body begins."""
    sender, _, keys = link()
    message = sender.seal(b"hello", padded=True)
    tag = Poly1305.generate_tag(keys.read(0, 32), message.header() + message.body)
    assert message.tag == tag
    others = [
        changed(message, link="a to c"),
        changed(message, sequence=1),
        changed(message, offset=1),
        changed(message, padded=False),
        changed(message, link="a to", body=b" b" + message.body),
    ]
    covered = [m.header() + m.body for m in (message, *others)]
    assert len(set(covered)) == len(covered)


def test_a_message_with_another_key_offset_spends_no_key() -> None:
    sender, receiver, keys = link()
    message = sender.seal(b"hello", padded=True)
    with pytest.raises(TamperedMessageError, match="key offset 5, expected 0"):
        receiver.open(changed(message, offset=5), length=5, padded=True)
    assert keys.spent == 0
    receiver.open(message, length=5, padded=True)
    following = sender.seal(b"again", padded=True)
    with pytest.raises(TamperedMessageError, match="key offset 0, expected 37"):
        receiver.open(changed(following, offset=0), length=5, padded=True)
    assert keys.spent == 37


@pytest.mark.parametrize("sent", [b"hell", b"hello!"])
def test_a_message_that_is_not_as_long_as_agreed_is_refused(sent: bytes) -> None:
    """The tag is true: it is the sender that says more or less than the protocol has it say."""
    sender, receiver, _ = link()
    message = sender.seal(sent, padded=False)
    with pytest.raises(TamperedMessageError):
        receiver.open(message, length=5, padded=False)


@pytest.mark.parametrize("agreed", [True, False])
def test_a_message_that_is_not_padded_as_agreed_is_refused(agreed: bool) -> None:
    """The tag is true: it is the sender that leaves the pad out, or adds one."""
    sender, receiver, _ = link()
    message = sender.seal(b"hello", padded=not agreed)
    with pytest.raises(TamperedMessageError):
        receiver.open(message, length=5, padded=agreed)


def test_a_replayed_message_is_refused() -> None:
    sender, receiver, _ = link()
    message = sender.seal(b"hello", padded=True)
    receiver.open(message, length=5, padded=True)
    with pytest.raises(TamperedMessageError, match="replayed"):
        receiver.open(message, length=5, padded=True)


def test_sums_and_masked_values_are_encrypted_anew() -> None:
    """Nothing but the private key tells a fresh ciphertext from what it was made of."""
    scheme = PaillierScheme(KEY_BITS, 1, "fresh")
    n = scheme.public
    one, two = encrypt(scheme, 3), encrypt(scheme, 4)
    plain = scheme.add([one, two])
    sums = {add_fresh(scheme, [one, two]) for _ in range(3)}
    assert len(sums | {plain}) == 4
    assert {decrypt(scheme, value) for value in sums} == {7}
    assert add_fresh(scheme, [one]) != one
    blinded, mask = blind(scheme, one)
    # without fresh randomness the result would be one·(1 + mask·n)
    assert blinded != one * (1 + mask * n) % (n * n)
    assert scheme.unmask(decrypt(scheme, blinded), mask) == 3


def test_tokens_are_sent_in_an_order_that_says_nothing() -> None:
    from qnetsim.fel.intersection_protocols import BlindSignatures

    def sent(order: list[str]) -> tuple[int, ...]:
        found = []
        flow = BlindSignatures(1, key_bits=1024).intersect("o", "h", {"w": order, "v": ["b", "a"]})
        answers = None
        try:
            while True:
                batch = flow.send(answers)
                found += [m.numbers for m in batch if m.purpose == "tokens" and m.source == "w"]
                answers = [True] * len(batch)
        except StopIteration:
            return found[0]

    assert sent(["a", "b", "c"]) == sent(["c", "a", "b"])


def test_keys_that_run_out_block_and_are_not_stretched() -> None:
    sender, _, _ = link(40)
    with pytest.raises(KeysExhaustedError, match="needs 41 key bytes and 40 are left"):
        sender.seal(bytes(9), padded=True)
    assert sender.seal(bytes(8), padded=True).offset == 0


def test_an_eavesdropper_sees_uniform_bytes() -> None:
    sender, _, _ = link(200_000)
    seen = b"".join(sender.seal(bytes(1000), padded=True).body for _ in range(100))
    counts = np.bincount(np.frombuffer(seen, np.uint8), minlength=256)
    assert ((counts - len(seen) / 256) ** 2).sum() / (len(seen) / 256) < 350


@pytest.fixture(scope="module")
def signer_key():
    return signing_key(seeds.stream(1, "test", "rsa"), 1024)


def test_blind_signatures_find_what_is_common(signer_key) -> None:
    signer = BlindSigner(signer_key, limit=20)
    sets = [[f"r{i}" for i in span] for span in (range(12), range(5, 16), [11, 7, 3, 9, 30])]
    tokens = []
    for number, records in enumerate(sets):
        party = BlindSignatureParty(records, signer.public, seeds.stream(1, "test", number))
        blinded = party.blinded()
        assert len(set(blinded)) == len(records)
        tokens.append(party.tokens(signer.sign(f"p{number}", blinded)))
    for party in tokens:
        shared = common_tokens([t.keys() for t in tokens])
        assert sorted(party[token] for token in shared) == ["r11", "r7", "r9"]


def test_a_signer_gives_no_more_than_its_cap(signer_key) -> None:
    signer = BlindSigner(signer_key, limit=3)
    party = BlindSignatureParty(["a", "b", "a"], signer.public, seeds.stream(1, "test"))
    signed = signer.sign("p", party.blinded())
    assert len(signed) == 2
    with pytest.raises(IntersectionError, match="at most 3"):
        signer.sign("p", party.blinded())
    with pytest.raises(IntersectionError, match="wrong"):
        party.tokens([signed[0], signed[1] + 1])
    with pytest.raises(IntersectionError, match="1 signature came for 2"):
        party.tokens(signed[:1])


def test_commutative_encryption_finds_what_is_common() -> None:
    a = CommutativeParty(["x", "y", "z"], seeds.stream(1, "a"))
    b = CommutativeParty(["z", "w", "y"], seeds.stream(1, "b"))
    both = set(b.encrypt(a.encrypt_own())) & set(a.encrypt(b.encrypt_own()))
    assert len(both) == 2
    assert safe_prime().bit_length() == 2048


@pytest.mark.parametrize("name", DATASET_NAMES)
def test_data_sets_fit_into_the_slots(name: str) -> None:
    data = load_dataset(name)
    require_slots(data.samples, data.features.shape[1])
    assert (data.features.min(), data.features.max()) == (0, 4096)
    blocks = data.blocks(1, 0)
    assert Counter(np.concatenate(blocks).tolist()) == Counter(range(data.features.shape[1]))
    assert all(len(block) == 6 for block in blocks[:-1])
    assert 1 <= len(blocks[-1]) <= 6
    assert not np.array_equal(blocks[0], data.blocks(1, 1)[0])


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(UsageError, match="do not fit into slots"):
        require_slots(10**6, 64)
    with pytest.raises(UsageError, match="allowed: breast_cancer, digits"):
        load_dataset("mnist")
    with pytest.raises(UsageError, match="has 1 class"):
        make_dataset("one", [[1.0], [2.0]], ["a", "a"])
    with pytest.raises(UsageError, match="finite"):
        make_dataset("nan", [[float("nan")], [2.0]], ["a", "b"])
    with pytest.raises(UsageError, match="even number of bits"):
        paillier.generate_keys(seeds.stream(1, "k"), 100)
    block = FeatureBlock(np.full((2, 1), 4096), 1)
    with pytest.raises(UsageError, match="exceeds"):
        block.step(np.array([[1 << 60]]), [Fraction(1)])


def test_residuals_are_the_derivative_rounded_down() -> None:
    balance = ClassBalance(np.array([[1], [1], [-1], [-1], [-1]]))
    scores = np.array([[0], [1], [2], [-3], [0]]) << SCORE_BITS
    z = np.array([0, 1, 2, -3, 0])
    y = balance.labels[:, 0]
    exact = 5 * np.where(y > 0, 1 / 4, 1 / 6) * (z / 4 - y / 2)
    np.testing.assert_array_equal(balance.residuals(scores)[:, 0], np.floor(exact * 2**16))


def test_scores_are_made_once_for_the_same_parameters() -> None:
    rng = np.random.default_rng(1)
    block = FeatureBlock(rng.integers(-4096, 4097, (20, 3)), 2)
    block.parameters += rng.integers(-9, 10, (3, 2))
    first = block.scores()
    assert block.scores() is first
    block.parameters -= 1  # in place, as a step does
    assert (block.scores() == block.features @ block.parameters).all()
    assert (block.scores() != first).any()
