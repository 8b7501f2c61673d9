"""Plain HDF5 reads a trace in SWMR mode at every step of its completion."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest

from qnetsim.case import load
from qnetsim.replay.record import record_world
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable
from qnetsim.trace.hdf5 import staged
from qnetsim.trace.whole_writer import SHORT_RUN
from tests.support import SCENARIOS

EVF = PolicyTable(name="evf")
#: More than a run has that is written in one go.
SLOTS = SHORT_RUN + 6


def run(name: str) -> Callable[[Path], object]:
    return lambda path: simulate(load(SCENARIOS / name, slots=SLOTS, replications=1), EVF, path)


def followed(path: Path) -> object:
    text = (SCENARIOS / "nsfnet.toml").read_text("utf-8") + '\n[trace]\nrequests = "all"\n'
    scenario = path.with_name("followed.toml")
    scenario.write_text(text)
    return simulate(load(scenario, slots=SLOTS, replications=1), EVF, path)


def world(path: Path) -> object:
    return record_world(load(SCENARIOS / "nsfnet.toml", slots=SLOTS, replications=1), path)


class Looks:
    """Copies of a file after each change of its completion, and readers that have it open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.copies: list[Path] = []
        self.open: list[h5py.File] = []

    def look(self) -> None:
        copy = self.path.with_name(f"copy{len(self.copies)}.h5")
        shutil.copy(self.path, copy)
        self.copies.append(copy)
        # the writer no longer has it open by HDF5: what is found now is kept, as in another process
        self.open.append(h5py.File(self.path, "r", swmr=True))


def contents(file: h5py.File) -> dict[str, Any]:
    found = dict(file.attrs)
    file.visititems(lambda name, item: found.setdefault(name, _values(item)))
    return found


def _values(item: Any) -> Any:
    return item[()].tolist() if isinstance(item, h5py.Dataset) else dict(item.attrs)


@pytest.mark.parametrize(
    "make",
    [run("nsfnet.toml"), run("fel-rounds.toml"), followed, world],
    ids=["run", "rounds", "followed", "world"],
)
def test_every_look_while_a_trace_is_completed_finds_one_that_is_whole(
    make: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = Looks(tmp_path / "t.h5")
    apply, write_at, truncate = staged.StagedFile.apply, staged.write_at, os.ftruncate

    def watched(file: staged.StagedFile) -> None:
        looks.look()
        with monkeypatch.context() as inside:
            inside.setattr(staged, "write_at", lambda *a: (write_at(*a), looks.look())[0])
            inside.setattr(os, "ftruncate", lambda *a: (truncate(*a), looks.look())[0])
            apply(file)

    monkeypatch.setattr(staged.StagedFile, "apply", watched)
    make(looks.path)
    statuses = []
    for copy in looks.copies:
        with h5py.File(copy, "r", swmr=True) as file:
            found = contents(file)
            assert found["committed_slots"] == SLOTS
            statuses.append(found["status"])
    assert set(statuses) == {"incomplete", "complete"}
    assert statuses == sorted(statuses, reverse=True)
    # opened ahead of a change, and read after all of them
    for file in looks.open:
        with file:
            assert contents(file)["status"] == "complete"
