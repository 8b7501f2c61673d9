"""Federated tasks without a network: a small data set, and a session driven to its end."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from qnetsim.fel import key_usage
from qnetsim.fel.datasets import Dataset, make_dataset
from qnetsim.fel.encryption_schemes import Scheme
from qnetsim.fel.messages import Message
from qnetsim.fel.protocol import RoundOutcome, Session

KEY_BITS = 512


def drive(steps, deliver: Callable[[Message], bool] = lambda m: True) -> list[Message]:
    sent: list[Message] = []
    key_usage.drive(steps, key_usage.Tally(), lambda m: (sent.append(m), deliver(m))[1])
    return sent


def session(data: Dataset, workers: int, scheme: Callable[[int], Scheme], **more) -> Session:
    names = [f"worker {i}" for i in range(workers)]
    columns = data.blocks(1, 0)[:workers]
    clusters = more.pop("clusters", {"head": names})
    return Session(data, columns, "owner", clusters, KEY_BITS, scheme, **more)


def small() -> Dataset:
    rng = np.random.default_rng(1)
    raw = rng.normal(size=(40, 15))
    target = (raw[:, :3].sum(axis=1) > 0).astype(int) + (raw[:, 5] > 1)
    return make_dataset("small", raw, target.tolist())


def learn(data: Dataset, workers: int, rounds: int, scheme: Callable[[int], Scheme], **more):
    task = session(data, workers, scheme, **more)
    sent = drive(task.setup())
    losses = []
    for _ in range(rounds):
        outcome = RoundOutcome()
        sent += drive(task.round(task.workers, outcome))
        losses.append(outcome.loss)
    return task, losses, sent
