"""Names of others that hold control characters, markup and formulas, through every command."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest

from qnetsim.cli.show.boxed_table import print_table
from qnetsim.cli.show.output import progress, table, working
from tests.support.commands import call

#: A title for the window, a colour, a bell, a C1 control, text that runs backwards, markup.
EVIL = "\x1b]0;owned\x07\x9b2J\u202ec[red]$\\frac{$<b>&\tz"
SHOWN = "\\x1b]0;owned\\x07"
UNSEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069]")
SCENARIO = """
[run]
slots = 5
[network]
topology = {topology}
[demand]
requests = 4
[[policy]]
name = "evf"
"""


@pytest.fixture
def trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> Path:
    """A trace in which every text that a reader may show was replaced."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.toml").write_text(SCENARIO.format(topology='"nsfnet"'))
    path = tmp_path / "t.h5"
    code, _, err = call(capsys, "run", "s.toml", "--policy", "evf", "--out", str(path))
    assert code == 0, err
    with h5py.File(path, "r+") as file:
        provenance = json.loads(file.attrs["provenance"])
        provenance["policy"]["title"] = EVIL
        provenance["plan"] |= {"note": EVIL, "solver": EVIL, "status": EVIL}
        provenance["software"] |= {"version": EVIL, "packages": {EVIL: EVIL}}
        provenance["environment"]["python"] = EVIL
        provenance["scenario"]["network"]["topology"] = EVIL
        file.attrs["provenance"] = json.dumps(provenance)
        for name in ("world_digest", "content_digest"):
            file.attrs[name] = EVIL
        for end in ("source", "target"):
            names = file[f"fibres/{end}"].asstr()[...]
            file[f"fibres/{end}"][...] = [EVIL if name == "1" else name for name in names]
    return path


def harmless(text: str) -> None:
    found = UNSEEN.search(text)
    assert found is None, repr(text[max(0, found.start() - 60) : found.end() + 20])


@pytest.mark.parametrize(
    "line",
    [
        ["inspect", "t.h5"],
        ["inspect", "t.h5", "--json"],
        ["verify", "t.h5"],
        ["verify", "t.h5", "--json"],
        ["diff", "t.h5", "t.h5"],
        ["replay", "t.h5", "--policy", "evf", "--out", "r.h5"],
        ["compare", "t.h5", "--out", "c"],
        ["report", "t.h5", "--out", "c"],
        ["run", "s.toml", "--policy", EVIL],
        ["run", "s.toml", "--" + EVIL],
        ["inspect", EVIL],
        ["topologies", EVIL + ".csv"],
        [EVIL],
    ],
)
def test_no_command_passes_them_on(
    line: list[str], trace: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, out, err = call(capsys, *line)
    harmless(out)
    harmless(err)
    shown = "".join((out + err).split())
    if line[0] == "inspect" and line[-1] == "t.h5":
        assert code == 0
        assert SHOWN in shown
        assert "[red]$\\frac{$" in shown
    if line[0] == "report":
        assert code == 0, err
        page = (tmp_path / "c" / "report.html").read_text("utf-8")
        harmless(page)
        assert "<b>&" not in page
        assert SHOWN in page
        assert len(list((tmp_path / "c" / "figures").iterdir())) >= 9


def test_scenarios_with_such_names(
    trace: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    name = "a\u202eb$\\frac{$[red]"
    (tmp_path / "$x$[red].csv").write_text(
        f"source,target,length_km\n{name},B,100\nB,C_,90\nC_,{name},80\n", "utf-8"
    )
    (tmp_path / "odd.toml").write_text(SCENARIO.format(topology="'$x$[red].csv'"))
    for line in (
        ["plan", "odd.toml"],
        ["compare", "odd.toml", "--out", "odd", "--replications", "1"],
        ["rates", "odd.toml", "--out", "odd.svg"],
        ["spacing", "odd.toml"],
        ["scenario", "check", "odd.toml"],
        ["topologies", "$x$[red].csv"],
    ):
        code, out, err = call(capsys, *line)
        assert code == 0, err
        harmless(out)
        harmless(err)
    harmless((tmp_path / "odd" / "report.html").read_text("utf-8"))


@pytest.mark.parametrize("show", [progress, working])
def test_progress_lines_are_harmless(
    show: Callable, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with show(EVIL, 3) if show is progress else show(EVIL) as advance:
        advance(1 if show is progress else EVIL)
    err = capsys.readouterr().err
    # colours and cursor movements of ours
    ours = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", err)
    harmless(ours)
    assert SHOWN in ours
    assert "[red]" in ours


def test_tables_show_markup_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    rows = table(EVIL, [EVIL, "b"])
    rows.add_row("[bold]x[/bold] :smile:", EVIL)
    print_table(rows)
    out = capsys.readouterr().out
    harmless(out)
    assert "[bold]x[/bold] :smile:" in out
    assert out.count(SHOWN) >= 1
