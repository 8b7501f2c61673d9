"""Intercept, penalty, standardised features and held-out records: as floating point has them."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from qnetsim.errors import UsageError
from qnetsim.fel.arithmetic import PARAMETER_BITS, SCORE_BITS, taylor_loss
from qnetsim.fel.batches import Batches
from qnetsim.fel.datasets import Dataset, load_dataset, make_dataset
from qnetsim.fel.encryption_schemes import CountedScheme, EncryptionScheme, PaillierScheme
from qnetsim.fel.evaluation import area, evaluate
from qnetsim.fel.exchange import TaskEncryption
from qnetsim.fel.learning_method import LearningMethod
from qnetsim.fel.preparation import FEATURE_BITS, SPAN_DEVIATIONS, Preparation, held_out
from qnetsim.fel.privacy import TaskPrivacy
from qnetsim.fel.protocol import RoundOutcome, Session
from qnetsim.fel.roles import TaskRoles
from tests.support.federated import KEY_BITS, drive

USUAL = Preparation(standardise=True, intercept=True, test_share=0.25)


def trained(
    data: Dataset, rounds: int, l2: float = 0.0, workers: int = 5, scheme=None
) -> tuple[Session, list[float]]:
    names = [f"w{i}" for i in range(workers)]

    def scheme_of_round(number: int) -> EncryptionScheme:
        return scheme(number) if scheme else CountedScheme()

    task = Session(
        data,
        data.worker_blocks(1, 0, workers),
        TaskRoles("o", {"h": names}),
        TaskEncryption(KEY_BITS, scheme_of_round),
        method=LearningMethod(l2=Fraction(l2).limit_denominator(10**6)),
    )
    drive(task.setup())
    losses = []
    for _ in range(rounds):
        outcome = RoundOutcome()
        drive(task.round(task.workers, outcome))
        losses.append(outcome.loss)
    return task, losses


@pytest.mark.parametrize("scores", ["opened", "encrypted"])
@pytest.mark.parametrize("optimiser", ["gradient_descent", "conjugate_gradients", "line_search"])
def test_real_equals_counted_with_every_optimiser(optimiser: str, scores: str) -> None:
    rng = np.random.default_rng(2)
    raw = rng.normal(size=(24, 12))
    data = make_dataset("s", raw, (raw[:, 0] > 0).tolist(), preparation=USUAL, seed=4)
    found = []
    for scheme in (lambda _: CountedScheme(), lambda r: PaillierScheme(KEY_BITS, 7, r)):
        task = Session(
            data,
            data.worker_blocks(1, 0, 2),
            TaskRoles("o", {"h": ["a", "b"]}),
            TaskEncryption(KEY_BITS, scheme),
            method=LearningMethod(optimiser, l2=Fraction(1, 10)),
            privacy=TaskPrivacy(scores),
        )
        drive(task.setup())
        outcome = RoundOutcome()
        for _ in range(2):
            drive(task.round(task.workers, outcome))
        found.append((parameters(task).tolist(), outcome.loss, task.evaluation))
    assert found[0] == found[1]
    assert found[0][1] < np.log(2)


def test_conjugate_gradients_reach_the_penalised_minimum() -> None:
    data = load_dataset("wine", USUAL, 1)
    names = ["a", "b", "c"]
    task = Session(
        data,
        data.worker_blocks(1, 0, 3),
        TaskRoles("o", {"h": names}),
        TaskEncryption(KEY_BITS, lambda _: CountedScheme()),
        method=LearningMethod("conjugate_gradients", l2=Fraction(1, 20)),
    )
    drive(task.setup())
    for _ in range(16):
        drive(task.round(task.workers, RoundOutcome()))
    x, y, weights = pooled(data, 3)
    free = np.concatenate(data.worker_blocks(1, 0, 3)) == data.intercept
    for c in range(y.shape[1]):
        w = weights[:, c]
        curvature = x.T @ (w[:, None] * x) / 4 + np.diag(np.where(free, 0.0, 0.05))
        best = np.linalg.solve(curvature, x.T @ (w * y[:, c]) / 2)
        np.testing.assert_allclose(parameters(task)[:, c], best, atol=3e-3)


def test_batches_leave_out_what_is_held_out() -> None:
    data = load_dataset("iris", USUAL, 1)
    task = Session(
        data,
        data.worker_blocks(1, 0, 1),
        TaskRoles("o", {"h": ["a"]}),
        TaskEncryption(KEY_BITS, lambda _: CountedScheme()),
        method=LearningMethod(batches=Batches(20, 1), l2=Fraction(1, 20)),
    )
    drive(task.setup())
    outcome = RoundOutcome()
    for _ in range(8):
        drive(task.round(task.workers, outcome))
    assert outcome.loss < np.log(2)
    assert task.evaluation.test_auc > 0.8


def parameters(task: Session) -> np.ndarray:
    return np.vstack([b.parameters for b in task.blocks.values()]) / 2**PARAMETER_BITS


def pooled(data: Dataset, workers: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training features in floating point as the task has them, labels, weights."""
    columns = np.concatenate(data.worker_blocks(1, 0, workers))
    x = data.features[~data.test][:, columns] / 2**FEATURE_BITS
    y = data.labels[~data.test]
    weights = np.where(y > 0, 1 / (2 * (y > 0).sum(axis=0)), 1 / (2 * (y < 0).sum(axis=0)))
    return x, y, weights


@pytest.mark.parametrize("l2", [0.0, 0.5])
def test_training_is_central_training_with_penalty_and_intercept(l2: float) -> None:
    data = load_dataset("breast_cancer", USUAL, 3)
    task, losses = trained(data, 8, l2)
    x, y, weights = pooled(data)
    free = np.concatenate(data.worker_blocks(1, 0, 5)) == data.intercept
    penalty = np.where(free, 0.0, l2)[:, None]
    bound = (weights * (x**2).sum(axis=1)[:, None]).sum(axis=0) / 4 + l2
    theta = np.zeros((x.shape[1], 1))
    for loss in losses:
        z = x @ theta
        central = (weights * (np.log(2) - y * z / 2 + z * z / 8)).sum()
        assert loss == pytest.approx(central + (penalty * theta**2).sum() / 2, abs=1e-4)
        theta -= (x.T @ (weights * (z / 4 - y / 2)) + penalty * theta) / bound
    np.testing.assert_allclose(parameters(task), theta, atol=2e-3)
    assert free.sum() == 1
    assert theta[free].any()


def test_a_penalty_makes_parameters_smaller_and_descent_reaches_the_closed_form() -> None:
    data = load_dataset("wine", Preparation(standardise=True, test_share=0.2), 1)
    small, _ = trained(data, 60, 1.0, workers=3)
    large, _ = trained(data, 60, 0.0, workers=3)
    assert np.abs(parameters(small)).sum() < 0.7 * np.abs(parameters(large)).sum()
    x, y, weights = pooled(data, 3)
    for c in range(y.shape[1]):
        w = weights[:, c]
        curvature = x.T @ (w[:, None] * x) / 4 + np.eye(x.shape[1])
        best = np.linalg.solve(curvature, x.T @ (w * y[:, c]) / 2)
        np.testing.assert_allclose(parameters(small)[:, c], best, atol=2e-3)


def test_real_equals_counted_with_everything_on() -> None:
    rng = np.random.default_rng(2)
    raw = rng.normal(size=(30, 12))
    data = make_dataset("s", raw, (raw[:, 0] > 0).tolist(), preparation=USUAL, seed=4)
    assert data.features.min() < 0
    counted, losses = trained(data, 2, 0.3, workers=2)
    real, same = trained(data, 2, 0.3, workers=2, scheme=lambda r: PaillierScheme(KEY_BITS, 7, r))
    assert losses == same
    assert counted.evaluation == real.evaluation
    for name, block in real.blocks.items():
        np.testing.assert_array_equal(block.parameters, counted.blocks[name].parameters)
        assert block.parameters.any()


def test_standardised_features_have_mean_zero_over_the_training_records() -> None:
    raw = np.random.default_rng(1).normal(3, 5, size=(200, 2))
    data = make_dataset("s", raw, [0, 1] * 100, preparation=USUAL, seed=1)
    x = data.features[~data.test][:, :2] / 2**FEATURE_BITS * SPAN_DEVIATIONS
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=2e-3)
    np.testing.assert_allclose(x.std(axis=0), 1, atol=2e-3)
    ours = (raw - raw[~data.test].mean(axis=0)) / raw[~data.test].std(axis=0)
    found = data.features[:, :2] / 2**FEATURE_BITS * SPAN_DEVIATIONS
    np.testing.assert_allclose(found, ours, atol=1e-3)


def test_held_out_records_go_by_their_identifiers() -> None:
    records = [f"r{i}" for i in range(40)]
    found = held_out(records, 0.25, 1, "a")
    assert found.sum() == 10
    chosen = {r for r, out in zip(records, found, strict=True) if out}
    turned = held_out(records[::-1], 0.25, 1, "a")
    assert {r for r, out in zip(records[::-1], turned, strict=True) if out} == chosen
    assert (held_out(records, 0.25, 2, "a") != found).any()
    with pytest.raises(UsageError, match=r"a share of 0\.01 of 40 records holds 0 out"):
        held_out(records, 0.01, 1, "a")


def test_what_is_held_out_does_not_teach() -> None:
    """Other values in the held-out records change their figures, and nothing of the model."""
    rng = np.random.default_rng(6)
    raw = rng.normal(size=(60, 6))
    target = (raw[:, 0] + raw[:, 1] > 0).tolist()
    how = Preparation(test_share=0.3)
    first = make_dataset("s", raw, target, preparation=how, seed=1)
    raw[first.test] = rng.normal(size=(int(first.test.sum()), 6))
    second = make_dataset("s", raw, target, preparation=how, seed=1)
    one, other = (trained(data, 5, workers=1)[0] for data in (first, second))
    np.testing.assert_array_equal(parameters(one), parameters(other))
    assert one.accuracy == other.accuracy
    assert one.evaluation.auc == other.evaluation.auc
    assert one.evaluation.test_auc > other.evaluation.test_auc


@pytest.mark.parametrize("name", ["breast_cancer", "wine"])
def test_figures_are_near_those_of_logistic_regression(name: str) -> None:
    """The Taylor loss is not the logistic one, yet it ranks the held-out records nearly as well."""
    data = load_dataset(name, USUAL, 3)
    workers = len(data.blocks(1, 0))
    task, _ = trained(data, 200, 0.01, workers)
    found = task.evaluation
    columns = np.concatenate(data.worker_blocks(1, 0, workers))
    x = data.features[:, columns] / 2**FEATURE_BITS * SPAN_DEVIATIONS
    classes = data.labels[:, 0] if data.labels.shape[1] == 1 else np.argmax(data.labels, axis=1)
    theirs = LogisticRegression(class_weight="balanced", max_iter=2000).fit(
        x[~data.test], classes[~data.test]
    )
    accuracy = theirs.score(x[data.test], classes[data.test])
    shares = theirs.predict_proba(x[data.test])
    auc = roc_auc_score(
        classes[data.test],
        shares[:, 1] if shares.shape[1] == 2 else shares,
        multi_class="ovr",
    )
    assert found.test_accuracy == pytest.approx(accuracy, abs=0.04)
    assert found.test_auc == pytest.approx(auc, abs=0.02)
    assert found.test_auc > 0.97


def test_figures_do_not_depend_on_the_order_of_records() -> None:
    """Real and counted mode find the common records in orders of their own."""
    rng = np.random.default_rng(5)
    labels = np.where(np.arange(3) == rng.integers(0, 3, 60)[:, None], 1, -1)
    scores = rng.integers(-(2**34), 2**34, size=(60, 3))
    first = evaluate(labels, scores, labels, scores)
    for _ in range(20):
        order = rng.permutation(60)
        assert evaluate(labels, scores, labels[order], scores[order]) == first
    expected = taylor_loss(labels, scores).mean()
    assert first.test_loss == pytest.approx(expected, rel=1e-12)


def test_areas_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    scores = rng.integers(-20, 20, size=(200, 3)) << SCORE_BITS
    labels = np.where(rng.random((200, 3)) < 0.3, 1, -1)
    expected = np.mean([roc_auc_score(labels[:, c], scores[:, c]) for c in range(3)])
    assert area(labels, scores) == pytest.approx(expected, abs=1e-12)
    assert np.isnan(area(np.ones((5, 1), dtype=np.int64), scores[:5, :1]))


def test_blocks_without_a_constant_feature_are_those_of_before() -> None:
    plain, more = load_dataset("wine"), load_dataset("wine", Preparation(intercept=True))
    for one, other in zip(plain.blocks(1, 0), more.blocks(1, 0), strict=True):
        np.testing.assert_array_equal(one, other)
    assert Counter(np.concatenate(more.worker_blocks(1, 0, 3)).tolist()) == Counter(range(14))


@pytest.mark.parametrize(
    ("raw", "target", "message"),
    [
        ([[1e308], [2.0]], [0, 1], "sample 0, feature 0: 1e.308 is not allowed; allowed: finite"),
        ([[1.0], [float("nan")]], [0, 1], "sample 1, feature 0: nan is not allowed"),
        ([[1.0], [2.0]], [0, float("nan")], "sample 1: nan is no class"),
        ([[1.0], [2.0]], [0, None], "sample 1: None is no class"),
        ([[1.0], [2.0]], np.eye(2), "the classes are of shape 2×2; allowed: one dimension"),
        ([[1.0], [2.0]], [[0], [1]], r"sample 0: \[0\] is no class"),
        ([[1.0], [2.0]], "ab", "the classes are str; allowed: a sequence"),
        ([[1.0], [2.0]], [0], "has 2 samples and 1 class;"),
        ([["1"], ["b"]], [0, 1], "sample 0, feature 0: '1' is not allowed"),
        ([[1, "a"], [2, 3]], [0, 1], "feature 0: '1' is not allowed"),
        ([[1.0, 2.0], [3.0]], [0, 1], "the rows are not of one length"),
        ([1.0, 2.0], [0, 1], "the features are of shape 2; allowed: two dimensions"),
        (np.zeros((2, 2, 2)), [0, 1], "of shape 2×2×2; allowed: two dimensions"),
        ([[]], [0], "is empty"),
        (np.zeros((0, 3)), [], "is empty"),
        ([[object()], [1]], [0, 1], "sample 0, feature 0: <object object at"),
        ([[10**400], [1]], [0, 1], "sample 0, feature 0: 1000"),
        ([[None], [1.0]], [0, 1], "sample 0, feature 0: None is not allowed"),
        ([[1.0], [2.0]], [3, 3], "has 1 class; at least two are needed"),
        (5, [0, 1], "of shape a single value"),
    ],
)
def test_odd_data_are_refused_by_what_is_wrong(raw, target, message: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        make_dataset("odd", raw, target)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    ("raw", "target"),
    [
        ([[True], [False]], ["a", "b"]),
        (np.array([[1], [2]], dtype=object), np.array(["a", "b"])),
        ([[10**30], [1]], [True, False]),
        (np.array([[1], [2]], dtype=np.uint8), np.array([0, 1], dtype=np.int8)),
    ],
)
def test_odd_data_that_mean_something_are_taken(raw, target) -> None:
    found = make_dataset("odd", raw, target)
    assert sorted(found.features[:, 0].tolist()) == [0, 4096]
    assert sorted(found.labels[:, 0].tolist()) == [-1, 1]
