"""``qnetsim explain`` as a user meets it, and as the page of traces shows it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.commands import call, data

PAGE = ROOT / "docs" / "background" / "traces.md"


@pytest.fixture
def trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    monkeypatch.chdir(tmp_path)
    code, _, err = call(capsys, *told("qnetsim run"))
    assert code == 0, err
    return "t.h5"


def told(command: str) -> list[str]:
    """Arguments of the command that the page shows."""
    line = re.search(rf"^    ({command} .*)$", PAGE.read_text("utf-8"), re.M)
    assert line
    return line[1].split()[1:]


def test_the_page_shows_what_the_command_prints(
    trace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = re.search(r"<!-- explain -->\n```\n(.*?)```", PAGE.read_text("utf-8"), re.S)
    assert shown
    code, out, _ = call(capsys, *told("qnetsim explain"))
    assert (code, out) == (0, shown[1])


def test_json_says_the_same(trace: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = data(capsys, "explain", trace, "--request", "38", "--slot", "2")
    assert found["schema"] == "qnetsim.explain/1"
    assert (found["source"], found["target"], found["request_class"]) == ("6", "13", 1)
    first, second = found["stories"]
    assert [turn["cause"] for turn in first["in_slot"]] == ["fibre_down", "none"]
    assert first["in_slot"][0]["fibre"] == "6–14"
    assert (first["deliveries"], first["detours"], first["fate"]) == (3, 1, "served")
    assert second["turns"][0]["cause"] == "too_late"
    json.dumps(found)


def test_what_cannot_be_explained(trace: str, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, words in (
        (("--request", "60", "--slot", "2"), "allowed: 0 .. 59"),
        (("--request", "0", "--slot", "-1"), "allowed: 0 .. 19"),
        (("--request", "0"), "--slot"),
    ):
        code, _, err = call(capsys, "explain", trace, *arguments)
        assert code == 2
        assert words in err
    call(capsys, "run", "tiny", "-p", "evf", "--out", "plain.h5")
    code, _, err = call(capsys, "explain", "plain.h5", "--request", "0", "--slot", "0")
    assert code == 2
    assert '[trace] requests = "all"' in err


def test_figures_by_class_and_by_pair(trace: str, capsys: pytest.CaptureFixture[str]) -> None:
    found = data(capsys, "inspect", trace)["metrics"]["requests"]
    assert found["followed"] == "all"
    assert [one["class"] for one in found["classes"]] == [0, 1]
    for groups in (found["classes"], found["pairs"]):
        assert sum(one["arrived"] for one in groups) == 20 * 60
        assert all(one["mean_wait_s"] >= 0 for one in groups)
    code, out, _ = call(capsys, "inspect", trace)
    assert code == 0
    assert "requests by class" in out and "requests by pair" in out


def test_a_share_of_a_sample_goes_with_a_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = call(
        capsys, "run", "tiny", "-p", "evf", "--set", "trace.requests_sample=0.5", "--out", "t.h5"
    )
    assert code == 2
    assert "goes with requests = 'sample' only" in err
