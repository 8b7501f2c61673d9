"""What privacy of a federated task costs: key bytes, time, loss and accuracy.

python tests/benchmarks/fel_privacy.py              counted: keys, losses, accuracies, attacks
python tests/benchmarks/fel_privacy.py --directions the attack on scores of directions, by rounds
python tests/benchmarks/fel_privacy.py --real NAME  one round at 2048 bits, CPU seconds
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from qnetsim import seeds
from qnetsim.fel.best_steps import OPTIMISER_NAMES, OptimiserName
from qnetsim.fel.datasets import DATASET_NAMES, load_dataset
from qnetsim.fel.encryption_schemes import CountedScheme, EncryptionScheme, PaillierScheme
from qnetsim.fel.exchange import TaskEncryption
from qnetsim.fel.key_usage import KeyUsageTable, run_flow
from qnetsim.fel.learning_method import LearningMethod
from qnetsim.fel.privacy import TaskPrivacy, randomised_response
from qnetsim.fel.protocol import RoundOutcome, Session
from qnetsim.fel.roles import TaskRoles
from tests.support.adversaries import (
    LabelHolderView,
    features_from_moves,
    moves_of,
    share_explained,
)
from tests.support.federated import drive

ROUNDS = 30
EPSILONS = (None, 5.0, 3.0, 2.0, 1.0)
DRAWS = 5
KNOWN = 60


def task_of(
    name: str, privacy: TaskPrivacy, scheme: Callable[[int], EncryptionScheme], bits: int = 2048
) -> Session:
    data = load_dataset(name)
    blocks = data.blocks(1, 0)
    names = [f"worker {i}" for i in range(len(blocks))]
    roles = TaskRoles("owner", {"head": names})
    return Session(data, blocks, roles, TaskEncryption(bits, scheme), privacy=privacy)


def trained(name: str, privacy: TaskPrivacy) -> tuple[int, int, float, float]:
    """Key bytes of the set-up and of a round, last loss, accuracy."""
    task = task_of(name, privacy, lambda _: CountedScheme())
    setup, usage, outcome = KeyUsageTable(), KeyUsageTable(), RoundOutcome()
    run_flow(task.setup(), setup)
    for _ in range(ROUNDS):
        usage = KeyUsageTable()
        run_flow(task.round(task.workers, outcome), usage)
    assert outcome.loss is not None
    return setup.total.key_bytes, usage.total.key_bytes, outcome.loss, task.accuracy


def central(
    name: str, rounds: int, noise: float = 0.0, step: float = 0.0
) -> tuple[float, float, float]:
    """Loss, accuracy and R² of the attack where scores are disturbed before they are opened."""
    data = load_dataset(name)
    blocks = data.blocks(1, 0)
    own, others = (data.features[:, c] / 4096 for c in (blocks[-1], np.concatenate(blocks[:-1])))
    y = data.labels
    weights = np.where(y > 0, 1 / (2 * (y > 0).sum(axis=0)), 1 / (2 * (y < 0).sum(axis=0)))
    x = np.hstack([others, own])
    bound = (weights * (x**2).sum(axis=1)[:, None]).sum(axis=0) / 4
    theta = np.zeros((x.shape[1], y.shape[1]))
    rng = np.random.default_rng(7)
    sums = []
    for _ in range(rounds):
        z = others @ theta[: others.shape[1]]
        z = z + noise * rng.normal(size=z.shape)
        z = np.round(z / step) * step if step else z
        sums.append(z)
        whole = z + own @ theta[others.shape[1] :]
        theta = theta - x.T @ (weights * (whole / 4 - y / 2)) / bound
    z = x @ theta
    loss = (weights * (np.log(2) - y * z / 2 + z * z / 8)).sum(axis=0).mean()
    right = (z > 0) == (y > 0) if y.shape[1] == 1 else np.argmax(z, 1) == np.argmax(y, 1)
    moves = np.hstack([b - a for a, b in pairwise(sums)] or [sums[0]])
    known = np.random.default_rng(4).choice(len(x), KNOWN, replace=False)
    found = features_from_moves(moves, known, others)
    return float(loss), float(right.mean()), share_explained(others, found, known)


def counted_tables() -> None:
    print("scores: key bytes of set-up and round, loss, accuracy after", ROUNDS, "rounds")
    for name in DATASET_NAMES:
        for scores in ("opened", "encrypted"):
            setup, one, loss, right = trained(name, TaskPrivacy(scores))
            print(f"  {name:13} {scores:9} {setup:7} {one:7}  {loss:.4f}  {right:.1%}")
    print("randomised response: accuracy by epsilon, mean of", DRAWS, "draws, true labels")
    for name in DATASET_NAMES:
        labels = load_dataset(name).labels
        shown = []
        for epsilon in EPSILONS:
            got = []
            for draw in range(DRAWS if epsilon else 1):
                bits = seeds.stream(draw, "benchmark", name)
                noisy = None if epsilon is None else randomised_response(labels, epsilon, bits)
                got.append(trained(name, TaskPrivacy(labels=noisy))[3])
            shown.append(f"{epsilon}: {np.mean(got):.1%}")
        print(f"  {name:13} {', '.join(shown)}")
    print("scores disturbed and opened: loss, accuracy, R2 of the attack with", KNOWN, "records")
    for name in ("breast_cancer", "digits", "wine"):
        for what in (
            {"rounds": 30},
            {"rounds": 5},
            {"rounds": 2},
            {"rounds": 30, "step": 0.01},
            {"rounds": 30, "step": 0.1},
            {"rounds": 30, "step": 0.5},
            {"rounds": 30, "noise": 0.01},
            {"rounds": 30, "noise": 0.1},
            {"rounds": 30, "noise": 1.0},
            {"rounds": 30, "noise": 4.0},
        ):
            loss, right, explained = central(name, **what)
            print(f"  {name:13} {what}  {loss:.4f}  {right:.1%}  {explained:.3f}")


def explained_by_directions(name: str, optimiser: OptimiserName, rounds: int) -> float:
    """R² of the label holder's attack, from the messages that came to it."""
    data = load_dataset(name)
    blocks = data.blocks(1, 0)[:3] if name == "wine" else data.blocks(1, 0)
    names = [f"worker {i}" for i in range(len(blocks))]
    roles = TaskRoles("owner", {"head": names})
    encryption = TaskEncryption(2048, lambda _: CountedScheme())
    task = Session(data, blocks, roles, encryption, method=LearningMethod(optimiser))
    sent = drive(task.setup())
    for _ in range(rounds):
        sent += drive(task.round(task.workers, RoundOutcome()))
    mine = [message for message in sent if message.target == names[-1]]
    block = task.blocks[names[-1]].features
    view = LabelHolderView(block, task.balance, mine, 31, data.samples, data.classes)
    sums = view.opened_sums()
    descent = optimiser == "gradient_descent"
    moves = moves_of(view, sums) if descent else np.hstack(sums)
    others = np.hstack([task.blocks[one].features for one in names[:-1]]) / 4096
    known = np.sort(np.random.default_rng(4).choice(len(others), KNOWN, replace=False))
    return share_explained(others, features_from_moves(moves, known, others), known)


def direction_table() -> None:
    print("R2 of the attack with", KNOWN, "records, by rounds")
    for name, rounds in (
        ("breast_cancer", (2, 5, 10, 30)),
        ("digits", (2, 5)),
        ("wine", (2, 4, 9)),
    ):
        for optimiser in OPTIMISER_NAMES:
            found = [explained_by_directions(name, optimiser, count) for count in rounds]
            print(f"  {name:13} {optimiser:20} {rounds}  {', '.join(f'{x:.2f}' for x in found)}")


def real_round(name: str, bits: int) -> None:
    for scores in ("opened", "encrypted"):
        task = task_of(name, TaskPrivacy(scores), lambda r: PaillierScheme(bits, 5, name, r), bits)
        # what a round needs of the set-up, without its encryption
        plain = task_of(name, TaskPrivacy(scores), lambda _: CountedScheme(), bits)
        run_flow(plain.setup(), KeyUsageTable())
        vars(task).update(
            {key: value for key, value in vars(plain).items() if key != "_encryption"}
        )
        usage, outcome = KeyUsageTable(), RoundOutcome()
        started = time.process_time()
        run_flow(task.round(task.workers, outcome), usage)
        took = time.process_time() - started
        print(f"  {name:13} {scores:9} {bits} bits {took:7.1f} s {usage.total.key_bytes:7} bytes")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--real", choices=DATASET_NAMES)
    parser.add_argument("--bits", type=int, default=2048)
    parser.add_argument("--directions", action="store_true")
    given = parser.parse_args()
    if given.directions:
        direction_table()
    elif given.real:
        real_round(given.real, given.bits)
    else:
        counted_tables()
