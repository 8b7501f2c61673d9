"""The tutorial of sweeps: its file, its commands and its code, as they stand on the page."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.commands import call

PAGE = (ROOT / "docs" / "tutorials" / "first-study.md").read_text("utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.M | re.S)


def test_the_page_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With fewer and shorter runs: everything else is as it is printed."""
    monkeypatch.chdir(tmp_path)
    (text,) = blocks("toml")
    for before, after in (
        ("replications = 5", "replications = 2"),
        ("run.slots = 100", "run.slots = 10"),
        ("[10, 20, 40]", "[3, 4, 5]"),
    ):
        assert before in text
        text = text.replace(before, after)
    Path("first.toml").write_text(text)
    commands = [line[2:] for block in blocks("console") for line in block.splitlines()]
    assert len(commands) == 5
    out = {}
    for command in commands:
        program, *arguments = shlex.split(command)
        assert program == "qnetsim"
        code, out[arguments[1]], err = call(capsys, *arguments)
        assert code == 0, err
    assert re.search(r"plans │ +27 ", out["plan"])
    assert re.search(r"runs  │ +54 ", out["plan"])
    (code_,) = blocks("python")
    exec(code_, {"__name__": "page"})
    shown = capsys.readouterr().out
    assert "sip" in shown
    assert len(shown.splitlines()) == 2 + 9
    assert Path("runs/first/report.html").is_file()
    # the mistake that the page shows
    Path("first.toml").write_text(text.replace("[3, 4, 5]", "[3, 4, -40]"))
    code, _, err = call(capsys, "sweep", "plan", "first.toml")
    assert code == 2
    line = next(line for line in PAGE.splitlines() if line.startswith("first.toml:"))
    for part in line.split("…"):
        assert part.strip() in err


def test_the_counts_of_the_page_are_those_of_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("first.toml").write_text(blocks("toml")[0])
    code, out, err = call(capsys, "sweep", "plan", "first.toml", "--no-estimate")
    assert code == 0, err
    assert "135 runs" in PAGE
    assert "27 plans" in PAGE
    assert re.search(r"runs  │ +135 ", out)
