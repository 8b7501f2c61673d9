"""Scores that stay encrypted, labels that are drawn: same model and keys in each mode."""

from __future__ import annotations

import numpy as np
import pytest

from qnetsim import seeds
from qnetsim.errors import UsageError
from qnetsim.fel.batches import Batches
from qnetsim.fel.datasets import load_dataset
from qnetsim.fel.encrypted_scores import require_plaintext, slot_bits
from qnetsim.fel.encryption_schemes import CountedScheme, PaillierScheme
from qnetsim.fel.exchange import TaskEncryption
from qnetsim.fel.key_usage import KeyUsageTable, run_flow
from qnetsim.fel.learning_method import LearningMethod
from qnetsim.fel.privacy import TaskPrivacy, randomised_response
from qnetsim.fel.protocol import RoundOutcome, Session
from qnetsim.fel.roles import TaskRoles
from tests.support.federated import KEY_BITS, small

ENCRYPTED = TaskPrivacy("encrypted")
METHODS = ["gradient_descent", "line_search", "conjugate_gradients"]


def task_of(privacy, *, real=False, data=None, method=None, **roles) -> Session:
    data = data or small()
    return Session(
        data,
        data.blocks(1, 0)[:3],
        TaskRoles("owner", {"head": ["w0"], "head 2": ["w1", "w2"]}, **roles),
        TaskEncryption(
            KEY_BITS, lambda r: PaillierScheme(KEY_BITS, 7, r) if real else CountedScheme()
        ),
        method=method,
        privacy=privacy,
    )


def train(task: Session, rounds: int):
    """Losses, parameters, and messages with their keys."""
    sent, losses = [], []

    def note(message) -> bool:
        sent.append((message.kind, message.source, message.target, message.size, message.key_bytes))
        return True

    run_flow(task.setup(), KeyUsageTable(), note)
    for _ in range(rounds):
        outcome = RoundOutcome()
        run_flow(task.round(task.workers, outcome), KeyUsageTable(), note)
        losses.append(outcome.loss)
    parameters = np.vstack([block.parameters for block in task.blocks.values()])
    return losses, parameters, sent


@pytest.mark.parametrize("optimiser", METHODS)
@pytest.mark.parametrize("holder", ["head", "owner"])
def test_real_equals_counted(optimiser: str, holder: str) -> None:
    method = LearningMethod(optimiser)
    results = [
        train(task_of(ENCRYPTED, real=real, method=method, key_holder_role=holder), 2)
        for real in (False, True)
    ]
    assert results[0][0] == results[1][0]
    assert results[0][2] == results[1][2]
    np.testing.assert_array_equal(results[0][1], results[1][1])
    assert results[0][1].any()


@pytest.mark.parametrize(
    ("optimiser", "near"),
    [("gradient_descent", 1e-5), ("line_search", 1e-4), ("conjugate_gradients", 2e-3)],
)
def test_the_model_is_that_of_opened_scores(optimiser: str, near: float) -> None:
    """Both round down, at another place; directions make more of that from round to round."""
    data = load_dataset("wine")
    method = LearningMethod(optimiser)
    losses, parameters, _ = train(task_of(TaskPrivacy(), data=data, method=method), 6)
    same, close, _ = train(task_of(ENCRYPTED, data=data, method=method), 6)
    assert same == pytest.approx(losses, abs=near)
    np.testing.assert_allclose(close / 2**20, parameters / 2**20, atol=100 * near)


def test_no_score_is_opened_and_fewer_keys_are_needed() -> None:
    sent = {privacy.scores: train(task_of(privacy), 1)[2] for privacy in (TaskPrivacy(), ENCRYPTED)}
    assert any(kind.purpose == "masked scores" for kind, *_ in sent["opened"])
    assert not any(kind.purpose == "masked scores" for kind, *_ in sent["encrypted"])
    keys = {name: sum(key for kind, *_, key in of if kind.step > 3) for name, of in sent.items()}
    assert keys["encrypted"] < 0.6 * keys["opened"]


def test_a_lone_worker_needs_no_others_scores() -> None:
    data = load_dataset("iris")
    encryption = TaskEncryption(KEY_BITS, lambda r: PaillierScheme(KEY_BITS, 7, r))
    roles = TaskRoles("owner", {"head": ["w0"]})
    task = Session(data, data.blocks(1, 0), roles, encryption, privacy=ENCRYPTED)
    losses, _, _ = train(task, 2)
    assert losses[1] < losses[0]


def test_a_worker_that_drops_out_is_left_out() -> None:
    task = task_of(ENCRYPTED)
    run_flow(task.setup(), KeyUsageTable())
    outcome = RoundOutcome()
    run_flow(task.round(["w1", "w2"], outcome), KeyUsageTable())
    assert outcome.workers == ("w1", "w2")


def test_what_does_not_fit_is_refused() -> None:
    assert slot_bits(569, 30) < 128
    require_plaintext(512, 10_000, 50)
    with pytest.raises(UsageError, match="does not fit into a key of 64 bits; raise key_bits"):
        require_plaintext(64, 569, 30)
    with pytest.raises(UsageError, match="leave batch out, or open the scores"):
        task_of(ENCRYPTED, method=LearningMethod(batches=Batches(10, 1, 0, 0)))


@pytest.mark.parametrize("name", ["breast_cancer", "digits"])
@pytest.mark.parametrize("epsilon", [0.5, 2.0])
def test_randomised_response_has_its_probabilities(name: str, epsilon: float) -> None:
    """Each other label is e^ε times less likely than the true one, and they are alike."""
    labels = load_dataset(name).labels
    drawn = np.vstack(
        [randomised_response(labels, epsilon, seeds.stream(i, "test", name)) for i in range(8)]
    )
    true = np.vstack([labels] * 8)
    classes = max(labels.shape[1], 2)
    assert ((drawn > 0).sum(axis=1) <= 1).all()
    stays = 1 / (1 + (classes - 1) * np.exp(-epsilon))
    kept = (drawn == true).all(axis=1).mean()
    assert kept == pytest.approx(stays, abs=4 * np.sqrt(0.25 / len(true)))
    if classes > 2:
        moved = (drawn != true).any(axis=1)
        steps = (np.argmax(drawn, axis=1) - np.argmax(true, axis=1))[moved] % classes
        counts = np.bincount(steps, minlength=classes)[1:]
        assert counts.min() > 0.75 * counts.mean()


def test_drawn_labels_are_all_that_leaves_their_holder() -> None:
    """Two tasks whose true labels differ and whose drawn ones do not send the same, bit for bit."""
    data = small()
    drawn = randomised_response(data.labels, 1.0, seeds.stream(1, "test"))
    other = type(data)(data.name, data.features, np.roll(data.labels, 1, axis=0))
    one, two = (train(task_of(TaskPrivacy(labels=drawn), data=d), 2) for d in (data, other))
    assert one[0] == two[0]
    assert one[2] == two[2]
    np.testing.assert_array_equal(one[1], two[1])
