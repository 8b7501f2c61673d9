"""Worker processes end with their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path

import pytest

from qnetsim import last_message
from qnetsim.interrupt import Interrupted
from qnetsim.runs import workers
from qnetsim.runs.batch import run_policies
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable
from qnetsim.trace import open_trace
from qnetsim.world.demand import Levels
from tests.support import ROOT
from tests.support.helpers import nsfnet
from tests.support.processes import alive, descendants, killed_at_end

CODE = """
from pathlib import Path
from qnetsim.runs.batch import run_policies
from qnetsim.scenario import PolicyTable
from tests.support.helpers import nsfnet
if __name__ == "__main__":
    spec = nsfnet(run__slots="40000000", run__replications="2")
    run_policies(spec, [PolicyTable(name="evf")], Path({out!r}), workers=2)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc on this system")
def test_workers_of_a_killed_parent_end_and_leave_readable_traces(tmp_path: Path) -> None:
    script = tmp_path / "many.py"
    script.write_text(CODE.format(out=str(tmp_path / "out")))
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen([sys.executable, str(script)], cwd=ROOT, env=environment)
    with killed_at_end(parent):
        traces = [tmp_path / "out" / f"evf-r{r:03d}.h5" for r in range(2)]
        # the first run of a tree compiles the kernel
        deadline = time.monotonic() + 240
        while not all(path.exists() for path in traces) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert all(path.exists() for path in traces)
        workers = descendants(parent.pid)
        assert len(workers) >= 2
    deadline = time.monotonic() + 10
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.1)
    left = [number for number in workers if alive(number)]
    for number in left:
        os.kill(number, signal.SIGKILL)
    assert not left
    for path in traces:
        with open_trace(path) as trace:
            assert trace.status in {"interrupted", "incomplete"}


ALIKE = """
import sys, threading
from multiprocessing import get_context
from pathlib import Path
from qnetsim.runs import worker_processes
from qnetsim.runs.batch import run_policies
from qnetsim.trace import open_trace
from tests.support.helpers import nsfnet

def digests(name, count):
    spec = nsfnet(run__slots="40", run__replications="3")
    paths = run_policies(spec, ["sip", "fedsac"], Path(name), workers=count)
    found = []
    for path in paths:
        with open_trace(path) as trace:
            found.append((path.name, trace.content_digest()))
    return found

if __name__ == "__main__":
    one = digests("one", 1)
    kinds = [worker_processes.context_for("qnetsim.runs.batch").get_start_method()]
    assert digests("forked", 2) == one
    stop = threading.Event()
    other = threading.Thread(target=stop.wait)
    other.start()
    kinds.append(worker_processes.context_for("qnetsim.runs.batch").get_start_method())
    assert digests("served", 2) == one
    stop.set()
    print(*kinds, len(one))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux only")
def test_forked_workers_give_what_one_process_gives(tmp_path: Path) -> None:
    script = tmp_path / "alike.py"
    script.write_text(ALIKE)
    threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | threads,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert done.stdout.split() == ["fork", "forkserver", "6"]


def test_a_world_is_drawn_once_for_all_policies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []
    draw = Levels.draw

    def counted(self: Levels, number: int, count: int) -> object:
        drawn.append(number)
        return draw(self, number, count)

    monkeypatch.setattr(Levels, "draw", counted)
    spec = nsfnet(run__slots="40", run__replications="2")
    paths = run_policies(spec, ["sip", "evf"], tmp_path)
    assert drawn == [0, 0]
    names = ["sip-r000.h5", "sip-r001.h5", "evf-r000.h5", "evf-r001.h5"]
    assert [path.name for path in paths] == names


DRAWN = """
import os
from pathlib import Path
from qnetsim.runs import batch
from qnetsim.runs.batch import run_policies
from qnetsim.world.demand import Levels
from tests.support.helpers import nsfnet

def noted(function, what):
    def call(*given):
        with open("calls", "a") as file:
            file.write(f"{what} {os.getpid()}\\n")
        return function(*given)
    return call

if __name__ == "__main__":
    Levels.draw = noted(Levels.draw, "drawn")
    batch.open_case = noted(batch.open_case, "opened")
    spec = nsfnet(run__slots="40", run__replications="8")
    run_policies(spec, ["sip", "evf", "random"], Path("out"), workers=2)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux only")
def test_a_world_is_drawn_by_one_worker(tmp_path: Path) -> None:
    """But for the last one, which both share, and perhaps the first; each opens one case."""
    script = tmp_path / "drawn.py"
    script.write_text(DRAWN)
    threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | threads
    subprocess.run([sys.executable, str(script)], cwd=tmp_path, env=environment, check=True)
    calls = (tmp_path / "calls").read_text().split("\n")[:-1]
    assert len({call.split()[1] for call in calls}) == 2
    assert 8 <= sum(call.startswith("drawn") for call in calls) <= 10
    assert sum(call.startswith("opened") for call in calls) == 2


class CountedLock:
    """Counts how often it is taken, all locks together."""

    taken = 0

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.release = self._lock.release

    def acquire(self, *given: bool) -> bool:
        CountedLock.taken += 1
        return self._lock.acquire(*given)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *error: object) -> None:
        self.release()


def test_jobs_that_wait_are_not_asked_again_whenever_one_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(CountedLock, "taken", 0)
    futures: list[Future[int]] = [Future() for _ in range(200)]
    for future in futures:
        future._condition = threading.Condition(CountedLock())  # type: ignore[arg-type]
    left = iter(futures)
    next(left).set_result(0)
    told = []

    def finished(future: Future[int]) -> None:
        told.append(future)
        if (following := next(left, None)) is not None:
            following.set_result(0)

    workers._await(futures, lambda: None, finished)
    assert told == futures
    assert len(futures) <= CountedLock.taken <= 10 * len(futures)


def test_what_was_there_before_is_not_the_work_of_a_job_that_was_stopped(tmp_path: Path) -> None:
    """By --force it would have been replaced; until then it stands as it was."""
    path = tmp_path / "sip-r000.h5"
    simulate(nsfnet(run__slots="5"), PolicyTable(name="sip"), path)
    stopped: Future[object] = Future()
    stopped.set_exception(Interrupted(signal.SIGINT))
    last_message.note_command("go on", anew="begin anew")
    workers._note(stopped, path, workers._written(path))
    said = last_message.ending(signal.SIGINT)
    assert said == f"interrupted (SIGINT): nothing was written to {path}; begin anew"
    workers._note(stopped, path, None)  # made by this command
    assert f"1 trace complete: {path}" in last_message.ending(signal.SIGINT)
    last_message.forget_files()
