"""Encrypted and counted training are the same, bit for bit; so is central training, nearly."""

from __future__ import annotations

import numpy as np
import pytest

from qnetsim.fel.arithmetic import PARAMETER_BITS, taylor_loss
from qnetsim.fel.datasets import (
    DATASET_NAMES,
    Dataset,
    WorkerRecords,
    draw_worker_records,
    load_dataset,
)
from qnetsim.fel.encryption_schemes import CountedScheme, EncryptionScheme, PaillierScheme
from qnetsim.fel.exchange import TaskEncryption
from qnetsim.fel.intersection_protocols import BlindSignatures, RecordIntersection
from qnetsim.fel.key_usage import KeyUsageTable, run_flow
from qnetsim.fel.messages import Message
from qnetsim.fel.protocol import RoundOutcome, Session
from qnetsim.fel.roles import TaskRoles

WORKERS, ROUNDS = 3, 2


def blocks(data: Dataset) -> list:
    """Blocks of six features; of one where there would be fewer than three."""
    found = list(data.blocks(1, 0))[:WORKERS]
    if len(found) == WORKERS:
        return found
    return [np.array([column]) for column in range(data.features.shape[1])]


def train(data: Dataset, key_bits: int, *, real: bool):
    columns = blocks(data)
    names = [f"worker {i}" for i in range(len(columns))]
    records: dict[str, WorkerRecords] = {
        name: draw_worker_records(data, 0.9, 1, name) for name in names
    }

    def scheme_of_round(number: int) -> EncryptionScheme:
        return PaillierScheme(key_bits, 5, data.name, number) if real else CountedScheme()

    protocol = BlindSignatures(5 if real else None, data.name, key_bits=key_bits)
    session = Session(
        data,
        columns,
        TaskRoles("owner", {"head": names[:1], "head 2": names[1:]}),
        TaskEncryption(key_bits, scheme_of_round),
        RecordIntersection(protocol, records),
    )
    sent, losses = [], []

    def note(message: Message) -> bool:
        if real:
            # the size that is counted is that of the bytes on the wire
            assert len(message.payload()) == message.size
        sent.append((message.kind, message.source, message.target, message.key_bytes))
        return True

    run_flow(session.setup(), KeyUsageTable(), note)
    for _ in range(ROUNDS):
        outcome = RoundOutcome()
        run_flow(session.round(session.workers, outcome), KeyUsageTable(), note)
        assert outcome.workers == session.workers
        losses.append(outcome.loss)
    return session, losses, sent


@pytest.mark.parametrize("key_bits", [1024, pytest.param(2048, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", DATASET_NAMES)
def test_real_equals_counted_bit_for_bit(name: str, key_bits: int) -> None:
    data = load_dataset(name)
    real, losses, sent = train(data, key_bits, real=True)
    counted, *same = train(data, key_bits, real=False)
    assert [losses, sent] == same
    assert len(real.blocks) >= WORKERS
    for worker, block in real.blocks.items():
        assert block.parameters.any()
        np.testing.assert_array_equal(block.parameters, counted.blocks[worker].parameters)


@pytest.mark.parametrize("name", DATASET_NAMES)
def test_federated_accuracy_is_that_of_central_training(name: str) -> None:
    """All features in one place, in floating point: same loss, same decisions."""
    data = load_dataset(name)
    columns = data.blocks(1, 0)
    names = [f"worker {i}" for i in range(len(columns))]
    encryption = TaskEncryption(1024, lambda _: CountedScheme())
    session = Session(data, columns, TaskRoles("owner", {"head": names}), encryption)
    run_flow(session.setup(), KeyUsageTable())
    x, y = data.features[:, np.concatenate(columns)] / 4096, data.labels
    weights = np.where(y > 0, 1 / (2 * (y > 0).sum(axis=0)), 1 / (2 * (y < 0).sum(axis=0)))
    bound = (weights * (x**2).sum(axis=1)[:, None]).sum(axis=0) / 4
    theta = np.zeros((x.shape[1], y.shape[1]))
    for _ in range(30):
        run_flow(session.round(session.workers, RoundOutcome()), KeyUsageTable())
        theta -= x.T @ (weights * (x @ theta / 4 - y / 2)) / bound
    scores = x @ theta
    right = np.argmax(scores, axis=1) == np.argmax(y, axis=1) if y.shape[1] > 1 else None
    central = float(((scores > 0) == (y > 0)).mean() if right is None else right.mean())
    assert session.accuracy == pytest.approx(central, abs=1.5 / len(y))
    found = np.vstack([block.parameters for block in session.blocks.values()])
    np.testing.assert_allclose(found / 2**PARAMETER_BITS, theta, atol=1e-3)
    federated = sum(block.scores() for block in session.blocks.values())
    loss = weights * (np.log(2) - y * scores / 2 + scores**2 / 8)
    np.testing.assert_allclose(
        taylor_loss(session.balance.labels, federated), loss.sum(axis=0), atol=1e-4
    )
