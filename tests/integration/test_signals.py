"""Signals and closed streams: commands end in good order, and leave whole files."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qnetsim.trace import open_trace
from tests.support import SCENARIOS
from tests.support.processes import (
    ENVIRONMENT,
    UGLY,
    alive,
    descendants,
    killed_at_end,
    minds_signals,
    start,
    start_python,
    wait_until,
)

NSFNET = str(SCENARIOS / "nsfnet.toml")
FEL = str(SCENARIOS / "fel.toml")
LONG = ("--slots", "50000000")
RUN = ("run", NSFNET, "-p", "random", *LONG, "-o", "t.h5")
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


def holds_slots(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 1_000_000


def clean(text: str) -> bool:
    return not any(word in text for word in UGLY)


def end(process: subprocess.Popen[str], number: int) -> str:
    """Send a signal; returns the one message."""
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == STATUS[signal.Signals(number)], err
    assert clean(err), err
    assert len(err.strip().splitlines()) == 1, err
    assert signal.Signals(number).name in err
    return err


@pytest.mark.parametrize("number", list(STATUS))
def test_a_run_closes_its_trace(number: int, tmp_path: Path) -> None:
    process = start(tmp_path, *RUN)
    assert wait_until(lambda: holds_slots(tmp_path / "t.h5"))
    said = end(process, number)
    with open_trace(tmp_path / "t.h5") as trace:
        assert trace.status == "interrupted"
        assert trace.content_digest() == trace.attribute("content_digest")
        assert f"t.h5 ({trace.slots:,} slots); the same command with --resume goes on" in said
    assert [path.name for path in tmp_path.iterdir()] == ["t.h5"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_comparison_ends_its_workers(number: int, tmp_path: Path) -> None:
    policies = ("-p", "random", "-p", "evf")
    process = start(
        tmp_path, "compare", NSFNET, *policies, *LONG, "--workers", "2", "--replications", "1"
    )
    folder = tmp_path / "runs" / "nsfnet"
    traces = [folder / "random-r000.h5", folder / "evf-r000.h5"]
    assert wait_until(lambda: all(map(holds_slots, traces)))
    workers = descendants(process.pid)
    assert len(workers) >= 2
    said = end(process, number)
    assert wait_until(lambda: not any(map(alive, workers)), 10)
    assert "0 of 2 traces complete; cut short and readable: " in said
    for path in traces:
        with open_trace(path) as trace:
            assert trace.status == "interrupted"
            assert f"{path.name} ({trace.slots:,} slots)" in said


def test_a_comparison_in_one_process_says_what_is_finished(tmp_path: Path) -> None:
    process = start(
        tmp_path, "compare", NSFNET, "-p", "random", "--replications", "90", "--slots", "6000"
    )
    folder = tmp_path / "runs" / "nsfnet"
    assert wait_until((folder / "random-r003.h5").exists)
    said = end(process, signal.SIGTERM)
    found = sorted(folder.glob("*.h5"))
    statuses = []
    for path in found:
        with open_trace(path) as trace:
            statuses.append(trace.status)
    complete = statuses.count("complete")
    assert complete >= 3
    assert f"{complete} of 90 traces complete" in said


#: Commands that take long, each from its start on.
COMMANDS = {
    "compare": ("compare", NSFNET, *LONG),
    "demand": ("demand", NSFNET, *LONG, "-o", "w.h5"),
    "demand csv": ("demand", NSFNET, *LONG, "-o", "w.csv"),
    "fel": ("fel", FEL, "--rounds", "10000"),
    "plan": ("plan", NSFNET, "--sensitivity", "demand.mean=1:3:1000"),
    "reproduce": ("reproduce", "fig4", "--orders", "1000"),
    "reproduce curves": ("reproduce", "fig9", "--workers", "2"),
    "run": RUN,
    "spacing": ("spacing", "large.toml", "--choices", "1:1000:1"),
    "train": ("train", NSFNET, "-p", "decsac", "--epochs", "100000", "-o", "w.safetensors"),
}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc on this system")
@pytest.mark.parametrize("seconds", [0.3, 3.0])
@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_long_command_ends_in_good_order(
    command: str, seconds: float, tmp_path: Path
) -> None:
    (tmp_path / "large.toml").write_text('[network]\ntopology = "topohub:backbone/europe"\n')
    process = start(tmp_path, *COMMANDS[command])
    assert wait_until(lambda: minds_signals(process.pid))
    time.sleep(seconds)
    if process.poll() is not None:
        process.communicate()
        pytest.skip("the command is done")
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, clean(err)) == (143, True), err
    assert err.count("interrupted (SIGTERM)") == 1
    if command == "train":
        # one line, and of no traces: it writes none
        saved = "the training is saved up to epoch" in err
        assert err.count("the same command goes on") == saved
        assert err.count("give the same command again") == (not saved)
        assert "trace" not in err
    assert not [path for path in tmp_path.rglob(".*") if path.is_file()]


@pytest.mark.parametrize("more", [(), ("--force",)])
def test_a_training_that_is_stopped_after_its_last_epoch_is_still_saved(
    more: tuple[str, ...], tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    command = ["train", NSFNET, "-p", "decppo", "--epochs", "1", "-o", "w.safetensors", *more]
    code = (
        "import os, signal, sys, time\n"
        "from qnetsim.__main__ import main\n"
        "import qnetsim.learning.training_record as record\n"
        "def stopped(*_):\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    time.sleep(60)\n"
        "record.reference_costs = stopped\n"
        f"sys.argv[1:] = {command!r}\n"
        "main()\n"
    )
    with start_python(tmp_path, "-c", code) as process, killed_at_end(process):
        _, err = process.communicate(timeout=60)
    go_on = "with --force the same command begins anew" if more else "the same command goes on"
    assert err.endswith(f": the training is saved up to epoch 1; {go_on}\n")
    # nothing is written but what the same command goes on from
    assert [path.name for path in tmp_path.glob("w*")] == ["w.state"]


def test_a_worker_that_dies_is_one_error(tmp_path: Path) -> None:
    process = start(
        tmp_path, "compare", NSFNET, "-p", "random", *LONG, "--workers", "2", "--replications", "2"
    )
    traces = [tmp_path / "runs" / "nsfnet" / f"random-r{r:03d}.h5" for r in range(2)]
    assert wait_until(lambda: all(map(holds_slots, traces)))
    commands = {n: Path(f"/proc/{n}/cmdline").read_bytes() for n in descendants(process.pid)}
    # parents come first, so the last is a worker, wherever workers begin
    victim = [n for n, command in commands.items() if b"resource_tracker" not in command][-1]
    os.kill(victim, signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 3
    assert err.startswith("error: a worker process died")
    assert wait_until(lambda: not any(map(alive, commands)), 10)


def test_a_full_stderr_does_not_keep_a_command_alive(tmp_path: Path) -> None:
    """A pager that has stopped reads nothing."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, bytes(select.PIPE_BUF))
    os.set_blocking(writing, True)
    code = (
        "from qnetsim import interrupt\n"
        "from qnetsim.__main__ import main\n"
        "interrupt.LONGEST_S = 6\n"
        "main()\n"
    )
    process = start_python(tmp_path, "-c", code, *RUN, stderr=writing)
    with killed_at_end(process):
        assert wait_until(lambda: holds_slots(tmp_path / "t.h5"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == STATUS[signal.SIGTERM]
    os.close(reading)
    os.close(writing)


def test_a_solver_does_not_delay_the_end(tmp_path: Path) -> None:
    """Nothing is written while a plan is made: the process ends at once, also within C code."""
    (tmp_path / "s.toml").write_text(Path(NSFNET).read_text())
    code = (
        "import sys\n"
        "from qnetsim.__main__ import main\n"
        "import qnetsim.plans.make as make\n"
        "def long(*_, **__):\n"
        "    import ctypes\n"
        "    lock = ctypes.create_string_buffer(256)\n"
        "    ctypes.CDLL(None).pthread_mutex_lock(lock)\n"
        "    print('in C', flush=True)\n"
        "    ctypes.CDLL(None).pthread_mutex_lock(lock)\n"  # for ever, and no signal ends it
        "make.planned = long\n"
        "sys.argv[1:] = ['plan', 's.toml', '-p', 'sip', '-o', 'p.h5']\n"
        "main()\n"
    )
    with start_python(tmp_path, "-c", code) as process, killed_at_end(process):
        assert process.stdout is not None
        assert process.stdout.readline() == "in C\n"
        begun = time.monotonic()
        end(process, signal.SIGTERM)
        assert time.monotonic() - begun < 10
    assert [path.name for path in tmp_path.iterdir()] == ["s.toml"]


#: A command that is in C for ever at a chunk of its world, as while a compiler is at work. It says
#: so by a file, once its trace holds what is before that chunk.
STUCK = """
import sys, time
from pathlib import Path
from qnetsim.__main__ import main
from qnetsim import interrupt, last_message
from qnetsim.world.realisation import Realisation
interrupt.LONGEST_S = {longest}
honest = Realisation.chunks
def chunks(self, **options):
    for number, chunk in enumerate(honest(self, **options)):
        if number == {chunk}:
            import ctypes
            while number and not any(last_message._command.standing.values()):
                time.sleep(0.01)
            lock = ctypes.create_string_buffer(256)
            ctypes.CDLL(None).pthread_mutex_lock(lock)
            Path("in-C").touch()
            ctypes.CDLL(None).pthread_mutex_lock(lock)
        yield chunk
Realisation.chunks = chunks
sys.argv[1:] = {arguments}
main()
"""


def stopped_in_c(folder: Path, *arguments: str, chunk: int, longest: float) -> str:
    """Stop a command that is in C; returns its one message."""
    code = STUCK.format(arguments=list(arguments), chunk=chunk, longest=longest)
    with start_python(folder, "-c", code) as process, killed_at_end(process):
        assert wait_until((folder / "in-C").exists)
        said = end(process, signal.SIGINT)
    (folder / "in-C").unlink()
    return said


def left_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


SLOTS = ("--slots", "9000")
COMPARISON = ("compare", NSFNET, "-p", "evf", *SLOTS, "--replications", "2")
PLANNED = {"runs", "runs/nsfnet", "runs/nsfnet/comparison.json"}
RUN_TRACE = "runs/nsfnet-evf-r000.h5"


@pytest.mark.parametrize(
    ("arguments", "said", "left"),
    [
        (("run", NSFNET, "-p", "evf", *SLOTS), f"nothing was written to {RUN_TRACE}", set()),
        (("demand", NSFNET, *SLOTS, "-o", "a/w.h5"), "nothing was written to a/w.h5", set()),
        (("demand", NSFNET, *SLOTS, "-o", "a/w.csv"), "nothing was being written", set()),
        (
            COMPARISON,
            "0 of 2 traces complete; nothing was written to runs/nsfnet/evf-r000.h5",
            PLANNED,
        ),
        (
            (*COMPARISON, "--workers", "2"),
            "0 of 2 traces complete; nothing was written to runs/nsfnet/evf-r000.h5, "
            "runs/nsfnet/evf-r001.h5",
            PLANNED,
        ),
    ],
)
def test_what_comes_ahead_of_the_first_slots_does_not_delay_the_end(
    arguments: tuple[str, ...], said: str, left: set[str], tmp_path: Path
) -> None:
    """No lock, no file without a name and no new folder is left; patience is without end."""
    found = stopped_in_c(tmp_path, *arguments, chunk=0, longest=1e9)
    again = "the same command with --resume goes on" if left else "give the same command again"
    assert found.strip() == f"interrupted (SIGINT): {said}; {again}"
    assert left_in(tmp_path) == left


def test_what_is_ended_among_its_slots_says_what_the_trace_holds(tmp_path: Path) -> None:
    """The work does not come to its next check, so that the trace stays as its last flush."""
    arguments = ("run", NSFNET, "-p", "evf", *SLOTS, "-o", "t.h5")
    found = stopped_in_c(tmp_path, *arguments, chunk=4, longest=0.1)
    with open_trace(tmp_path / "t.h5") as trace:
        assert (trace.status, trace.slots >= 1024) == ("incomplete", True)
    assert "cut short and readable: t.h5 (" in found
    assert found.endswith(" slots); the same command with --resume goes on\n")
    assert left_in(tmp_path) == {"t.h5"}


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
def test_what_is_ignored_at_the_start_stays_ignored(number: int, tmp_path: Path) -> None:
    """As with ``nohup``, and in the background of a script."""
    process = start(tmp_path, *RUN, preexec_fn=lambda: signal.signal(number, signal.SIG_IGN))
    assert wait_until(lambda: holds_slots(tmp_path / "t.h5"))
    process.send_signal(number)
    time.sleep(0.5)
    assert process.poll() is None
    end(process, signal.SIGTERM)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc on this system")
@pytest.mark.parametrize(
    "seconds",
    [0.0, 0.2, 1.0, *(pytest.param(at, marks=pytest.mark.slow) for at in (0.05, 0.5, 2.0))],
)
def test_five_fast_signals_from_the_first_line_on(seconds: float, tmp_path: Path) -> None:
    """At imports, while planning, in the run; ahead of them only Python itself is at work."""
    process = start(tmp_path, *RUN)
    assert wait_until(lambda: minds_signals(process.pid))
    time.sleep(seconds)
    for _ in range(5):
        process.send_signal(signal.SIGINT)
        time.sleep(0.004)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, clean(err)) == (130, True), err
    assert err.count("interrupted (SIGINT)") == 1
    if (tmp_path / "t.h5").exists():
        with open_trace(tmp_path / "t.h5") as trace:
            assert trace.status == "interrupted"


def test_five_fast_signals_while_the_trace_is_closed(tmp_path: Path) -> None:
    process = start(tmp_path, *RUN)
    assert wait_until(lambda: holds_slots(tmp_path / "t.h5"))
    for _ in range(5):
        process.send_signal(signal.SIGINT)
        time.sleep(0.01)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, clean(err)) == (130, True), err
    with open_trace(tmp_path / "t.h5") as trace:
        assert trace.status == "interrupted"
        assert trace.content_digest() == trace.attribute("content_digest")


def shell(folder: Path, text: str) -> tuple[int, str]:
    """Run a line of shell in which QNETSIM stands for the command; returns status and stderr."""
    line = text.replace("QNETSIM", f"{sys.executable} -m qnetsim")
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("output", ["policies", "policies --json", "--help", "topologies nsfnet"])
@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("(QNETSIM {} ; echo status $? >&2) | true", 0, ""),
        ("QNETSIM {} >&-", 3, "error: the output cannot be written"),
        ("QNETSIM {} 2>&- >/dev/null", 0, ""),
        ("QNETSIM {} >/dev/full", 3, "error: the output cannot be written"),
        ("QNETSIM {} >/dev/full 2>/dev/full", 3, ""),
        ("QNETSIM {} <&- >&- 2>&-", 3, ""),
    ],
)
def test_closed_streams(output: str, line: str, status: int, said: str, tmp_path: Path) -> None:
    found, err = shell(tmp_path, line.format(output))
    assert clean(err), err
    assert found == status
    assert said in err
    assert len(err.splitlines()) <= 1


def test_a_reader_that_goes_early_is_a_failure_without_a_word(tmp_path: Path) -> None:
    """The reader is gone before the command writes its first line."""
    for command in ("scenario schema", "policies", "policies --json", "--help"):
        line = f"(sleep 0.2; QNETSIM {command}; echo status $? >&2) | true"
        assert shell(tmp_path, line)[1] == "status 3\n", command


def test_an_error_without_stderr_keeps_its_status(tmp_path: Path) -> None:
    assert shell(tmp_path, "QNETSIM nonsense 2>&-") == (2, "")
    assert shell(tmp_path, f"QNETSIM verify {__file__} 2>&-") == (3, "")


def test_a_run_with_closed_streams_writes_a_whole_trace(tmp_path: Path) -> None:
    """The trace does not get the number of stdout, into which libraries print."""
    line = f"QNETSIM run {NSFNET} -p sip --slots 50 -o t.h5 <&- >&- 2>&-"
    assert shell(tmp_path, line)[0] == 3
    with open_trace(tmp_path / "t.h5") as trace:
        assert trace.status == "complete"
        assert trace.content_digest() == trace.attribute("content_digest")
