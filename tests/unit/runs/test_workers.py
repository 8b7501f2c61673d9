"""Worker processes end with their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qnetsim.trace import open_trace
from tests.support import ROOT
from tests.support.processes import alive, descendants

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
    with subprocess.Popen([sys.executable, str(script)], cwd=ROOT, env=environment) as parent:
        traces = [tmp_path / "out" / f"evf-r{r:03d}.h5" for r in range(2)]
        deadline = time.monotonic() + 60
        while not all(path.exists() for path in traces) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert all(path.exists() for path in traces)
        workers = descendants(parent.pid)
        assert len(workers) >= 2
        parent.send_signal(signal.SIGKILL)
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
