"""Channels whose messages are attacked, and what is left of keys in memory."""

from __future__ import annotations

import pytest

from qnetsim.errors import ProtocolError
from qnetsim.fel.channels import Channels
from qnetsim.fel.messages import Message, MessageKind

SENT = Message(MessageKind(5, "loss"), "a", "b", (1, 2), 8, padded=True)
KEYS = bytes(range(1, 241))


def channels() -> Channels:
    made = Channels(["a", "b"])
    made.add_keys("a", "b", KEYS)
    return made


def stored(made: Channels) -> bytes:
    return bytes(made._link("a", "b")._bytes)


def test_keys_are_overwritten_once_both_ends_have_spent_them() -> None:
    made = channels()
    sealed = made.seal(SENT)
    assert stored(made) == KEYS, "the receiver needs them still"
    made.open(SENT, sealed)
    assert stored(made) == bytes(48) + KEYS[48:]


def test_keys_of_lost_messages_are_overwritten_when_the_receiver_passes_them() -> None:
    made = channels()
    made.carry_under("drop", SENT)
    assert stored(made) == KEYS
    made.carry(SENT)
    assert stored(made) == bytes(96) + KEYS[96:]


@pytest.mark.parametrize(("attack", "spent"), [("tamper", 48), ("drop", 48), ("replay", 48)])
def test_an_attack_costs_one_message_at_most(attack: str, spent: int) -> None:
    made = channels()
    made.carry_under(attack, SENT)
    link = made._link("a", "b")
    assert link._buffers[0].spent == spent
    made.begin_round()
    made.carry(SENT)
    assert link._buffers[1].spent == spent + 48


def test_a_replay_is_offered_and_refused() -> None:
    made = channels()
    made.carry(SENT)
    made.begin_round()
    made.carry_under("replay", SENT)
    assert made._link("a", "b")._buffers[1].spent == 96


def test_a_forgery_that_were_taken_would_stop_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    made = channels()
    monkeypatch.setattr(Channels, "open", lambda *_: b"")
    with pytest.raises(ProtocolError, match="loss: a forged message was taken for a true one"):
        made.carry_under("tamper", SENT)
