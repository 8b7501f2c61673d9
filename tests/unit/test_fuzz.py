"""The fuzzer: a seeded slice over every target, and that it notices what it looks for."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest

from qnetsim.cli import COMMANDS
from qnetsim.errors import TraceError
from tests.fuzz import worker
from tests.fuzz.attempt import FAULTS, NOT_MADE, attempt
from tests.fuzz.run import Campaign
from tests.fuzz.seeds import CORPUS, Home, make_home, write_corpus
from tests.fuzz.targets import TARGETS, StatusError, Target, seeds_of

#: Inputs of each target in the default tests, past the valid ones; more in `make verify`.
SLICE = 2
LONG_SLICE = 100


def fuzzed(inputs: int, folder: Path, first: int) -> Campaign:
    campaign = Campaign(TARGETS, folder, seed=1)
    campaign.run(minutes=None, inputs=inputs, first=first)
    assert not campaign.failed, f"{campaign.table()}\n{list(folder.glob('failures/*/*.txt'))}"
    return campaign


def test_no_reader_and_no_command_fails_on_a_seeded_slice(tmp_path: Path) -> None:
    campaign = fuzzed(SLICE, tmp_path, first=100)
    assert all(sum(campaign.tallies[name].ends.values()) == SLICE for name in TARGETS)


@pytest.mark.slow
def test_no_reader_and_no_command_fails_on_a_long_slice(tmp_path: Path) -> None:
    fuzzed(LONG_SLICE, tmp_path, first=0)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return make_home(tmp_path_factory.mktemp("fuzz") / "home")


def test_every_command_is_a_target() -> None:
    assert {name for name in TARGETS if name.startswith("command_")} == {
        f"command_{name}" for name in COMMANDS
    }


def test_the_corpus_in_the_tree_is_what_its_program_writes(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    for path in filter(Path.is_file, tmp_path.rglob("*")):
        kept = CORPUS / path.relative_to(tmp_path)
        assert kept.read_bytes() == path.read_bytes(), kept
    kept = [path for path in CORPUS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in kept) < 300_000
    assert {path.parent.name for path in kept} <= TARGETS.keys()


READERS = [name for name in TARGETS if not name.startswith("command_") and name != "training_state"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of topohub
@pytest.mark.parametrize("name", READERS)
def test_the_first_input_of_a_reader_is_accepted(name: str, home: Home, tmp_path: Path) -> None:
    """Else what is made from it would be refused at the door."""
    target = TARGETS[name]
    path = tmp_path / f"input{target.suffix}"
    inputs = seeds_of(target, home, CORPUS)
    ends = []
    for data in inputs:
        path.write_bytes(data)
        ends.append(attempt(target, path, home))
        if ends[-1].kind == "accepted":
            return
    raise AssertionError(ends)


def test_mutations_follow_from_their_seed(home: Home) -> None:
    for name in ("scenario", "topology_graphml", "trace", "weights", "command_run"):
        target = TARGETS[name]
        data = seeds_of(target, home, CORPUS)[0]
        made = [target.mutate(Random(5), data, data) for _ in range(2)]
        assert made[0] == made[1], name
        assert any(target.mutate(Random(n), data, data) != data for n in range(5)), name


def returns(path: Path, home: Home) -> None:
    pass


def refuses(path: Path, home: Home) -> None:
    raise TraceError("no")


def raises(path: Path, home: Home) -> None:
    raise KeyError("a")


def complains(path: Path, home: Home) -> None:
    np.array([1.0]) / np.array([0.0])


def says_nothing(path: Path, home: Home) -> None:
    raise StatusError("status 7")


def never_ends(path: Path, home: Home) -> None:
    while True:
        pass


def waits(path: Path, home: Home) -> None:
    time.sleep(1000)


def takes_memory(path: Path, home: Home) -> None:
    np.ones(1 << 33, dtype=np.uint8)


def dies(path: Path, home: Home) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


ENDS = [
    (returns, "accepted"),
    (refuses, "refused"),
    (raises, "traceback"),
    (complains, "traceback"),
    (says_nothing, "status"),
    (never_ends, "hang"),
    (waits, "hang"),
    (takes_memory, "memory"),
]


@pytest.mark.parametrize(("read", "kind"), ENDS)
def test_an_end_is_told_for_what_it_is(
    read: Callable[[Path, Home], None], kind: str, tmp_path: Path
) -> None:
    target = Target("x", ".x", lambda rng, data, other: data, read, limit_s=0.1)
    end = attempt(target, tmp_path / "x", Home(tmp_path))
    assert end.kind == kind
    assert bool(end.key) == (kind in FAULTS)


def stops(path: Path, home: Home) -> None:
    """As a command does: it ends by a status, in its own time."""
    try:
        never_ends(path, home)
    except KeyboardInterrupt:
        return


def test_a_command_that_takes_long_is_interrupted(tmp_path: Path) -> None:
    target = Target("x", ".x", lambda rng, data, other: data, stops, stops=True, limit_s=0.1)
    assert attempt(target, tmp_path / "x", Home(tmp_path)).kind == "accepted"


@pytest.mark.parametrize("how", ["dies", "hangs"])
def test_a_process_that_dies_or_hangs_is_started_anew(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parent kills what does not answer, and keeps the input."""
    made = worker.Worker(tmp_path, 1, CORPUS)
    draw_s = worker.DRAW_S
    monkeypatch.setattr(worker, "DRAW_S", 0.1 if how == "hangs" else draw_s)
    if how == "hangs":
        os.kill(made.process, signal.SIGSTOP)
    else:
        os.kill(made.process, signal.SIGKILL)
    before = made.process
    # no target was given an input yet
    assert made.attempt("topology_csv", 0)[0] == NOT_MADE
    monkeypatch.setattr(worker, "DRAW_S", draw_s)
    assert made.attempt("topology_csv", 0)[0] == "accepted"
    assert made.process != before
    assert made.input.read_bytes() == (CORPUS / "topology_csv" / "tiny.csv").read_bytes()
    made.close()


def test_a_fault_is_counted_and_its_input_kept(tmp_path: Path) -> None:
    campaign = Campaign(["topology_csv"], tmp_path, seed=1)
    ends = iter([("accepted", "", ""), *[("traceback", "…", "KeyError-x-1")] * 2])
    campaign.worker.attempt = lambda name, number: next(ends)  # type: ignore[method-assign]
    campaign.worker.input.write_bytes(b"odd")
    campaign.run(minutes=None, inputs=3)
    kept = sorted(path.suffix for path in (tmp_path / "failures" / "topology_csv").iterdir())
    assert kept == [".csv", ".txt"]
    assert campaign.failed
    assert "| topology_csv | 3 | 1 | 0 | 0 | 2 |" in campaign.table()


def test_arguments_stay_a_list_of_words(home: Home) -> None:
    target = TARGETS["command_replay"]
    data = seeds_of(target, home, CORPUS)[0]
    for n in range(200):
        data = target.mutate(Random(n), data, data)
        words = json.loads(data)
        assert words[0] == "replay"
        assert all(isinstance(word, str) and "\0" not in word for word in words)
