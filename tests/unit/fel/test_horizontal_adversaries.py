"""One attack for each line on horizontal tasks of the table in docs/background/fel-adversaries.md.

Each is played with what its party has before it, and nothing else. Masks are those of the protocol.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from qnetsim.errors import ProtocolError
from qnetsim.fel.datasets import load_dataset
from qnetsim.fel.horizontal import Averaging
from qnetsim.fel.messages import Message, MessageKind
from qnetsim.fel.relays import Leg, RelayRule
from qnetsim.fel.roles import TaskRoles
from qnetsim.fel.secure_sum import MaskedWorker, Masking
from tests.support.adversaries import on_the_wire
from tests.support.federated import REAL, averaged

PARTIES = ["owner", "head", "w0", "w1", "w2", "w3"]


def masked_by(sent: list[Message]) -> dict[str, np.ndarray]:
    """What each worker sent to its head in a round."""
    return {m.source: np.array(m.numbers) for m in sent if m.purpose == "masked numbers"}


def with_masks(*names: str) -> dict[str, MaskedWorker]:
    """Workers that have shared their masks."""
    parties = {name: MaskedWorker(name, names) for name in names}
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            mask = REAL.draw(4, 1, one, other)
            parties[one].add_mask(other, mask)
            parties[other].add_mask(one, mask)
    return parties


# ------------------------------------------------------------------ a listener on the links


def test_listener_reads_no_numbers_of_averaging() -> None:
    """Parameters, masks and corrections are under pads, the rest under masks."""
    task, _, sent = averaged(load_dataset("wine"), 1, masking=REAL)
    for message, heard in zip(sent[0], on_the_wire(PARTIES, sent[0]), strict=True):
        if message.purpose == "masked numbers":
            plain = task._shares[message.source].update(
                np.zeros_like(task.parameters), task._rates, task._penalty, 1
            )
            assert not (np.array(message.numbers)[: len(plain)] == plain).any()
        elif message.purpose != "sums" and any(message.numbers):
            assert heard.body != message.payload(), message


# ------------------------------------------------------------------ owner and heads


def test_owner_learns_the_sum_and_nothing_else() -> None:
    """Other updates of the same sum look the same to heads and owner, and masks are uniform."""
    data = load_dataset("wine")
    task, _, sent = averaged(data, 2, Averaging(2), masking=REAL)
    masked = {}
    for number, messages in enumerate(sent):
        for m in messages:
            if m.purpose == "masked numbers":
                masked[number, m.source] = np.array(m.numbers, dtype=np.int64)
    values = np.concatenate(list(masked.values()))
    # uniform over 64 bits: half are negative, and the leading bits are even
    leading = Counter((values.view(np.uint64) >> np.uint64(61)).tolist())
    assert len(leading) == 8
    assert max(leading.values()) < 1.6 * len(values) / 8
    # no mask serves twice
    assert len({tuple(v) for v in masked.values()}) == len(masked)
    first = [masked[0, w] for w in task.workers]
    total = sum(first[1:], first[0])
    head = next(m for m in sent[0] if m.purpose == "sums")
    np.testing.assert_array_equal(total, head.numbers[1:])
    # what a round gives away is the change of the parameters, the weights and the loss
    weights = total[-6:-3]
    assert (
        weights.tolist() == (2 * task._totals.positives * (178 - task._totals.positives)).tolist()
    )
    # what a worker sends is not its update, nor that of any other, up to any one mask
    plain = task._shares["w0"].update(np.zeros_like(task.parameters), task._rates, task._penalty, 2)
    assert not (first[0] == plain).any()


def test_owner_learns_totals_of_the_set_up() -> None:
    """Admitted: class counts, and with ``standardise`` sums and squares, over all records."""
    data = load_dataset("wine")
    task, _, _ = averaged(data, 0, Averaging(standardise=True), masking=REAL)
    assert task._totals is not None
    assert task._totals.positives.tolist() == (data.labels > 0).sum(axis=0).tolist()
    np.testing.assert_array_equal(task._totals.sums, data.features.sum(axis=0))


def test_head_and_all_but_two_workers_learn_only_the_sum_of_these_two() -> None:
    data = load_dataset("wine")
    task, _, sent = averaged(data, 1, masking=REAL)
    masks = {(m.source, m.target): np.array(m.numbers) for m in sent[0] if m.purpose == "masks"}
    masked = {m.source: np.array(m.numbers) for m in sent[0] if m.purpose == "masked numbers"}
    honest = ("w0", "w1")
    known = {pair: mask for pair, mask in masks.items() if set(pair) != set(honest)}
    opened = {}
    for worker in honest:
        numbers = masked[worker].copy()
        for (one, other), mask in known.items():
            if worker in (one, other):
                numbers -= mask if worker == one else -mask
        opened[worker] = numbers
    zero = np.zeros_like(task.parameters)
    plain = {w: task._shares[w].update(zero, task._rates, task._penalty, 1) for w in honest}
    np.testing.assert_array_equal(opened["w0"] + opened["w1"], plain["w0"] + plain["w1"])
    for worker in honest:
        assert not (opened[worker] == plain[worker]).any()


def test_owner_who_overhears_numbers_that_did_not_arrive_opens_them() -> None:
    """Admitted: honest answers about a missing worker are the masks of what was overheard."""
    parties = with_masks("a", "b", "c")
    numbers = np.array([3, -1, 4, 1])
    overheard = parties["c"].masked(numbers)
    assert (overheard != numbers).all()
    answers = [parties[name].correction(["c"]) for name in ("a", "b")]
    np.testing.assert_array_equal(overheard + sum(answers), numbers)


def test_owner_who_listens_hears_no_masked_numbers_under_pads() -> None:
    data = load_dataset("iris")
    _, _, sent = averaged(data, 1, masking=Masking(7, (0, 0), padded=True))
    masked = [m for m in sent[0] if m.purpose == "masked numbers"]
    assert len(masked) == 4
    for message, heard in zip(masked, on_the_wire(PARTIES, masked), strict=True):
        assert heard.body != message.payload()


def test_malicious_owner_and_head_open_a_worker_they_call_missing() -> None:
    """Admitted: the head gives what it got, and the others answer honestly."""
    parties = with_masks("a", "b", "c")
    numbers = np.array([3, -1, 4, 1])
    given = parties["c"].masked(numbers)
    answers = [parties[name].correction(["c"]) for name in ("a", "b")]
    np.testing.assert_array_equal(given + sum(answers), numbers)
    # a second one of the same round is refused: no worker tells masks twice
    with pytest.raises(ProtocolError, match="once in a round"):
        parties["a"].correction(["b"])


# ------------------------------------------------------------------ workers


def test_one_of_two_workers_learns_the_part_of_the_other() -> None:
    """Admitted: the sum less one's own numbers, but for the rounding of a division."""
    data = load_dataset("wine")
    task, _, sent = averaged(data, 2, masking=REAL, clusters={"head": ["a", "b"]})
    before, after = (
        np.array(next(m for m in one if m.purpose == "parameters").numbers).reshape(13, 3)
        for one in sent
    )
    assert task._totals is not None
    own, other = (
        task._shares[name].update(before, task._rates, task._penalty, 1) for name in ("a", "b")
    )
    positives = task._totals.positives
    weights = 2 * positives * (task._totals.samples - positives)
    found = (after - before) * weights - own[:39].reshape(13, 3)
    off = np.abs(found - other[:39].reshape(13, 3))
    assert (off <= weights).all()
    assert np.abs(other[:39]).max() > 1000 * weights.max()


def test_workers_relay_no_masks_that_open_what_they_overhear() -> None:
    """Of three workers the third needs one mask; pads keep it from what is masked."""
    roles = TaskRoles("o", {"h": ["a", "b", "c"]})
    masks = Leg(MessageKind(5, "masks"), "a", "b")
    told = Leg(MessageKind(5, "mask corrections"), "a", "o")
    for padded in (False, True):
        rule = RelayRule(roles, "readers", padded, horizontal=True)
        assert ("c" in rule.barred(masks)) is not padded
        assert ("b" in rule.barred(told)) is not padded
        assert {"o", "h"} <= rule.barred(masks)
        assert ("c" in rule.readers(masks)) is not padded
