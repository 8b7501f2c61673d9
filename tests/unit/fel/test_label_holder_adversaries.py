"""What the label holder works out from scores, as docs/background/fel-adversaries.md has it."""

from __future__ import annotations

import numpy as np
import pytest

from qnetsim.fel.best_steps import OptimiserName
from qnetsim.fel.datasets import load_dataset
from qnetsim.fel.encryption_schemes import CountedScheme
from qnetsim.fel.exchange import TaskEncryption
from qnetsim.fel.learning_method import LearningMethod
from qnetsim.fel.messages import MessageKind
from qnetsim.fel.privacy import TaskPrivacy
from qnetsim.fel.protocol import RoundOutcome, Session
from qnetsim.fel.roles import TaskRoles
from tests.support.adversaries import (
    LabelHolderView,
    features_from_moves,
    moves_of,
    own_scores,
    share_explained,
)
from tests.support.federated import drive

NAMES = ["worker 0", "worker 1", "worker 2"]


def of_wine(
    privacy: TaskPrivacy, rounds: int = 30, optimiser: OptimiserName = "gradient_descent"
) -> tuple[Session, LabelHolderView]:
    """Wine learnt by three workers, and what the last one, who holds the labels, has of it."""
    data = load_dataset("wine")
    encryption = TaskEncryption(2048, lambda _: CountedScheme())
    roles = TaskRoles("owner", {"head": NAMES})
    method = LearningMethod(optimiser)
    task = Session(data, data.blocks(1, 0)[:3], roles, encryption, privacy=privacy, method=method)
    sent = drive(task.setup())
    points = []
    for _ in range(rounds):
        if task._directions is not None:
            points.append(task._directions.point(NAMES[-1]).copy())
        sent += drive(task.round(task.workers, RoundOutcome()))
    mine = [m for m in sent if m.target == NAMES[-1]]
    block = task.blocks[NAMES[-1]].features
    view = LabelHolderView(block, task.balance, mine, 31, data.samples, data.classes, points)
    return task, view


def others(task: Session) -> np.ndarray:
    """Features that the label holder should not learn; only the judge of an attack has them."""
    return np.hstack([task.blocks[name].features for name in NAMES[:-1]]) / 4096


def some_records(count: int, of: int) -> np.ndarray:
    return np.sort(np.random.default_rng(4).choice(of, count, replace=False))


@pytest.mark.parametrize("known", [12, 20])
def test_label_holder_reconstructs_features_from_opened_scores(known: int) -> None:
    """Admitted with ``scores = "opened"``: every feature of every record."""
    task, view = of_wine(TaskPrivacy())
    truth, records = others(task), some_records(known, 178)
    found = features_from_moves(moves_of(view, view.opened_sums()), records, truth)
    assert share_explained(truth, found, records) > 0.999


@pytest.mark.parametrize("optimiser", ["line_search", "conjugate_gradients"])
def test_label_holder_reconstructs_features_from_scores_of_directions(
    optimiser: OptimiserName,
) -> None:
    """Admitted: scores of directions are in the features' span themselves, at any rate."""
    explained = []
    for rounds in (2, 9):
        task, view = of_wine(TaskPrivacy(), rounds, optimiser)
        truth, records = others(task), some_records(12, 178)
        found = features_from_moves(np.hstack(view.opened_sums()), records, truth)
        explained.append(share_explained(truth, found, records))
    # a round tells as many directions as there are classes: two rounds tell a half of them
    assert 0.5 < explained[0] < 0.7
    assert explained[1] > 0.999


def gradients_of(task: Session, view: LabelHolderView) -> list[np.ndarray]:
    """The label holder's own gradients where no score is opened, round by round."""
    assert not view.opened_sums()
    assert not any(m.purpose == "masked scores" for m in view.received)
    return [
        np.array(task._exchange_of_round()._unpacked(m.numbers, 3)).reshape(1, 3)
        for m in view.received
        if m.kind == MessageKind(5, "masked gradient")
    ]


def guessed_scores(
    view: LabelHolderView, own: list[np.ndarray], gradients: list[np.ndarray]
) -> list[np.ndarray]:
    """Others' scores behind the smallest residuals that have these gradients."""
    found = []
    weights = view.balance.weights / view.balance.scales * view.samples
    for mine, gradient in zip(own, gradients, strict=False):
        known = view.balance.residuals(mine) / 2.0**16
        lacking = gradient / 2.0**28 - view.block.T @ known / 2.0**12
        extra = np.linalg.pinv(view.block.T / 2.0**12) @ lacking
        found.append(4 * extra / weights * 2.0**32)
    return found


def test_label_holder_reconstructs_nothing_from_encrypted_scores() -> None:
    """No sum is opened; the scores that fit best to its own gradients lead nowhere."""
    task, view = of_wine(TaskPrivacy("encrypted"))
    gradients = gradients_of(task, view)
    assert len(gradients) == 30
    own = own_scores(view.block, gradients, view.rates())
    guessed = guessed_scores(view, own, gradients)
    truth, records = others(task), some_records(20, 178)
    found = features_from_moves(moves_of(view, guessed), records, truth)
    assert share_explained(truth, found, records) < 0.2


@pytest.mark.parametrize("optimiser", ["line_search", "conjugate_gradients"])
def test_label_holder_reconstructs_nothing_from_encrypted_scores_of_directions(
    optimiser: OptimiserName,
) -> None:
    """It has its own gradients at its own directions, and the owner's steps."""
    task, view = of_wine(TaskPrivacy("encrypted"), 30, optimiser)
    gradients = gradients_of(task, view)
    assert len(gradients) == len(view.points) == 30
    guessed = guessed_scores(view, [view.block @ point for point in view.points], gradients)
    truth, records = others(task), some_records(20, 178)
    found = features_from_moves(np.hstack(guessed), records, truth)
    assert share_explained(truth, found, records) < 0.2
