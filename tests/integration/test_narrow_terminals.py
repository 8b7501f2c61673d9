"""Every table of every command, at the widths of terminals: no number and no word is broken."""

from __future__ import annotations

import contextlib
import os
import re
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from qnetsim.cli import _run
from qnetsim.cli.show.boxed_table import RICH_SETTINGS, BoxedTable, DrawnTable, print_table
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.fitting import folded, signs
from tests.support import ROOT
from tests.support.commands import call
from tests.support.sweeps import SMALL

if sys.platform == "win32":
    pytest.skip("no pseudo-terminals here", allow_module_level=True)

import fcntl
import pty
import termios

WIDTHS = (60, 80, 100, 140)
#: A number with its thousands and decimals, as a table shows it.
NUMBER = re.compile(r"[+−-]?\d[\d,]*(?:\.\d+)?(?:e[+-]\d+)?%?")
SCENARIO = """
[run]
slots = 12
replications = 2
[network]
topology = "nsfnet"
[demand]
requests = 20
[key_management]
store_bits = 100000
key_lifetime_slots = 5
[[policy]]
name = "sip"
[[policy]]
name = "evf"
[[policy]]
name = "perfect"
[[fel]]
dataset = "wine"
owner = "1"
head = "6"
workers = ["3", "8", "14"]
rounds = 2
"""
TRAINED = """
[run]
slots = 12
[network]
topology = "nsfnet"
[demand]
requests = 20
[learning]
epochs = 1
slots_per_epoch = 3
updates_per_epoch = 2
batch = 4
hidden_units = 8
"""
LIMITED = ("--set", "network.qkd_wavelengths=9", "--set", "cost.blocking_cost=900000")
RISK = ("--set", "planning.risk.cvar=0.9", "--set", "planning.risk.weight=0.5")

#: Commands, and how many tables each prints.
COMMANDS = [
    (["topologies"], 1),
    (["topologies", "nsfnet"], 1),
    (["policies"], 1),
    (["bench", "list"], 1),
    (["bench", "run", "-p", "evf", "--world", "madqci"], 1),
    (["scenario", "list"], 1),
    (["rates", "nsfnet"], 2),
    (["plan", "tiny"], 5),
    (["plan", "tiny", *LIMITED], 6),
    (["plan", "tiny", "--frontier", *RISK], 5),
    (["plan", "tiny", "--sensitivity", "cost.on_demand_multiplier=1:2:3"], 1),
    (["spacing", "s.toml"], 1),
    (["run", "s.toml", "--policy", "sip", "--out", "new.h5"], 2),
    (["compare", "s.toml", "--out", "new", "--no-report"], 5),
    (["inspect", "there/sip-r000.h5"], 4),
    (["inspect", "p.h5"], 3),
    (["verify", "there/sip-r000.h5"], 1),
    (["replay", "there/sip-r000.h5", "-p", "evf", "--out", "replayed.h5"], 2),
    (["demand", "s.toml", "--out", "world.h5"], 0),
    (["diff", "there/sip-r000.h5", "there/evf-r000.h5"], 2),
    (["fel", "s.toml"], 3),
    (["fel", "s.toml", "--policy", "sip"], 3),
    (["sweep", "plan", "study.toml"], 2),
    (["sweep", "status", "study.toml", "--folder", "swept"], 1),
    (["train", "t.toml", "-p", "fedsac", "-o", "w.safetensors"], 1),
    pytest.param(
        ["reproduce", "fig4", "--orders", "1", "-o", "figures"], 1, marks=pytest.mark.slow
    ),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a scenario, traces and a plan."""
    folder = tmp_path_factory.mktemp("narrow")
    (folder / "s.toml").write_text(SCENARIO)
    (folder / "t.toml").write_text(TRAINED)
    (folder / "study.toml").write_text(SMALL)
    with contextlib.chdir(folder):
        for line in (
            ["compare", "s.toml", "--out", "there", "--no-report"],
            ["plan", "tiny", "--out", "p.h5"],
            ["sweep", "run", "study.toml", "--folder", "swept", "--workers", "1"],
        ):
            assert _run(line) == 0
    return folder


def on_terminal(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in RICH_SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)


def too_wide(text: str, width: int) -> list[str]:
    """Lines that the terminal would break; a word alone, such as a digest, is what it is."""
    return [x for x in text.splitlines() if signs(x) > width and len(x.split()) > 1]


def numbers(texts: Iterable[str]) -> Counter[str]:
    return Counter(number for text in texts for number in NUMBER.findall(text))


def left_out_in(text: str, columns: Iterable[str]) -> list[str]:
    """Columns that the line below a table names; headings hold commas too."""
    found = re.search(r"left out at \d+ columns: (.*); --json has them", " ".join(text.split()))
    said = found[1] if found else ""
    named = []
    for column in sorted(filter(None, columns), key=len, reverse=True):
        if column in said:
            named.append(column)
            said = said.replace(column, "", 1)
    assert not said.strip(", ")
    return named


def check_table(table: BoxedTable, text: str, width: int) -> None:
    """Fail where a line is too wide, or a number of a column that is shown is not whole."""
    assert not too_wide(text, width)
    gone = left_out_in(text, table.columns)
    body = [i for i, column in enumerate(table.columns) if column not in gone]
    assert set(range(table.keys)) <= set(body)
    assert len(body) > table.keys
    cells = [cell for line in text.splitlines() for cell in re.split("[│┃]", line)]
    lacking = numbers(row[i] for row in table.rows for i in body) - numbers(cells)
    assert not lacking, f"{table.title} at {width}: {lacking}"


def named(value: object) -> str | None:
    """A command as one types it."""
    return " ".join(map(str, value)) if isinstance(value, list) else None


@pytest.mark.parametrize(("line", "count"), COMMANDS, ids=named)
def test_no_number_is_broken(
    line: list[str],
    count: int,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tables: list[BoxedTable] = []
    drawn = BoxedTable.drawn

    def noted(table: BoxedTable, width: int) -> DrawnTable | None:
        tables.append(table)
        return drawn(table, width)

    monkeypatch.chdir(place)
    monkeypatch.setattr(BoxedTable, "drawn", noted)
    on_terminal(80, monkeypatch)
    code, out, err = call(capsys, *line)
    assert code == 0, err
    assert not too_wide(out, 80)
    assert len(tables) == count
    for table in list(tables):
        for width in WIDTHS:
            on_terminal(width, monkeypatch)
            print_table(table)
            check_table(table, capsys.readouterr().out, width)
        monkeypatch.setattr("sys.stdout.isatty", lambda: False)
        print_table(table)
        piped = capsys.readouterr().out
        assert "left out" not in piped
        assert sum(x.startswith("│") for x in piped.splitlines()) == len(table.rows)


@pytest.mark.parametrize("width", [60, 140])
def test_a_terminal_of_the_system_is_asked_for_its_width(width: int) -> None:
    """A pseudo-terminal that says how wide it is, without a variable that says so."""
    main, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    hidden = {*RICH_SETTINGS, "COLUMNS"}
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    process = subprocess.Popen(
        [sys.executable, "-m", "qnetsim", "rates", "nsfnet"],
        stdout=other,
        env=environment | {"TERM": "dumb", "PYTHONPATH": str(ROOT)},
    )
    os.close(other)
    found = b""
    with contextlib.suppress(OSError):  # the end of a terminal
        while read := os.read(main, 65536):
            found += read
    os.close(main)
    assert process.wait() == 0
    text = found.decode().replace("\r\n", "\n")
    assert not too_wide(text, width)
    assert ("left out at 60 columns" in text) == (width == 60)
    assert max(map(signs, text.splitlines())) > width - 15


def test_messages_fold_on_the_terminal_of_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    line = "a" * 20 + " " + "b" * 30 + " see `qnetsim scenario new NAME` or 12.5 % of it" * 3
    echo(line, err=True)
    assert capsys.readouterr().err == f"{line}\n"
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    echo(line, err=True)
    found = capsys.readouterr().err
    assert not too_wide(found, 60)
    assert found.split() == line.split()
    # what belongs together stays on one line
    assert found.count("`qnetsim scenario new NAME`") == 3
    assert found.count("12.5 %") == 3
    echo(line, err=True, copied=True)
    assert capsys.readouterr().err == f"{line}\n"


@pytest.mark.parametrize("width", range(8, 40))
def test_a_number_keeps_its_sign(width: int) -> None:
    text = "evf 6.9 % more (6.3 to 7.6) and random 43.2 % more (42.0 to 44.4)"
    lines = folded(text, width)
    assert " ".join(lines) == text
    assert not any(line.startswith("%") for line in lines)
