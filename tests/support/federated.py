"""Federated tasks without a network: a small data set, and a session driven to its end."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from qnetsim.fel.datasets import Dataset, make_dataset
from qnetsim.fel.encryption_schemes import EncryptionScheme
from qnetsim.fel.exchange import TaskEncryption
from qnetsim.fel.horizontal import Averaging, AveragingSession
from qnetsim.fel.intersection_protocols import RecordIntersection
from qnetsim.fel.key_usage import KeyUsageTable, run_flow
from qnetsim.fel.learning_method import LearningMethod
from qnetsim.fel.messages import Message
from qnetsim.fel.protocol import RoundOutcome, Session
from qnetsim.fel.record_shares import draw_shares
from qnetsim.fel.roles import TaskRoles
from qnetsim.fel.secure_sum import Masking

KEY_BITS = 512
#: Masks of horizontal tasks that are drawn.
REAL = Masking(7, (0, 0))


def drive(steps, deliver: Callable[[Message], bool] = lambda m: True) -> list[Message]:
    """Run a set-up or a round to its end; returns what was sent, delivered or not."""
    sent: list[Message] = []

    def delivered(message: Message) -> bool:
        sent.append(message)
        return deliver(message)

    run_flow(steps, KeyUsageTable(), delivered)
    return sent


def session(
    data: Dataset,
    workers: int,
    scheme_of_round: Callable[[int], EncryptionScheme],
    *,
    clusters: dict[str, list[str]] | None = None,
    key_holder: str = "head",
    pad_ciphertexts: bool = False,
    intersection: RecordIntersection | None = None,
    method: LearningMethod | None = None,
    key_bits: int = KEY_BITS,
) -> Session:
    """A task of some workers in one cluster, unless other clusters are given."""
    clusters = clusters or {"head": [f"worker {i}" for i in range(workers)]}
    return Session(
        data,
        data.blocks(1, 0)[:workers],
        TaskRoles("owner", clusters, key_holder),
        TaskEncryption(key_bits, scheme_of_round, pad_ciphertexts),
        intersection,
        method,
    )


def small() -> Dataset:
    rng = np.random.default_rng(1)
    raw = rng.normal(size=(40, 15))
    target = (raw[:, :3].sum(axis=1) > 0).astype(int) + (raw[:, 5] > 1)
    return make_dataset("small", raw, target.tolist())


def learn(
    data: Dataset,
    workers: int,
    rounds: int,
    scheme_of_round: Callable[[int], EncryptionScheme],
    **more,
) -> tuple[Session, list[float | None], list[Message]]:
    """The session after some rounds, their losses, and every message that was sent."""
    task = session(data, workers, scheme_of_round, **more)
    sent = drive(task.setup())
    losses = []
    for _ in range(rounds):
        outcome = RoundOutcome()
        sent += drive(task.round(task.workers, outcome))
        losses.append(outcome.loss)
    return task, losses, sent


def averaged(
    data: Dataset,
    rounds: int,
    how: Averaging | None = None,
    *,
    masking: Masking | None = None,
    clusters: dict[str, list[str]] | None = None,
    deliver=lambda m: True,
) -> tuple[AveragingSession, list[RoundOutcome], list[list[Message]]]:
    """A horizontal task after some rounds, what came of them, and what was sent in each."""
    roles = TaskRoles("owner", clusters or {"head": ["w0", "w1", "w2", "w3"]})
    task = AveragingSession(data, draw_shares(data, roles.workers, 1), roles, how, masking)
    drive(task.setup())
    outcomes, sent = [], []
    for _ in range(rounds):
        outcomes.append(RoundOutcome())
        sent.append(drive(task.round(task.workers, outcomes[-1]), deliver))
    return task, outcomes, sent
