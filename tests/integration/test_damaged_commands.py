"""Damaged bytes through every command that reads them: one clear error, never a traceback."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from qnetsim.case import load, open_case
from qnetsim.replay.record import record_world
from tests.support.bad_files import time_limit
from tests.support.commands import call
from tests.support.damage import mutated

SCENARIO = """
[run]
slots = 40
[network]
topology = "nsfnet"
[demand]
requests = 4
[[policy]]
name = "evf"
"""
#: What reads a file of each kind; ``BAD`` stands for the damaged file.
READERS: dict[str, list[list[str]]] = {
    "trace.h5": [
        ["inspect", "BAD"],
        ["verify", "BAD"],
        ["replay", "BAD", "--policy", "evf", "--out", "r.h5", "--force"],
        ["diff", "trace.h5", "BAD"],
        ["run", "s.toml", "--policy", "evf", "--out", "BAD", "--resume"],
    ],
    "world.h5": [
        ["inspect", "BAD"],
        ["verify", "BAD"],
        ["replay", "BAD", "--policy", "evf", "--out", "r.h5", "--force"],
    ],
    "plan.h5": [
        ["inspect", "BAD"],
        ["diff", "plan.h5", "BAD"],
        ["run", "s.toml", "--plan", "BAD", "--out", "r.h5", "--force"],
    ],
    "demand.h5": [
        [
            *("replay", "BAD", "--scenario", "s.toml", "--rate-unit", "bps", "--slot-s", "1"),
            *("--policy", "evf", "--out", "r.h5", "--force"),
        ],
    ],
    "curve.h5": [["report", "BAD"]],
}
#: Drawing the pages of a report takes seconds: only every so many files.
DRAWN = [
    ["compare", "BAD", "--out", "c", "--force"],
    ["report", "BAD", "--out", "c", "--force"],
]


@pytest.fixture
def sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Path:
    """A folder with one sound file of each kind."""
    import h5py

    from tests.support import ROOT

    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.toml").write_text(SCENARIO)
    for line in (
        ["run", "s.toml", "--policy", "evf", "--out", "trace.h5"],
        ["plan", "s.toml", "--policy", "evf", "--out", "plan.h5"],
    ):
        code, _, err = call(capsys, *line)
        assert code == 0, err
    record_world(open_case(load(tmp_path / "s.toml")), tmp_path / "world.h5")
    with h5py.File(tmp_path / "demand.h5", "w") as file:
        file["slot"] = np.arange(4)
        file["source"] = np.array(["1", "1", "2", "2"], dtype=h5py.string_dtype())
        file["target"] = np.array(["8", "8", "9", "9"], dtype=h5py.string_dtype())
        file["rate"] = np.array([1000.0, 2000.0, 1000.0, 0.0])
    curve = ROOT / "models" / "fedsac-nsfnet.h5"
    (tmp_path / "curve.h5").write_bytes(curve.read_bytes())
    return tmp_path


def sweep(folder: Path, capsys: pytest.CaptureFixture[str], count: int, drawn: int) -> Counter:
    rng = np.random.default_rng(300)
    ends: Counter = Counter()
    for number in range(count):
        kinds = ["trace.h5"] * 4 + [k for k in READERS if k != "trace.h5"]
        kind = kinds[number % len(kinds)]
        raw = mutated((folder / kind).read_bytes(), rng)
        lines = READERS[kind] + (DRAWN if number % drawn == 0 else [])
        for line in lines:
            (folder / "bad.h5").write_bytes(raw)
            given = ["bad.h5" if word == "BAD" else word for word in line]
            with time_limit(60):
                code, _, err = call(capsys, *given)
            assert code in {0, 2, 3, 4}, (number, given, err)
            assert "Traceback" not in err, (number, given)
            if code in {2, 3} and line[0] != "verify":
                assert err.startswith(("error: ", "warning: ")), (number, given, err)
            ends[code] += 1
    return ends


def test_damaged_files_end_in_one_clear_error(
    sound: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ends = sweep(sound, capsys, 40, 10**6)
    assert ends[3] > 40, ends


@pytest.mark.slow
def test_three_hundred_damaged_files(sound: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ends = sweep(sound, capsys, 600, 30)
    print(f"\n{ends}")
    assert ends[3] > 600
