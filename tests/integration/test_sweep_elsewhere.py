"""``qnetsim sweep`` on a Dask cluster of loopback, and by Snakemake: the same digests."""

from __future__ import annotations

import contextlib
import csv
import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qnetsim.studies.sweep.manifest_file import read_manifest
from tests.support import ROOT
from tests.support.commands import call, data
from tests.support.processes import ENVIRONMENT, descendants, start, wait_until
from tests.support.sweeps import GATED, SMALL, written

dask = pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None,
    reason="Dask is not installed (qnetsim[dask])",
)
snakemake = pytest.mark.skipif(
    importlib.util.find_spec("snakemake") is None, reason="Snakemake is not installed"
)
GATED_SWEEP = SMALL.replace('["sip", "evf"]', '["sip", "mine.py:Gated:level=2,label=gated"]')
GATED_SWEEP = GATED_SWEEP.replace("slots = 20", "slots = 4000")


class Cluster:
    """One scheduler and two workers, each a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.gate = folder / "gate"
        self.gate.mkdir()
        self.environment = {**ENVIRONMENT, "GATE": str(self.gate)}
        self.processes: list[subprocess.Popen[bytes]] = []
        self.address = ""

    def start(self) -> None:
        """Start all, and wait until both workers are registered."""
        self._start("scheduler", "--port", "0")
        assert wait_until(self._addressed)
        for _ in range(2):
            self._start("worker", "--nthreads", "1")
        self.wait_for_workers()

    def wait_for_workers(self, but: int = 0) -> None:
        """Wait until the scheduler has two workers, and none is the process that was killed.

        A client that comes earlier may have its jobs queued at a worker that is busy, and the
        worker that comes later then gets none.
        """
        from distributed import Client

        with Client(self.address, timeout=60, set_as_default=False) as client:

            def both_are_there() -> bool:
                pids = client.run(os.getpid, on_error="ignore").values()
                return len(set(pids)) == 2 and but not in pids

            assert wait_until(both_are_there)

    def _addressed(self) -> bool:
        # the file is there before its contents are
        with contextlib.suppress(OSError, ValueError):
            self.address = json.loads((self.folder / "scheduler.json").read_text())["address"]
        return bool(self.address)

    def _start(self, *words: str) -> None:
        common = ["--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0"]
        common += ["--scheduler-file", "scheduler.json"]
        process = subprocess.Popen(
            [sys.executable, "-m", "dask", *words, *common],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.processes.append(process)

    def entered(self) -> set[int]:
        """Processes that are in the middle of a gated job, or were."""
        return {int(path.name) for path in self.gate.iterdir() if path.name.isdecimal()}

    def stop(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def table(folder: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    data(capsys, "sweep", "collect", str(folder))
    with (folder / "table.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def run_here(folder: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    """The table of the same study by a pool of this machine."""
    sweep = str(folder / "study.toml")
    data(capsys, "sweep", "run", sweep, "--folder", str(folder / "here"), "--workers", "1")
    return table(folder / "here", capsys)


def complete_once(folder: Path) -> None:
    manifest = read_manifest(folder)
    done = {f"{job.digest}.h5" for job in manifest.jobs if job.kind == "run"}
    traces = {path.name for path in (folder / "traces").glob("*.h5")}
    assert traces == done


@dask
def test_a_dask_cluster_loses_a_worker_and_its_client_and_all_results_are_there_once(
    tmp_path: Path,
    cluster: Cluster,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "mine.py").write_text(GATED)
    written(tmp_path, GATED_SWEEP)
    line = ("sweep", "run", "study.toml", "--folder", "there", "--scheduler", cluster.address)
    more: dict[str, Any] = {"env": cluster.environment}
    client = start(tmp_path, *line, **more)
    assert wait_until(lambda: len(cluster.entered()) == 2)
    # the client, in the middle of two jobs
    client.kill()
    client.communicate(timeout=60)
    before = cluster.entered()
    # a worker, in the middle of a job that nobody waits for; its nanny starts another one
    os.kill(min(before), signal.SIGKILL)
    cluster.wait_for_workers(but=min(before))
    again = start(tmp_path, *line, "--json", **more)
    # and that one, in the middle of a job that the new client waits for; or the other one, where
    # Dask has them all wait for a worker that still does a job of the dead client
    wait_until(lambda: len(cluster.entered() - before) == 1, 20)
    os.kill(min(cluster.entered() - before, default=max(before)), signal.SIGKILL)
    (cluster.gate / "open").touch()
    out, err = again.communicate(timeout=180)
    assert again.returncode == 0, err
    found = json.loads(out)
    assert found["failed"] == 0
    assert found["done"] + found["kept"] == len(read_manifest(tmp_path / "there").jobs)
    complete_once(tmp_path / "there")
    monkeypatch.setenv("GATE", str(cluster.gate))
    assert table(tmp_path / "there", capsys) == run_here(tmp_path, capsys)


@dask
@pytest.mark.slow
def test_a_scheduler_that_dies_is_one_error(tmp_path: Path, cluster: Cluster) -> None:
    (tmp_path / "mine.py").write_text(GATED)
    written(tmp_path, GATED_SWEEP)
    client = start(
        *(tmp_path, "sweep", "run", "study.toml", "--scheduler", cluster.address),
        env=cluster.environment,
    )
    assert wait_until(lambda: len(cluster.entered()) == 2)
    cluster.processes[0].kill()
    _, err = client.communicate(timeout=60)
    assert client.returncode == 3
    told = "error: the Dask scheduler is gone; what is done stands, run the sweep again"
    assert [line for line in err.splitlines() if line.strip()][-1:] == [told]
    assert "Traceback" not in err and " - ERROR - " not in err


@dask
@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="asks Linux for open ports")
def test_started_as_the_page_says_a_cluster_listens_on_loopback_alone(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "reference" / "sweep.md").read_text("utf-8").replace("\\\n", "")
    lines = [line.split() for line in page.splitlines() if line.startswith("dask ")]
    assert [line[1] for line in lines] == ["scheduler", "worker"]
    assert all("--dashboard-address" in line for line in lines)
    processes = []
    try:
        for line in lines:
            words = [word.replace(":8786", ":18786").replace(":8787", ":0") for word in line[1:]]
            words = ["18786" if word == "8786" else word for word in words]
            processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "dask", *words],
                    cwd=tmp_path,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            )
        # scheduler, two nannies, two workers: each with a port, and all but nannies a dashboard
        everybody = [process.pid for process in processes]
        assert wait_until(lambda: len(listening(everybody)) >= 8, 60)
        assert {address for address, _ in listening(everybody)} == {"0100007F"}
    finally:
        for process in processes:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def listening(pids: list[int]) -> set[tuple[str, str]]:
    """Addresses and ports, as Linux writes them, that processes and their children listen on."""
    sockets = set()
    family = [*pids, *(child for pid in pids for child in descendants(pid))]
    for pid in family:
        for handle in Path(f"/proc/{pid}/fd").glob("*"):
            with contextlib.suppress(OSError):
                sockets.add(str(handle.readlink()))
    found = set()
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            cells = line.split()
            if cells[3] == "0A" and f"socket:[{cells[9]}]" in sockets:
                address, port = cells[1].split(":")
                found.add((address, port))
    return found


@dask
def test_a_scheduler_that_is_none_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from qnetsim.studies.sweep import dask_crew

    monkeypatch.setattr(dask_crew, "CONNECT_S", 0.5)
    sweep = str(written(tmp_path))
    for address, words in (
        ("127.0.0.1:8786", "write tcp://HOST:PORT"),
        ("tcp://127.0.0.1", "write tcp://HOST:PORT"),
        ("tcp://127.0.0.1:1", "no scheduler answers"),
    ):
        folder = str(tmp_path / "out")
        code, _, err = call(
            capsys, "sweep", "run", sweep, "--folder", folder, "--scheduler", address
        )
        assert code == 2
        assert words in err
        assert "Traceback" not in err


def test_without_dask_the_extra_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qnetsim.extras._is_there", lambda package: False)
    sweep = str(written(tmp_path))
    code, _, err = call(
        *(capsys, "sweep", "run", sweep, "--folder", str(tmp_path / "out")),
        *("--scheduler", "tcp://127.0.0.1:1"),
    )
    assert code == 2
    assert 'pip install "qnetsim[dask]"' in err


@pytest.mark.parametrize(
    ("address", "open_"),
    [
        ("tcp://127.0.0.1:8786", False),
        ("tcp://[::1]:8786", False),
        ("tcp://localhost:8786", False),
        ("tls://node7:8786", False),
        ("tcp://node7:8786", True),
        ("tcp://10.0.0.7:8786", True),
    ],
)
def test_a_scheduler_beyond_this_machine_without_encryption_is_warned_of(
    address: str, open_: bool
) -> None:
    from qnetsim.studies.sweep.dask_crew import is_open

    assert is_open(address) is open_


@snakemake
@pytest.mark.slow
def test_snakemake_gives_the_same_digests(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = str(written(tmp_path))
    folder = tmp_path / "snake"
    data(capsys, "sweep", "plan", sweep, "--folder", str(folder), "--no-estimate")
    qnetsim = tmp_path / "bin" / "qnetsim"
    qnetsim.parent.mkdir()
    qnetsim.write_text(f'#!/bin/sh\nexec {sys.executable} -m qnetsim "$@"\n')
    qnetsim.chmod(0o755)
    line: dict[str, Any] = {
        "args": [sys.executable, "-m", "snakemake", "--cores", "2", "--config", "shards=2"],
        "cwd": folder,
        "env": {**ENVIRONMENT, "PATH": f"{qnetsim.parent}:{os.environ['PATH']}"},
        "capture_output": True,
        "text": True,
        "timeout": 300,
    }
    done = subprocess.run(**line)
    assert done.returncode == 0, done.stderr
    complete_once(folder)
    with (folder / "table.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == run_here(tmp_path, capsys)
    # one value more: the same command does what is new
    written(tmp_path, SMALL.replace("[5, 8]", "[5, 8, 9]"))
    data(capsys, "sweep", "plan", sweep, "--folder", str(folder), "--no-estimate")
    again = subprocess.run(**line)
    assert again.returncode == 0, again.stderr
    with (folder / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == ["complete"] * 12


@dask
def test_tls_without_certificates_is_refused_at_once_with_the_keys_to_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path)
    code, _, err = call(capsys, "sweep", "run", "study.toml", "--scheduler", "tls://127.0.0.1:1")
    assert code == 2
    assert "TLS needs certificates" in err
    assert "distributed.comm.tls.ca-file, .client.cert and .client.key" in err
    assert "Traceback" not in err
    import dask as configured

    places = ("ca-file", "client.cert", "client.key")
    with configured.config.set({f"distributed.comm.tls.{place}": "no.pem" for place in places}):
        code, _, err = call(
            capsys, "sweep", "run", "study.toml", "--scheduler", "tls://127.0.0.1:1"
        )
    assert code == 2
    assert "certificates cannot be read" in err
