"""fsync at commits and when files take their names, and never unasked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable
from qnetsim.trace import TraceWriter, open_trace
from qnetsim.trace.hdf5.files import write_whole
from tests.support.helpers import nsfnet

EVF = PolicyTable(name="evf")


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was synced, in order: the suffix of a file, or ``folder``."""
    found: list[str] = []
    fsync = os.fsync

    def note(handle: int) -> None:
        fsync(handle)
        name = Path(f"/proc/self/fd/{handle}").readlink()
        found.append("folder" if name.is_dir() else name.suffix)

    monkeypatch.setattr(os, "fsync", note)
    return found


def test_every_commit_waits_for_the_disk(
    tmp_path: Path, synced: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    commits: list[int] = []
    append = TraceWriter.append

    def counted(self: TraceWriter, blocks: list) -> None:
        before = len(synced)
        append(self, blocks)
        commits.append(len(synced) - before)

    monkeypatch.setattr(TraceWriter, "append", counted)
    path = simulate(nsfnet(run__slots="4000"), EVF, tmp_path / "t.h5", durable=True)
    # the rows, then the count of slots; with the first ones the name
    assert commits == [3] + [2] * (len(commits) - 1)
    assert synced[:3] == [".part", ".part", "folder"]
    # every other commit; its completion
    assert synced[3:] == [".h5"] * (2 * (len(commits) - 1) + 1)
    with open_trace(path) as trace:
        assert trace.status == "complete"


def test_a_resumed_trace_is_on_the_disk_before_it_replaces_the_first(
    tmp_path: Path, synced: list[str]
) -> None:
    spec = nsfnet(run__slots="4000")
    path = tmp_path / "t.h5"

    def stop(slots: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(spec, EVF, path, progress=stop)
    assert not synced
    simulate(spec, EVF, path, resume=True, durable=True)
    at = synced.index("folder")
    assert set(synced[:at]) == {".part"}
    assert set(synced[at + 1 :]) == {".h5"}


def test_small_files_are_on_the_disk_before_they_have_their_names(
    tmp_path: Path, synced: list[str]
) -> None:
    write_whole(tmp_path / "a.md", "text")
    assert not synced
    write_whole(tmp_path / "a.md", "other", durable=True)
    assert synced == [".part", "folder"]
    assert (tmp_path / "a.md").read_text() == "other"


def test_nothing_waits_unasked(tmp_path: Path, synced: list[str]) -> None:
    simulate(nsfnet(run__slots="100"), EVF, tmp_path / "t.h5")
    assert not synced
