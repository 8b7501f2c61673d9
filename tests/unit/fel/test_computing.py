"""The parties' processes: results do not depend on their number, and flows begin together."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from qnetsim.errors import UsageError
from qnetsim.fel.computing import HERE, Computing, computed, parts_of, processes_for_parties
from qnetsim.fel.encryption_schemes import EncryptionMeans, PaillierScheme
from qnetsim.fel.messages import Message, MessageKind, gather, send
from tests.support.federated import KEY_BITS, drive, learn, small


def doubled(factor: int, values: list[int]) -> list[int]:
    return [factor * value for value in values]


def ended(values: list[int]) -> list[int]:
    os._exit(1)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 20])
def test_parts_are_nearly_equal_and_in_order(count: int) -> None:
    entries = list(range(7))
    parts = parts_of(entries, count)
    assert [entry for part in parts for entry in part] == entries
    assert len(parts) == min(count, 7)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert parts_of([], count) == [[]]


@pytest.mark.parametrize("processes", [1, 3])
def test_lists_are_computed_in_parts(processes: int) -> None:
    with ThreadPoolExecutor(processes) as executor:
        for computing in (HERE, Computing(executor, processes)):
            assert computing.begin(doubled, 2, list(range(10)))() == list(range(0, 20, 2))
            assert computing.begin(doubled, 2, [])() == []


@pytest.mark.parametrize("randomness", ["short", "full"])
def test_results_are_the_same_for_any_number_of_processes(randomness: str) -> None:
    data = small()
    found = []
    with processes_for_parties(2) as two:
        for computing in (HERE, two):
            means = EncryptionMeans(randomness, computing)
            found.append(
                learn(data, 3, 2, lambda r, m=means: PaillierScheme(KEY_BITS, 7, r, means=m))
            )
    (one, losses, sent), (other, same_losses, same_sent) = found
    assert losses == same_losses
    # down to every ciphertext of every message
    assert sent == same_sent
    for name, block in one.blocks.items():
        np.testing.assert_array_equal(block.parameters, other.blocks[name].parameters)


def test_a_process_that_dies_is_one_clear_error() -> None:
    died = pytest.raises(UsageError, match="a process of the parties died")
    with died, processes_for_parties(2) as computing:
        computing.begin(ended, [1, 2])()


class Notes(Computing):
    """Notes what is begun and what is waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []

    def begin(self, function, *given):
        name = given[0]
        self.notes.append(f"begin {name}")

        def wait() -> list[int]:
            self.notes.append(f"wait {name}")
            return []

        return wait


def test_flows_begin_together_and_send_together() -> None:
    notes = Notes()

    def flow(name: str, times: int):
        for _ in range(times):
            yield from computed(notes.begin(doubled, name))
        message = Message(MessageKind(5, "loss"), name, "owner", (1,), width=8, padded=True)
        return (yield from send(message))

    def nested():
        return (yield from gather([flow("b", 2), flow("c", 1)]))

    batches = []

    def deliver(message: Message) -> bool:
        batches.append(message.source)
        return True

    drive(gather([flow("a", 1), nested()]), deliver)
    assert notes.notes[:6] == ["begin a", "begin b", "begin c", "wait a", "wait b", "begin b"]
    assert batches == ["a", "b", "c"]


def test_what_is_computed_changes_no_batch_of_messages() -> None:
    """Who computes more than others sends at the same time all the same."""

    def flow(name: str, times: int):
        for _ in range(times):
            yield ()
        kind = MessageKind(5, "loss")
        yield from send(Message(kind, name, "owner", (), width=8, padded=True))
        yield from send(Message(kind, name, "head", (), width=8, padded=True))

    steps = gather([flow("a", 0), flow("b", 3)])
    batches = [next(steps)]
    while True:
        try:
            batches.append(steps.send([True] * len(batches[-1])))
        except StopIteration:
            break
    sent = [[(m.source, m.target) for m in batch] for batch in batches if batch]
    assert sent == [[("a", "owner"), ("b", "owner")], [("a", "head"), ("b", "head")]]
    assert sum(not batch for batch in batches) == 3
