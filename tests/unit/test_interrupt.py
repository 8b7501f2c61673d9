"""Signals are noted, take effect at the next check, and are handled as before afterwards."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from qnetsim import interrupt
from qnetsim.cli import main
from qnetsim.interrupt import SIGNALS, Interrupted, ending, stoppable


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    handlers = {number: signal.signal(number, signal.SIG_DFL) for number in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def come(number: int) -> None:
    signal.raise_signal(number)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_waits_for_the_next_check(number: int) -> None:
    done = []
    with pytest.raises(Interrupted) as caught, stoppable() as check:
        check()
        for _ in range(5):
            come(number)
        done.append("the step in hand")
        check()
        done.append("another one")
    assert caught.value.number == number
    assert done == ["the step in hand"]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_signal_after_the_last_check_is_not_lost() -> None:
    with pytest.raises(Interrupted), stoppable():
        come(signal.SIGTERM)


def test_an_error_of_the_work_comes_first() -> None:
    with pytest.raises(ZeroDivisionError), stoppable():
        come(signal.SIGTERM)
        raise ZeroDivisionError


def test_signals_of_one_block_do_not_reach_the_next() -> None:
    with pytest.raises(Interrupted), stoppable():
        come(signal.SIGINT)
    with stoppable() as check:
        check()


def test_an_inner_block_does_not_end_the_outer_one() -> None:
    with pytest.raises(Interrupted), stoppable() as check:
        with pytest.raises(Interrupted), stoppable():
            come(signal.SIGHUP)
        check()


def test_impatience_raises_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupt, "PATIENCE_S", -1.0)
    with pytest.raises(Interrupted) as caught, stoppable():
        come(signal.SIGTERM)
        come(signal.SIGINT)
        pytest.fail("the second signal raises")
    assert caught.value.number == signal.SIGINT


def test_what_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with stoppable() as check:
        come(signal.SIGHUP)
        check()
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_other_threads_are_not_stopped() -> None:
    found = []

    def work() -> None:
        with stoppable() as check:
            check()
            found.append("done")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == ["done"]


def test_the_last_message() -> None:
    interrupt.note_command("go on")
    assert ending(signal.SIGTERM) == ("interrupted (SIGTERM): no trace was being written; go on")
    interrupt.note_planned(9)
    for i in range(6):
        interrupt.note_standing(Path(f"{i}.h5"), "complete")
    interrupt.note_standing(Path("x.h5"), "4,096 slots")
    assert ending(signal.SIGHUP) == (
        "interrupted (SIGHUP): 6 of 9 traces complete: 0.h5, 1.h5, 2.h5, 3.h5 and 2 more; "
        "cut short and readable: x.h5 (4,096 slots); go on"
    )
    interrupt.note_command("")


def test_work_without_a_check_does_not_keep_the_process() -> None:
    code = (
        "import signal, time\n"
        "from qnetsim import interrupt\n"
        "interrupt.LONGEST_S = 0.3\n"
        "interrupt.take_over()\n"
        "with interrupt.stoppable():\n"
        "    signal.raise_signal(signal.SIGTERM)\n"
        "    time.sleep(60)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=40)
    assert run.returncode == 128 + signal.SIGTERM
    assert b"interrupted (SIGTERM)" in run.stderr


def test_a_command_in_this_process_leaves_signals_as_they_are() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with pytest.raises(SystemExit):
        main(["policies"])
    assert [signal.getsignal(number) for number in SIGNALS] == before
