"""Federated averaging: what it learns, what its keys cost, and what its owner does not see."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from qnetsim.errors import ProtocolError, UsageError
from qnetsim.fel.arithmetic import PARAMETER_BITS
from qnetsim.fel.datasets import load_dataset, make_dataset
from qnetsim.fel.horizontal import Averaging, AveragingSession, round_key_bytes
from qnetsim.fel.messages import HORIZONTAL_KINDS, Message
from qnetsim.fel.preparation import FEATURE_BITS, SPAN_DEVIATIONS, Preparation
from qnetsim.fel.protocol import RoundOutcome
from qnetsim.fel.record_shares import draw_shares
from qnetsim.fel.roles import TaskRoles
from qnetsim.fel.secure_sum import MaskedWorker, sum_key_bytes
from tests.support.federated import REAL, averaged, drive


@pytest.mark.parametrize("how", [Averaging(), Averaging(1, Fraction(1, 4), True, True)])
def test_one_local_step_is_central_descent(how: Averaging) -> None:
    data = load_dataset("wine", Preparation(test_share=0.2), 1)
    task, outcomes, _ = averaged(data, 8, how)
    x, y = data.features[~data.test] / 2.0**FEATURE_BITS, data.labels[~data.test]
    l2 = float(how.l2)
    one = 1.0
    if how.standardise:
        x = (x - x.mean(axis=0)) / x.std(axis=0) / SPAN_DEVIATIONS
        one /= SPAN_DEVIATIONS
    penalty = np.full((x.shape[1], 1), l2)
    if how.intercept:
        x = np.column_stack([x, np.full(len(x), one)])
        penalty = np.vstack([penalty, [[0.0]]])
    weights = np.where(y > 0, 1 / (2 * (y > 0).sum(axis=0)), 1 / (2 * (y < 0).sum(axis=0)))
    bound = (weights * (x**2).sum(axis=1)[:, None]).sum(axis=0) / 4 + l2
    theta = np.zeros((x.shape[1], y.shape[1]))
    for outcome in outcomes:
        z = x @ theta
        losses = (weights * (np.log(2) - y * z / 2 + z * z / 8)).sum(axis=0)
        losses += (penalty * theta**2).sum(axis=0) / 2
        assert outcome.loss == pytest.approx(losses.mean(), abs=2e-4)
        theta -= (x.T @ (weights * (z / 4 - y / 2)) + penalty * theta) / bound
    np.testing.assert_allclose(task.parameters / 2**PARAMETER_BITS, theta, atol=6e-3)


def test_local_steps_learn_faster_for_the_same_keys() -> None:
    data = load_dataset("breast_cancer")
    one, many = (averaged(data, 5, Averaging(steps)) for steps in (1, 10))
    assert many[1][-1].loss < one[1][-1].loss - 0.02
    assert sum(m.key_bytes for m in many[2][0]) == sum(m.key_bytes for m in one[2][0])


@pytest.mark.parametrize("lost", [set(), {"w1"}])
def test_real_equals_counted_bit_for_bit(lost: set[str]) -> None:
    data = load_dataset("iris", Preparation(test_share=0.2), 1)
    how = Averaging(3, Fraction(1, 10), True, True)

    def deliver(message: Message) -> bool:
        return not (message.purpose == "masked numbers" and message.source in lost)

    counted = averaged(data, 3, how, deliver=deliver)
    real = averaged(data, 3, how, masking=REAL, deliver=deliver)
    np.testing.assert_array_equal(real[0].parameters, counted[0].parameters)
    assert real[0].parameters.any()
    assert real[1] == counted[1]
    assert real[0].evaluation == counted[0].evaluation
    for one, other in zip(real[2], counted[2], strict=True):
        assert [(m.kind, m.size, m.key_bytes) for m in one] == [
            (m.kind, m.size, m.key_bytes) for m in other
        ]
        assert all(len(m.payload()) == m.size for m in one)
    assert {m.kind for sent in real[2] for m in sent} <= set(HORIZONTAL_KINDS)


@pytest.mark.parametrize(
    "clusters",
    [
        {"h": ["a", "b"]},
        {"h": ["a", "b", "c", "d", "e"]},
        {"h": ["a", "b", "c"], "g": ["d", "e"], "f": ["i"]},
    ],
)
def test_keys_of_a_round_follow_the_formula(clusters: dict[str, list[str]]) -> None:
    data = load_dataset("wine")
    task, _, sent = averaged(data, 1, clusters=clusters)
    workers, heads = len(task.workers), len(clusters)
    found = sum(m.key_bytes for m in sent[0])
    assert found == round_key_bytes(workers, heads, task.parameters.size, 3)
    # 13 features and 3 classes: told over the heads, masked in pairs, tags
    told = (workers + heads) * (8 * 39 + 32)
    masks = workers * (workers - 1) // 2 * (8 * (39 + 6) + 32)
    assert found == told + masks + 32 * (workers + heads)


def test_keys_of_a_round_with_drop_outs_follow_the_formula() -> None:
    data = load_dataset("wine")
    clusters = {"h": ["a", "b", "c"], "g": ["d", "e", "f"]}
    gone = {"b", "e"}

    def deliver(message: Message) -> bool:
        return not (message.purpose == "masked numbers" and message.source in gone)

    task, outcomes, sent = averaged(data, 1, clusters=clusters, deliver=deliver)
    assert outcomes[0].workers == ("a", "c", "d", "f")
    found = sum(m.key_bytes for m in sent[0] if m.step == 5)
    assert found == sum_key_bytes(6, 2, task.parameters.size + 6, missing=2)


@pytest.mark.parametrize(
    ("purpose", "source", "workers"),
    [
        ("parameters", "head", ("w0", "w2", "w3")),
        ("masks", "w0", ("w0", "w2", "w3")),
        ("masked numbers", "w1", ("w0", "w2", "w3")),
        ("sums", "head", ()),
        ("mask corrections", "w2", ()),
        ("missing workers", "owner", ()),
    ],
)
def test_messages_that_do_not_arrive(purpose: str, source: str, workers: tuple[str, ...]) -> None:
    data = load_dataset("iris")
    needs_missing = purpose in {"mask corrections", "missing workers"}

    def deliver(message: Message) -> bool:
        if needs_missing and message.purpose == "masked numbers" and message.source == "w1":
            return False
        hit = message.purpose == purpose and message.source == source
        return not (
            hit and (message.target == "w1" or source == "w1" or needs_missing or purpose == "sums")
        )

    task, outcomes, _ = averaged(data, 1, masking=REAL, deliver=deliver)
    assert outcomes[0].workers == workers
    assert task.parameters.any() == bool(workers)
    # what is learnt without a worker is what the others have
    if workers:
        other = averaged(data, 0)[0]
        drive(other.round(["w0", "w2", "w3"], RoundOutcome()))
        np.testing.assert_array_equal(task.parameters, other.parameters)


def test_too_few_workers_tell_nothing() -> None:
    data = load_dataset("iris")
    task, _, _ = averaged(data, 0)
    outcome = RoundOutcome()
    sent = drive(task.round(["w0"], outcome))
    assert (outcome.workers, outcome.loss) == ((), None)
    assert {m.purpose for m in sent} == {"parameters"}
    sent = drive(
        task.round(task.workers, outcome),
        lambda m: m.purpose != "masked numbers" or m.source == "w0",
    )
    assert outcome.workers == ()
    # one worker is left: nobody is asked for a mask, and its numbers stay hidden
    assert not {"missing workers", "mask corrections"} & {m.purpose for m in sent}


def test_a_worker_tells_masks_once_and_never_its_own() -> None:
    workers = ["a", "b", "c", "d"]

    def party() -> MaskedWorker:
        found = MaskedWorker("a", workers)
        for i, other in enumerate(workers[1:]):
            found.add_mask(other, np.array([10**i]))
        return found

    one = party()
    np.testing.assert_array_equal(one.correction(["b", "d"]), [101])
    for missing in (["c"], ["b", "d"]):
        with pytest.raises(ProtocolError, match="tells no masks"):
            one.correction(missing)
    for missing in (["a"], ["b", "c", "d"], []):
        with pytest.raises(ProtocolError, match="tells no masks"):
            party().correction(missing)
    with pytest.raises(ProtocolError, match="has no mask with some worker"):
        MaskedWorker("a", workers).masked(np.zeros(1, dtype=np.int64))


def test_records_are_dealt_evenly_and_each_once() -> None:
    data = load_dataset("wine")
    shares = draw_shares(data, ["a", "b", "c"], 1)
    assert [len(rows) for rows in shares.values()] == [60, 59, 59]
    assert sorted(np.concatenate(list(shares.values())).tolist()) == list(range(178))


def test_tasks_that_cannot_be() -> None:
    data = load_dataset("iris")
    roles = TaskRoles("o", {"h": ["a"]})
    with pytest.raises(UsageError, match="needs two workers"):
        AveragingSession(data, draw_shares(data, ["a"], 1), roles)
    roles = TaskRoles("o", {"h": ["a", "b"]})
    nothing = {"a": np.arange(150), "b": np.arange(0)}
    with pytest.raises(UsageError, match="worker b holds no record"):
        AveragingSession(data, nothing, roles)
    task = AveragingSession(data, draw_shares(data, ["a", "b"], 1), roles)
    with pytest.raises(UsageError, match="cannot begin"):
        drive(task.setup(), lambda m: m.purpose != "totals")


def test_own_steps_that_diverge_are_told() -> None:
    """Few records far from the others are steeper than all together, which the rate is for."""
    rng = np.random.default_rng(1)
    raw = rng.normal(size=(200, 10))
    raw[:4] *= 200
    data = make_dataset("steep", raw, [i % 2 for i in range(200)])
    shares = {"a": np.arange(4), "b": np.arange(4, 200)}
    roles = TaskRoles("o", {"h": ["a", "b"]})
    task = AveragingSession(data, shares, roles, Averaging(1000, standardise=True))
    drive(task.setup())
    with pytest.raises(UsageError, match=r"in a worker's own steps.*take fewer local_steps"):
        drive(task.round(task.workers, RoundOutcome()))
