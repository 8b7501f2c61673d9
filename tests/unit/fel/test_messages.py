"""Messages of the protocol and their sizes, and how flows of them are interleaved."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from qnetsim.fel.messages import (
    KINDS,
    LONG_BYTES,
    NUMBER_BYTES,
    TOKEN_BYTES,
    Flow,
    Message,
    MessageKind,
    MessageLostError,
    gather,
    gather_all,
    send,
)


def message(purpose: str = "loss", source: str = "a", target: str = "b", **more: Any) -> Message:
    settings = {"numbers": (1, -2, 3), "width": 8, "padded": True}
    kind = MessageKind(5, purpose)
    return Message(kind, source, target, **{**settings, **more})


def test_kinds_and_widths_are_those_of_the_protocol() -> None:
    assert (NUMBER_BYTES, LONG_BYTES, TOKEN_BYTES) == (8, 16, 32)
    assert len(set(KINDS)) == len(KINDS) == 20
    counts = [sum(kind[0] == step for kind in KINDS) for step in range(7)]
    assert counts == [0, 1, 6, 6, 3, 4, 0]
    # the reference page of FEL names the steps; those with two phases are in both
    assert {purpose for step, purpose in KINDS if step == 5} == {
        "rates",
        "residuals",
        "masked gradient",
        "loss",
    }


def test_a_message_knows_its_kind_size_and_keys() -> None:
    sent = message(width=9, padded=False)
    assert sent.kind == (sent.step, sent.purpose) == (5, "loss")
    assert sent.size == 27
    assert (sent.key_bytes, message(width=9).key_bytes) == (32, 59)
    assert sent.part == 0
    with pytest.raises(FrozenInstanceError):
        sent.part = 1  # type: ignore[misc]


@pytest.mark.parametrize("width", [1, NUMBER_BYTES, LONG_BYTES])
def test_numbers_up_to_sixteen_bytes_carry_a_sign(width: int) -> None:
    most = 2 ** (8 * width - 1)
    numbers = (-most, -1, 0, most - 1)
    raw = message(numbers=numbers, width=width).payload()
    assert raw == b"".join(n.to_bytes(width, "big", signed=True) for n in numbers)
    with pytest.raises(OverflowError):
        message(numbers=(most,), width=width).payload()


@pytest.mark.parametrize("width", [LONG_BYTES + 1, TOKEN_BYTES])
def test_longer_numbers_carry_none(width: int) -> None:
    numbers = (0, 1, 2 ** (8 * width) - 1)
    raw = message(numbers=numbers, width=width).payload()
    assert raw == bytes(width) + bytes(width - 1) + b"\x01" + b"\xff" * width
    with pytest.raises(OverflowError):
        message(numbers=(-1,), width=width).payload()


def run(flow: Flow[Any], lost: set[str] = frozenset()) -> tuple[Any, list[list[str]]]:
    """Drive a flow; returns its result and the purposes of each batch."""
    batches = []
    answers = None
    try:
        while True:
            batch = flow.send(answers)
            batches.append([m.purpose for m in batch])
            answers = [m.purpose not in lost for m in batch]
    except StopIteration as end:
        return end.value, batches


def test_one_message_is_sent_unless_it_stays_with_its_party() -> None:
    assert run(send(message("x"))) == (True, [["x"]])
    assert run(send(message("x", target="a"))) == (True, [])
    assert run(send(message("x", source="z", target="a")), {"y"}) == (True, [["x"]])
    # names are compared, not the objects that hold them
    name = "worker 1"
    assert run(send(message("x", source=name, target="".join(list(name))))) == (True, [])
    with pytest.raises(MessageLostError, match=r"^x from a to b was not delivered$"):
        run(send(message("x")), {"x"})


def steps(*purposes: str, result: str) -> Flow[str]:
    """Batches named by their purposes: ``"xy"`` sends two messages at once."""
    for batch in purposes:
        answers = yield tuple(message(purpose) for purpose in batch)
        assert len(answers) == len(batch)
        if not all(answers):
            at = [purpose for purpose, came in zip(batch, answers, strict=True) if not came]
            raise MessageLostError("".join(at))
    return result


def three() -> list[Flow[str]]:
    return [
        steps("ab", "c", "d", result="first"),
        steps(result="second"),
        steps("e", "fgh", result="third"),
    ]


def test_flows_run_side_by_side_batch_by_batch() -> None:
    found = run(gather(three()))
    batches = [list("abe"), list("cfgh"), list("d")]
    assert found == (["first", "second", "third"], batches)
    assert run(gather_all(three())) == found
    assert run(gather([])) == run(gather_all([])) == ([], [])


@pytest.mark.parametrize(
    ("lost", "results", "batches"),
    [
        ("a", [None, "second", "third"], ["abe", "fgh"]),
        ("b", [None, "second", "third"], ["abe", "fgh"]),
        ("c", [None, "second", "third"], ["abe", "cfgh"]),
        ("d", [None, "second", "third"], ["abe", "cfgh", "d"]),
        ("e", ["first", "second", None], ["abe", "c", "d"]),
        ("h", ["first", "second", None], ["abe", "cfgh", "d"]),
    ],
)
def test_each_flow_gets_its_own_answers(
    lost: str, results: list[str | None], batches: list[str]
) -> None:
    """A flow that lost a message ends alone; where all are needed, so do all."""
    assert run(gather(three()), {lost}) == (results, [list(batch) for batch in batches])
    for needed in (gather(three(), all_needed=True), gather_all(three())):
        with pytest.raises(MessageLostError, match=f"^{lost}$"):
            run(needed, {lost})


def test_results_that_count_as_false_are_kept() -> None:
    def none() -> Flow[int]:
        yield (message("x"),)
        return 0

    assert run(gather_all([none(), none()])) == ([0, 0], [["x", "x"]])
