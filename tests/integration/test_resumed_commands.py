"""What was interrupted goes on by the same command with --resume, to the same digests."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import pytest

from qnetsim.cli import _run
from qnetsim.trace import open_trace, open_world
from tests.support import ROOT
from tests.support.commands import call

TINY = str(ROOT / "scenarios" / "tiny.toml")
COMPARE = ("compare", TINY, "-p", "sip", "-p", "evf", "--replications", "2", "--slots", "3000")


def cut_short(path: Path, slots: int) -> None:
    """Leave a file as a kill after so many slots would."""
    with h5py.File(path, "r+") as file:
        file["committed_slots"][...] = slots
        file.attrs["status"] = "incomplete"
        for name in ("content_digest", "file_digest", "world_digest"):
            file.attrs[name] = ""


def contents(folder: Path) -> dict[str, str]:
    found = {}
    for path in sorted(folder.glob("*.h5")):
        with open_trace(path) as trace:
            assert trace.status == "complete"
            found[path.name] = trace.content_digest()
    return found


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    assert _run([*COMPARE, "-o", str(folder)]) == 0
    return folder


@pytest.fixture
def whole(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A finished comparison of the test's own."""
    folder = tmp_path / "whole"
    shutil.copytree(finished, folder)
    capsys.readouterr()  # what the comparison said
    return folder


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_comparison_goes_on(
    workers: str, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    part = tmp_path / "part"
    shutil.copytree(whole, part)
    for path in (part / "report.html", part / "evf-r001.h5"):
        path.unlink()
    cut_short(part / "evf-r000.h5", 1024)
    kept = {name: (part / name).stat() for name in ("sip-r000.h5", "sip-r001.h5")}
    code, _, err = call(capsys, *COMPARE, "-o", str(part))
    assert code == 2
    assert "exists already" in err
    code, _out, err = call(capsys, *COMPARE, "-o", str(part), "--resume", "--workers", workers)
    assert code == 0, err
    assert contents(part) == contents(whole)
    assert (part / "report.html").exists()
    for name, before in kept.items():
        after = (part / name).stat()
        assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_resuming_verifies_what_is_complete(
    whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with h5py.File(whole / "sip-r000.h5", "r+") as file:
        served = file["slots/served"]
        served[0] = served[0] + 1
    code, _, err = call(capsys, *COMPARE, "-o", str(whole), "--resume")
    assert code == 3
    assert "sip-r000.h5: is complete, and its content digest does not fit" in err


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        (("--seed", "7"), "the scenario differs"),
        (("-p", "sip:formulation=full,label=evf"), "policy.name is 'evf' there and 'sip' here"),
    ],
)
def test_other_settings_are_not_mixed_in(
    changed: tuple[str, ...], what: str, whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = (*COMPARE[:2], *changed, *COMPARE[6:]) if changed[0] == "-p" else (*COMPARE, *changed)
    before = {path: path.read_bytes() for path in whole.glob("*.h5")}
    code, _, err = call(capsys, *command, "-o", str(whole), "--resume")
    assert code == 2
    assert what in err
    assert {path: path.read_bytes() for path in whole.glob("*.h5")} == before


def test_replays_of_a_comparison_go_on(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "more"
    command = ("compare", str(whole), "-p", "random", "-o", str(out))
    assert call(capsys, *command)[0] == 0
    before = contents(out)
    cut_short(out / "random-r001.h5", 1024)
    code, _, err = call(capsys, *command, "--resume")
    assert code == 0, err
    assert contents(out) == before


def test_a_replay_goes_on(whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "r.h5"
    command = ("replay", str(whole / "sip-r000.h5"), "-p", "random", "-o", str(out))
    assert call(capsys, *command)[0] == 0
    before = contents(tmp_path)
    cut_short(out, 1024)
    assert call(capsys, *command)[0] == 2
    assert call(capsys, *command, "--resume")[0] == 0
    assert contents(tmp_path) == before
    other = ("replay", str(whole / "sip-r000.h5"), "-p", "evf", "-o", str(out), "--resume")
    code, _, err = call(capsys, *other)
    assert code == 2
    assert "the policy differs" in err


def test_a_recorded_world_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "w.h5"
    command = ("demand", TINY, "--slots", "3000", "-o", str(out))
    assert call(capsys, *command)[0] == 0
    with open_world(out) as world:
        before = world.content_digest(), world.attribute("world_digest")
    stood = out.stat().st_mtime_ns
    code, shown, _ = call(capsys, *command, "--resume")
    assert code == 0
    assert before[1] in shown
    assert out.stat().st_mtime_ns == stood
    cut_short(out, 1024)
    assert call(capsys, *command, "--resume")[0] == 0
    with open_world(out) as world:
        assert world.status == "complete"
        assert (world.content_digest(), world.attribute("world_digest")) == before
    code, _, err = call(capsys, *command, "--seed", "9", "--resume")
    assert code == 2
    assert "the scenario differs" in err
    code, _, err = call(capsys, "demand", TINY, "-o", str(tmp_path / "w.csv"), "--resume")
    assert code == 2
    assert "appears whole or not at all" in err
    code, _, err = call(capsys, "run", TINY, "-p", "sip", "-o", str(out), "--resume")
    assert code in {2, 3}
    assert "recorded world" in err


def test_a_page_that_is_no_report_is_kept(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (whole / "report.html").write_text("mine")
    code, _, err = call(capsys, *COMPARE, "-o", str(whole), "--resume")
    assert code == 2
    assert "report.html: exists already" in err
    (whole / "report.html").unlink()
    (whole / "figures" / "mine.svg").write_text("mine")
    code, _, err = call(capsys, *COMPARE, "-o", str(whole), "--resume")
    assert code == 2
    assert "figures: exists already" in err
    assert (whole / "figures" / "mine.svg").read_text() == "mine"


def test_what_is_no_trace_is_not_resumed(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (whole / "sip-r000.h5").write_bytes(b"")
    code, _, err = call(capsys, *COMPARE, "-o", str(whole), "--resume")
    assert code == 3
    assert "one goes on with a trace alone: move or remove this file first" in err
    assert "--resume" not in err


def test_resume_and_force_contradict_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (("run", TINY, "-p", "sip"), ("compare", TINY), ("demand", TINY)):
        code, _, err = call(capsys, *command, "--resume", "--force")
        assert code == 2
        assert "give one of them" in err
