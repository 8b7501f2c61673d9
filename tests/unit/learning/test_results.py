"""How a training ends: from every set of files on the way, the same command goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

from qnetsim.case import open_case
from qnetsim.errors import UsageError
from qnetsim.input_files import inputs_noted
from qnetsim.learning.results import write_results
from qnetsim.learning.train import Training
from qnetsim.learning.training_record import training_record
from qnetsim.policies.learned.weights import read_weights
from qnetsim.trace.files.curve_file import read_curve
from tests.support.commands import call
from tests.support.helpers import scenario

SCENARIO = """
[run]
slots = 20
[network]
topology = "nsfnet"
[demand]
requests = 10
[learning]
epochs = 2
slots_per_epoch = 4
updates_per_epoch = 2
batch = 4
hidden_units = 8
"""
SUFFIXES = {"weights": ".safetensors", "card": ".md", "curve": ".h5"}


@pytest.fixture(scope="module")
def training() -> Training:
    trained = Training(open_case(scenario(SCENARIO)), "decsac", [0])
    trained.run()
    return trained


def places(folder: Path) -> dict[str, Path]:
    return {name: folder / f"w{suffix}" for name, suffix in SUFFIXES.items()}


@pytest.mark.parametrize("missing", [*SUFFIXES, "nothing"])
def test_files_that_hold_the_results_are_left_alone(
    missing: str, training: Training, tmp_path: Path
) -> None:
    paths = places(tmp_path)
    sha256 = write_results(training, paths, training_record(training))
    if missing != "nothing":
        paths[missing].unlink()
    before = {name: path.stat() for name, path in paths.items() if path.exists()}
    assert write_results(training, paths, training_record(training)) == sha256
    for name, stat in before.items():
        assert paths[name].stat().st_ino == stat.st_ino
        assert paths[name].stat().st_mtime_ns == stat.st_mtime_ns
    assert read_weights(paths["weights"]).sha256 == sha256
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("other", SUFFIXES)
def test_files_that_hold_something_else_stop_it_before_it_writes(
    other: str, training: Training, tmp_path: Path
) -> None:
    paths = places(tmp_path)
    paths[other].write_text("precious")
    with pytest.raises(UsageError, match="exists already"):
        write_results(training, paths, training_record(training))
    assert [path.name for path in tmp_path.iterdir()] == [paths[other].name]
    assert paths[other].read_text() == "precious"
    write_results(training, paths, training_record(training), force=True)
    assert len(list(tmp_path.iterdir())) == 3


def test_by_force_a_command_replaces_the_results_of_another_training(
    training: Training, tmp_path: Path
) -> None:
    paths = places(tmp_path)
    older = Training(open_case(scenario(SCENARIO)), "decsac", [1])
    older.run()
    write_results(older, paths, training_record(older))
    record = training_record(training)
    with inputs_noted():
        sha256 = write_results(training, paths, record, force=True)
    assert read_weights(paths["weights"]).sha256 == sha256
    assert read_curve(paths["curve"]).digest() == record.digest()


def test_what_the_training_reads_stays_even_by_force(training: Training, tmp_path: Path) -> None:
    paths = places(tmp_path)
    paths["curve"].write_text("a trace that it learnt from")
    with inputs_noted([paths["curve"]]), pytest.raises(UsageError, match="is read by this command"):
        write_results(training, paths, training_record(training), force=True)
    assert paths["curve"].read_text() == "a trace that it learnt from"
    assert not paths["weights"].exists()


def test_a_state_stays_until_its_successor_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "s.toml").write_text(SCENARIO)
    state = tmp_path / "w.state"
    state.write_text("an older training")
    arguments = ("train", str(tmp_path / "s.toml"), "-p", "decsac")
    arguments += ("-o", str(tmp_path / "w.safetensors"))
    code, _, err = call(capsys, *arguments)
    assert code == 2
    assert "not the state of a training" in err

    def lost(self: Training, **more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Training, "run", lost)
    assert call(capsys, *arguments, "--force")[0] == 130
    assert state.read_text() == "an older training"
    monkeypatch.undo()
    assert call(capsys, *arguments, "--force")[0] == 0
    assert not state.exists()
