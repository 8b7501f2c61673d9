"""Signals are noted, take effect at the next check, and are handled as before afterwards."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from qnetsim import interrupt
from qnetsim.cli import main
from qnetsim.interrupt import SIGNALS, Interrupted, stoppable


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


def test_a_process_ends_at_once_unless_its_work_is_deferred() -> None:
    """It removes what it holds, also folders that it made and that are empty, and nothing else."""
    code = (
        "import os\n"
        "from pathlib import Path\n"
        "from qnetsim import interrupt\n"
        "from qnetsim.trace.hdf5.files import fresh_place, make_folder, only_writer\n"
        "with interrupt.stoppable(at_once=True):\n"
        "    with interrupt.deferred():\n"
        "        interrupt.end_unless_deferred(7)\n"
        "    make_folder(Path('a/b'))\n"
        "    make_folder(Path('c'))\n"
        "    Path('c/mine').touch()\n"
        "    with only_writer(Path('gone')):\n"
        "        pass\n"
        "    Path('.gone.lock').touch()\n"  # of somebody else by now
        "    with only_writer(Path('a/b/t')):\n"
        "        fresh_place(Path('a/b/t'))\n"
        "        print(len(os.listdir('a/b')), flush=True)\n"
        "        interrupt.end_unless_deferred(9)\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, timeout=60, cwd=folder
        )
        left = {path.relative_to(folder).as_posix() for path in Path(folder).rglob("*")}
    assert (run.returncode, run.stdout.split()) == (9, [b"2"]), run.stderr
    assert left == {"c", "c/mine", ".gone.lock"}


def test_a_signal_is_noted_once_in_blocks_that_end_at_once() -> None:
    with pytest.raises(Interrupted), stoppable(at_once=True) as check:
        come(signal.SIGTERM)
        with pytest.raises(Interrupted), stoppable():
            pass
        check()


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
