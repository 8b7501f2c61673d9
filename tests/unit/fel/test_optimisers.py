"""Line search, conjugate gradients and mini-batches: against central training, and encrypted."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from qnetsim.errors import UsageError
from qnetsim.fel.arithmetic import (
    PARAMETER_BITS,
    ClassBalance,
    gradient_bound,
    require_slots,
    taylor_loss,
)
from qnetsim.fel.batches import Batches
from qnetsim.fel.best_steps import (
    MOST_SCALE,
    STEP_BITS,
    Products,
    Step,
    StepChoice,
    require_products,
    safe_scale,
)
from qnetsim.fel.datasets import DATASET_NAMES, Dataset, load_dataset, make_dataset
from qnetsim.fel.encryption_schemes import CountedScheme, EncryptionMeans, PaillierScheme
from qnetsim.fel.learning_method import LearningMethod
from qnetsim.fel.protocol import RoundOutcome
from tests.support.federated import KEY_BITS, drive, learn, session, small

CONJUGATE = LearningMethod("conjugate_gradients")
LINE = LearningMethod("line_search")


def counted(_: int) -> CountedScheme:
    return CountedScheme()


def loss_of(task) -> float:
    scores = sum(block.scores() for block in task.blocks.values())
    return float(taylor_loss(task.balance.labels, np.asarray(scores)).mean())


def central(data: Dataset, workers: int, rounds: int, *, conjugate: bool) -> np.ndarray:
    """Parameters after some rounds in floating point, with all data in one place."""
    x = data.features[:, np.concatenate(data.blocks(1, 0)[:workers])] / 4096
    y = data.labels
    weights = np.where(y > 0, 1 / (2 * (y > 0).sum(axis=0)), 1 / (2 * (y < 0).sum(axis=0)))
    theta = np.zeros((x.shape[1], y.shape[1]))
    for c in range(y.shape[1]):
        w = weights[:, c : c + 1]
        hessian = x.T @ (w * x) / 4
        gradient = -x.T @ (w[:, 0] * y[:, c]) / 2
        direction = -gradient
        for _ in range(rounds):
            image = hessian @ direction
            length = -(gradient @ direction) / (direction @ image)
            theta[:, c] += length * direction
            gradient = gradient + length * image
            kept = (gradient @ image) / (direction @ image) if conjugate else 0.0
            direction = -gradient + kept * direction
    return theta


@pytest.mark.parametrize("method", [LINE, CONJUGATE])
@pytest.mark.parametrize("name", DATASET_NAMES)
def test_steps_are_those_of_central_training(name: str, method: LearningMethod) -> None:
    data = load_dataset(name)
    workers = len(data.blocks(1, 0))
    task, losses, _ = learn(data, workers, 3, counted, method=method, key_bits=1024)
    found = np.vstack([block.parameters for block in task.blocks.values()]) / 2**PARAMETER_BITS
    expected = central(data, workers, 3, conjugate=method is CONJUGATE)
    np.testing.assert_allclose(found, expected, atol=1e-2)
    assert losses[0] == pytest.approx(np.log(2))
    outcome = RoundOutcome()
    before = loss_of(task)
    drive(task.round(task.workers, outcome))
    # the loss that is told is worked out from gradients that are moved along, not found anew
    assert outcome.loss == pytest.approx(before, abs=2e-5)


@pytest.mark.parametrize(
    ("name", "line", "conjugate"),
    [("breast_cancer", 10, 2), ("digits", 4, 2), ("iris", 9, 3), ("wine", 9, 2)],
)
def test_rounds_to_the_loss_of_thirty_rounds(name: str, line: int, conjugate: int) -> None:
    data = load_dataset(name)
    workers = len(data.blocks(1, 0))
    target = loss_of(learn(data, workers, 30, counted, key_bits=1024)[0])
    for method, rounds in ((LINE, line), (CONJUGATE, conjugate)):
        losses = [
            loss_of(learn(data, workers, count, counted, method=method, key_bits=1024)[0])
            for count in (rounds - 1, rounds)
        ]
        assert losses[0] > target >= losses[1]


def test_many_rounds_stay_at_the_least_loss() -> None:
    """Directions of rounding alone neither overflow nor undo what was learnt."""
    data = load_dataset("iris")
    task, losses, _ = learn(data, 1, 60, counted, method=CONJUGATE)
    x, y = data.features[:, data.blocks(1, 0)[0]] / 4096, data.labels
    weights = np.where(y > 0, 1 / (2 * (y > 0).sum(axis=0)), 1 / (2 * (y < 0).sum(axis=0)))
    least = []
    for c in range(y.shape[1]):
        w = weights[:, c]
        theta = np.linalg.solve(x.T @ (w[:, None] * x) / 4, x.T @ (w * y[:, c]) / 2)
        z = x @ theta
        least.append((w * (np.log(2) - y[:, c] * z / 2 + z * z / 8)).sum())
    assert loss_of(task) == pytest.approx(np.mean(least), abs=1e-5)
    assert losses[-1] == pytest.approx(np.mean(least), abs=2e-5)


METHODS = [LINE, CONJUGATE, LearningMethod(batches=Batches(16, 3, "test"))]


@pytest.mark.parametrize("method", METHODS, ids=["line", "conjugate", "batches"])
@pytest.mark.parametrize("randomness", ["short", "full"])
def test_real_equals_counted_bit_for_bit(randomness: str, method: LearningMethod) -> None:
    data = small()
    means = EncryptionMeans(randomness)
    one = learn(data, 3, 4, counted, method=method)
    real = learn(data, 3, 4, lambda r: PaillierScheme(KEY_BITS, 7, r, means=means), method=method)
    assert real[1] == one[1]
    for name, block in real[0].blocks.items():
        np.testing.assert_array_equal(block.parameters, one[0].blocks[name].parameters)
        assert block.parameters.any()
    for sealed, plain in zip(real[2], one[2], strict=True):
        assert len(sealed.payload()) == sealed.size == plain.size
        assert (sealed.kind, sealed.key_bytes) == (plain.kind, plain.key_bytes)


def test_only_sums_of_products_go_to_the_owner() -> None:
    data = small()
    for method, numbers in ((LINE, 2), (CONJUGATE, 3)):
        _, _, sent = learn(data, 2, 1, counted, method=method)
        told = {m.purpose: m.size for m in sent if m.step == 5 and m.target == "owner"}
        assert told == {"loss": (1 + numbers) * data.classes * 16}
        answers = {m.purpose: m.size for m in sent if m.step == 5 and m.source == "owner"}
        assert answers == {"rates": numbers * data.classes * 16}


@pytest.mark.parametrize("method", [LINE, CONJUGATE])
def test_gradients_are_found_anew_when_workers_change(method: LearningMethod) -> None:
    data = small()
    task = session(data, 3, counted, method=method)
    drive(task.setup())
    outcome = RoundOutcome()
    drive(task.round(task.workers, outcome))
    before = {name: block.parameters.copy() for name, block in task.blocks.items()}
    pair = ["worker 1", "worker 2"]
    sent = drive(task.round(pair, outcome))
    assert outcome.workers == ("worker 1", "worker 2")
    assert [m.size for m in sent if m.purpose == "rates"] == [0, 0]
    for name, block in task.blocks.items():
        np.testing.assert_array_equal(block.parameters, before[name])
    # the loss is that of the model of those that are there
    scores = sum(task.blocks[name].scores() for name in pair)
    assert outcome.loss == pytest.approx(taylor_loss(task.balance.labels, scores).mean(), abs=1e-4)
    for _ in range(3):
        drive(task.round(pair, outcome))
    scores = sum(task.blocks[name].scores() for name in pair)
    # descent goes on, with those two alone
    assert taylor_loss(task.balance.labels, scores).mean() < outcome.loss
    np.testing.assert_array_equal(task.blocks["worker 0"].parameters, before["worker 0"])
    # and with all again
    drive(task.round(task.workers, outcome))
    losses = []
    for _ in range(3):
        losses.append(loss_of(task))
        drive(task.round(task.workers, outcome))
    assert losses[0] > losses[1] > losses[2] > loss_of(task)


@pytest.mark.parametrize("purpose", ["scores", "masked gradient", "loss", "rates"])
def test_a_lost_message_costs_a_round_and_no_more(purpose: str) -> None:
    data = small()
    task = session(data, 3, counted, method=CONJUGATE)
    drive(task.setup())
    outcome = RoundOutcome()
    drive(task.round(task.workers, outcome))

    def deliver(message) -> bool:
        return not (message.purpose == purpose and "worker 0" in (message.source, message.target))

    before = loss_of(task)
    drive(task.round(task.workers, outcome), deliver)
    assert outcome.workers == ("worker 1", "worker 2")
    # without a share of the loss there is none: the rest is the loss of no model
    assert outcome.loss is None or outcome.loss == pytest.approx(before, abs=1e-5)
    sent = drive(task.round(task.workers, outcome))
    assert outcome.workers == task.workers
    assert sum(m.purpose == "rates" and m.size == 0 for m in sent) == 3
    assert outcome.loss == pytest.approx(loss_of(task), abs=1e-5)
    losses = [loss_of(task)]
    for _ in range(4):
        drive(task.round(task.workers, outcome))
        losses.append(loss_of(task))
    assert all(later < earlier for earlier, later in pairwise(losses))


def test_the_choice_of_a_step() -> None:
    choice = StepChoice(samples=1, features=6, conjugate=True)
    assert safe_scale(6) == 5
    unit = 1 << 28
    one = 1 << 20
    # g = (-1), σ = 32, d = 32, H = 1/4: d·Hd = 256, g·d = −32, α·d = 4
    found = choice.step(Products(-32 * unit * one, 256 * unit * one, 64 * unit * unit))
    assert Fraction(found.length, 1 << STEP_BITS) == Fraction(1, 8)
    # one dimension: the gradient is gone, and no old direction is kept
    assert found.kept == 0
    assert found.scale <= MOST_SCALE
    nothing = Step(0, 0, safe_scale(6))
    assert choice.step(Products(0, 5, 5)) == choice.step(Products(-5, 0, 0)) == nothing


def test_a_batch_is_the_same_records_in_any_order() -> None:
    records = [f"r{i}" for i in range(23)]
    batches = Batches(5, 1, "test")
    seen: list[str] = []
    for number in range(1, 5):
        rows = batches.rows(number, records)
        chosen = [records[i] for i in rows]
        other = records[::-1]
        assert chosen == [other[i] for i in batches.rows(number, other)]
        seen += chosen
    # four batches hold twenty different records; then there is a new order
    assert len(set(seen)) == len(seen) == 20
    assert [records[i] for i in batches.rows(5, records)] != seen[:5]


def test_a_batch_of_all_records_is_gradient_descent() -> None:
    data = small()
    whole = learn(data, 2, 3, counted)
    task, losses, _ = learn(data, 2, 3, counted, method=LearningMethod(batches=Batches(40, 1)))
    for name, block in task.blocks.items():
        np.testing.assert_array_equal(block.parameters, whole[0].blocks[name].parameters)
    assert losses == pytest.approx(whole[1], abs=1e-4)


def test_batches_cost_the_keys_of_their_scores() -> None:
    data = load_dataset("digits")
    sizes = {}
    for size in (100, 400):
        method = LearningMethod(batches=Batches(size, 1))
        _, _, sent = learn(data, 3, 1, counted, method=method, key_bits=1024)
        sizes[size] = sum(m.key_bytes for m in sent if m.purpose == "masked scores")
        assert sum(m.purpose == "loss" for m in sent) == 1
    assert 3.5 < sizes[400] / sizes[100] < 4.5


def test_wrong_methods_are_refused() -> None:
    with pytest.raises(UsageError, match="line_search needs all records in every round"):
        LearningMethod("line_search", Batches(5, 1))
    with pytest.raises(UsageError, match=r"batch of 41 records, and .* 40; allowed: 1 \.\. 40"):
        session(small(), 2, counted, method=LearningMethod(batches=Batches(41, 1)))
    require_products(10_000, 50)
    with pytest.raises(UsageError, match="too many for steps of the best length"):
        require_products(10**6, 10**4)


def test_ten_thousand_samples_of_fifty_features_fit() -> None:
    require_slots(10_000, 50)
    require_slots(100_000, 50, 6)
    with pytest.raises(UsageError, match=r"10,000,000 samples of 50 features do not fit"):
        require_slots(10**7, 50, 6)


@pytest.mark.parametrize("positives", [1, 5, 30])
def test_no_gradient_is_above_its_bound(positives: int) -> None:
    """Every parameter and feature at its limit, for each balance of the classes."""
    samples, features = 60, 3
    labels = np.where(np.arange(samples) < positives, 1, -1)[:, None]
    balance = ClassBalance(labels)
    for sign in (1, -1):
        scores = np.full((samples, 1), features * 64 << 32) * sign * -labels
        residuals = balance.residuals(scores)
        most = int(np.abs(residuals).sum()) << 12
        bound = gradient_bound(samples, features)
        assert most <= bound
        # and the bound is not far off: largest scores against the labels reach it
        assert sign < 0 or most > 0.9 * bound


def test_large_data_is_learnt() -> None:
    rng = np.random.default_rng(1)
    raw = rng.normal(size=(10_000, 50))
    target = (raw @ rng.normal(size=50) > 0).astype(int)
    data = make_dataset("large", raw, target.tolist())
    task, losses, _ = learn(data, 9, 3, counted, method=CONJUGATE)
    assert losses[0] == pytest.approx(np.log(2))
    assert task.accuracy > 0.9
