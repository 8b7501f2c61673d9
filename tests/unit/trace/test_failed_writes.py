"""A write that fails costs the slots after the last commit, and the run goes on from there."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from qnetsim.case import open_case
from qnetsim.errors import TraceError
from qnetsim.replay.record import record_world
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable
from qnetsim.trace import open_trace, open_world
from tests.support.helpers import nsfnet
from tests.support.processes import wait_until

RANDOM = PolicyTable(name="random")
SPEC = nsfnet(run__slots="6000", demand__requests="20")


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """No file of this process grows beyond ``size`` bytes, as under ``ulimit -f``."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate(SPEC, RANDOM, tmp_path_factory.mktemp("whole") / "whole.h5")


def content(path: Path) -> str:
    with open_trace(path) as trace:
        assert trace.status == "complete"
        assert trace.content_digest() == trace.attribute("content_digest")
        return trace.content_digest()


def goes_on(path: Path, whole: Path, slots: int) -> None:
    """What is there holds these slots, and becomes the whole trace."""
    with open_trace(path) as trace:
        assert trace.slots == slots
        assert trace.status in {"failed", "incomplete"}
        if trace.status == "failed":
            assert trace.content_digest() == trace.attribute("content_digest")
    simulate(SPEC, RANDOM, path, resume=True)
    assert content(path) == content(whole)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("share", [0.3, 0.5, 0.97])
def test_a_size_limit_keeps_every_committed_slot(share: float, whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.h5"
    limit = int(share * whole.stat().st_size)
    with files_of_at_most(limit), pytest.raises(TraceError) as caught:
        simulate(SPEC, RANDOM, path)
    text = str(caught.value)
    assert "File too large" in text
    assert "and resume=True" in text
    with open_trace(path) as trace:
        slots = trace.slots
    assert f"; {slots:,} slots are safe in it" in text
    # what fits is kept, but for the blocks that were to be written together
    assert slots >= (share - 0.4) * 6000
    goes_on(path, whole, slots)


def test_a_trace_that_cannot_be_completed_goes_on(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "t.h5"
    monkeypatch.setattr("qnetsim.trace.hdf5.staged.write_at", full)
    with pytest.raises(TraceError, match=r"completed: No space .*; 6,000 slots are safe in it"):
        simulate(SPEC, RANDOM, path)
    monkeypatch.undo()
    goes_on(path, whole, 6000)


def test_a_limit_that_leaves_room_for_nothing_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "t.h5"
    with files_of_at_most(10_000), pytest.raises(TraceError, match=r"created: File too large"):
        simulate(SPEC, RANDOM, path)
    assert list(tmp_path.iterdir()) == []


def test_a_resumed_run_that_fails_keeps_what_was_there(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.h5"
    limit = int(0.7 * whole.stat().st_size)
    with files_of_at_most(limit), pytest.raises(TraceError):
        simulate(SPEC, RANDOM, path)
    before = path.read_bytes()
    with files_of_at_most(limit // 2), pytest.raises(TraceError, match="that is there stays"):
        simulate(SPEC, RANDOM, path, resume=True)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["t.h5"]


def test_a_folder_that_vanishes_is_put_back(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "today"
    path = folder / "t.h5"
    seen: list[int] = []

    def remove(slots: int) -> None:
        seen.append(slots)
        if path.exists() and sum(seen) > 3000:
            shutil.rmtree(folder.parent)

    with pytest.raises(TraceError, match="was removed while it was written; it is there again"):
        simulate(SPEC, RANDOM, path, progress=remove)
    with open_trace(path) as trace:
        slots = trace.slots
    goes_on(path, whole, slots)


def test_a_folder_that_vanishes_at_the_end_is_put_back(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "runs" / "t.h5"
    left = [6000]

    def remove(slots: int) -> None:
        left[0] -= slots
        if not left[0]:
            # the file must not get its name while what is in the folder is removed
            assert wait_until(path.exists)
            shutil.rmtree(path.parent)

    try:
        simulate(SPEC, RANDOM, path, progress=remove)
    except TraceError:  # the last block was not written yet: a matter of time
        simulate(SPEC, RANDOM, path, resume=True)
    assert content(path) == content(whole)


def test_a_file_that_takes_the_name_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "t.h5"

    def replace(slots: int) -> None:
        (tmp_path / "other").write_text("precious")
        (tmp_path / "other").replace(path)

    with pytest.raises(TraceError, match="another file has its name"):
        simulate(SPEC, RANDOM, path, progress=replace)
    assert path.read_text() == "precious"
    assert [p.name for p in tmp_path.iterdir()] == ["t.h5"]


def test_a_world_that_cannot_be_written_says_how_to_go_on(tmp_path: Path) -> None:
    case = open_case(SPEC)
    path = tmp_path / "w.h5"
    record_world(case, path)
    limit = path.stat().st_size - 2000
    with files_of_at_most(limit), pytest.raises(TraceError, match="go on with the same command"):
        record_world(case, tmp_path / "v.h5")
    with open_world(tmp_path / "v.h5") as world:
        assert world.status in {"failed", "incomplete"}
        assert 0 < world.slots <= 6000
