"""Where files are written: links that lie in wait are not followed, and nothing is left over."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from qnetsim.errors import BeingWrittenError, TraceError
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable
from qnetsim.trace import TraceHeader, TraceWriter, open_trace
from qnetsim.trace.hdf5.files import fresh_place, only_writer, replacing
from qnetsim.trace.new_trace import NewTrace
from qnetsim.trace.whole_writer import WholeTraceWriter
from tests.support import ROOT
from tests.support.helpers import nsfnet

EVF = PolicyTable(name="evf")


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    path = tmp_path / "precious"
    path.write_text("years of work")
    return path


def test_links_beside_a_trace_are_not_followed(tmp_path: Path, precious: Path) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    for name in (".v.h5.part", ".v.h5.tmp", ".v.h5.0.part"):
        (folder / name).symlink_to(precious)
    path = simulate(nsfnet(run__slots="5"), EVF, folder / "v.h5")
    with open_trace(path) as trace:
        assert trace.status == "complete"
    assert precious.read_text() == "years of work"
    left = {entry.name for entry in folder.iterdir() if not entry.is_symlink()}
    assert left == {"v.h5"}


def test_a_link_in_place_of_the_lock_is_refused(tmp_path: Path, precious: Path) -> None:
    (tmp_path / ".v.h5.lock").symlink_to(precious)
    with pytest.raises(TraceError, match="cannot be created"):
        simulate(nsfnet(run__slots="5"), EVF, tmp_path / "v.h5")
    assert precious.read_text() == "years of work"
    assert not (tmp_path / "v.h5").exists()


def test_a_file_system_without_locks_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(handle: int, kind: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(TraceError, match=r"v\.h5: its file system cannot lock files \(No locks"):
        simulate(nsfnet(run__slots="5"), EVF, tmp_path / "v.h5")
    assert not list(tmp_path.iterdir())


def test_names_of_unfinished_files_cannot_be_foreseen(tmp_path: Path) -> None:
    places = [fresh_place(tmp_path / "a.h5") for _ in range(20)]
    assert len({place.name for place in places}) == 20
    assert all(place.stat().st_size == 0 for place in places)
    mask = tmp_path / "other"
    mask.touch()
    assert {place.stat().st_mode for place in places} == {mask.stat().st_mode}


def test_what_a_killed_writer_left_goes_with_the_next_write_of_that_name(tmp_path: Path) -> None:
    """Killed ahead of its first commit, a writer leaves a lock and a file without a name."""
    path = tmp_path / "v.h5"
    killed = (
        "import os, signal\n"
        "from tests.support.helpers import nsfnet\n"
        "from qnetsim.runs.simulate import simulate\n"
        "from qnetsim.scenario import PolicyTable\n"
        "from qnetsim.trace import TraceWriter\n"
        "TraceWriter.append = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"simulate(nsfnet(run__slots='1025'), PolicyTable(name='evf'), {str(path)!r})\n"
    )
    run = subprocess.run([sys.executable, "-c", killed], cwd=ROOT, capture_output=True)
    assert run.returncode == -signal.SIGKILL
    left = {entry.name for entry in tmp_path.iterdir()}
    assert len(left) == 2
    assert ".v.h5.lock" in left
    theirs = {".w.h5.0123456789abcdef.part", ".v.h5.part", ".v.h5.0123456789abcdef.part.txt"}
    for name in theirs:
        (tmp_path / name).write_text("years of work")
    folder = tmp_path / ".v.h5.0123456789abcdef.part"
    folder.mkdir()
    simulate(nsfnet(run__slots="5"), EVF, path)
    assert {entry.name for entry in tmp_path.iterdir()} == {"v.h5", folder.name} | theirs


def test_nothing_of_a_living_writer_goes(tmp_path: Path) -> None:
    path = tmp_path / "v.h5"
    with only_writer(path) as left:
        assert not left
        place = fresh_place(path)
        with pytest.raises(BeingWrittenError):
            simulate(nsfnet(run__slots="5"), EVF, path)
        assert place.exists()


def test_a_folder_that_was_removed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder that one stands in is still there to look at, but no file can be made in it."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with (
        pytest.raises(TraceError, match=r"v\.h5: cannot be created: No such file"),
        only_writer(Path("v.h5")),
    ):
        pytest.fail("it held the right to write a file that cannot be made")


@pytest.mark.parametrize("error", [OSError("no"), KeyboardInterrupt(), ZeroDivisionError()])
def test_what_is_not_finished_is_removed(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "plan.h5"
    expected = TraceError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected), replacing(path, force=False) as fresh:
        fresh.write_text("half")
        raise error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("writer", "slots"), [(WholeTraceWriter, "5"), (TraceWriter, "1025")])
@pytest.mark.parametrize("name", ["v.h5", "v.h5.sig"])
def test_what_came_there_while_the_first_slots_were_simulated_stays(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    writer: type[NewTrace],
    slots: str,
) -> None:
    """A file has its name only with its first slots; until then others may take it."""
    honest = writer._create

    def create(self: NewTrace, header: TraceHeader) -> None:
        (tmp_path / name).write_text("years of work")
        honest(self, header)

    monkeypatch.setattr(writer, "_create", create)
    with pytest.raises(TraceError, match=f"{name}: another file has its name"):
        simulate(nsfnet(run__slots=slots), EVF, tmp_path / "v.h5")
    assert (tmp_path / name).read_text() == "years of work"
    assert [entry.name for entry in tmp_path.iterdir()] == [name]
