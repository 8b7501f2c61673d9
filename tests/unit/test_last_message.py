"""What the last message of a command says that a signal stopped."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from qnetsim import last_message


@pytest.fixture(autouse=True)
def of_its_own() -> Iterator[None]:
    yield
    last_message.forget_files()


def test_it_counts_what_is_complete_and_names_what_is_short() -> None:
    last_message.note_command("go on")
    assert last_message.ending(signal.SIGTERM) == (
        "interrupted (SIGTERM): nothing was being written; go on"
    )
    last_message.note_planned(9)
    for i in range(6):
        last_message.note_standing(Path(f"{i}.h5"), "complete")
    last_message.note_standing(Path("x.h5"), "4,096 slots")
    assert last_message.ending(signal.SIGHUP) == (
        "interrupted (SIGHUP): 6 of 9 traces complete: 0.h5, 1.h5, 2.h5, 3.h5 and 2 more; "
        "cut short and readable: x.h5 (4,096 slots); go on"
    )


def test_a_trace_that_holds_nothing_is_begun_anew() -> None:
    last_message.note_command("go on", anew="begin anew")
    last_message.note_standing(Path("x.h5"), "")
    assert last_message.ending(signal.SIGTERM) == (
        "interrupted (SIGTERM): nothing was written to x.h5; begin anew"
    )
    last_message.note_planned(2)
    last_message.note_standing(Path("w.h5"), "complete")
    assert last_message.ending(signal.SIGTERM) == (
        "interrupted (SIGTERM): 1 of 2 traces complete: w.h5; nothing was written to x.h5; go on"
    )
    last_message.forget_standing(Path("x.h5"))
    assert "x.h5" not in last_message.ending(signal.SIGTERM)
