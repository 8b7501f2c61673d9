"""`qnetsim train -p belief-net`, and belief-net as users meet it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import qnetsim
from qnetsim.case import open_case
from qnetsim.cli.train import train
from qnetsim.policies.learned.belief_facts import belief_facts
from qnetsim.policies.learned.belief_weights import read_belief
from qnetsim.policies.learned.model_files import MODELS
from qnetsim.trace import open_trace
from qnetsim.trace.files.curve_file import read_curve
from tests.support.commands import call
from tests.support.jobs import JOBS

SHIPPED = sorted(path.stem for path in MODELS.glob("belief-net-*.safetensors"))


def written(folder: Path, **keys: str) -> str:
    path = folder / "jobs.toml"
    filled = {"slots": 30, "epochs": 2, "network": "", "cost": "", "keys": ""} | keys
    path.write_text(JOBS.format(**filled))
    return str(path)


def test_train_writes_weights_that_run_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario = written(tmp_path)
    out = tmp_path / "b.safetensors"
    seeds = ("--seeds", "2", "--train-seed", "7")
    code, text, _ = call(
        capsys, "train", scenario, "-p", "belief-net", "-o", str(out), *seeds, "--json"
    )
    assert code == 0
    document = json.loads(text)
    weights = read_belief(out)
    assert document["sha256"] == weights.sha256
    assert [row["updates"] for row in document["epochs"]] == [0, 2, 4]
    card = out.with_suffix(".md").read_text()
    assert weights.sha256 in card
    row = "seed of the scenario, seed of the training, member of the stack (`--seeds`)"
    assert f"\n| {row} | 1, 7, 0 |\n" in card
    curve = read_curve(out.with_suffix(".h5"))
    assert curve.columns["curve/stochastic"].shape == (3, 2)
    assert curve.provenance["shared_bytes"]["policies"] > 0
    assert not out.with_suffix(".state").exists()
    trace = tmp_path / "t.h5"
    code, *_ = call(capsys, "run", scenario, "-p", f"belief-net:model={out}", "-o", str(trace))
    assert code == 0
    with open_trace(trace) as found:
        assert found.provenance["policy"]["weights_sha256"] == weights.sha256
    code, *_ = call(capsys, "verify", str(trace))
    assert code == 0


def test_train_shows_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "b.safetensors"
    code, text, _ = call(
        capsys, "train", written(tmp_path), "-p", "belief-net", "-o", str(out), "--epochs", "1"
    )
    assert code == 0
    assert "0 (untrained)" in text and "weights shared, bytes   policies" in text
    assert text.endswith(f" -p sip -p belief-net:model={out}\n")


@pytest.mark.parametrize("option", ["--padded", "--keep-best", "--worlds=2", "--value-weight=0"])
def test_options_of_others_are_refused(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, error = call(capsys, "train", written(tmp_path), "-p", "belief-net", option)
    assert code == 2
    assert f"{option.split('=')[0]}: not for belief-net" in error
    # what it takes is what the command has, but for those that are refused
    taken = set(re.findall(r"--[a-z-]+", error.split("it takes")[1]))
    refused = {"--padded", "--keep-best", "--worlds", "--value-weight", "--evaluate-every"}
    refused |= {"--stop-after", "--from-traces", "--device", "--log"}
    options = {name for one in train.params for name in one.opts if name.startswith("--")}
    assert taken == options - refused - {"--policy"}


def test_a_scenario_without_jobs_is_named_with_its_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "plain.toml"
    path.write_text("[network]\ntopology = 'nsfnet'\n[demand]\nrequests = 5\n")
    code, _, error = call(capsys, "train", str(path), "-p", "belief-net")
    assert code == 2
    assert "jobs: is missing, and 'belief-net' is trained on jobs" in error


@pytest.mark.parametrize("model", SHIPPED)
def test_shipped_models_have_a_card_that_names_them(model: str) -> None:
    weights = read_belief(MODELS / f"{model}.safetensors")
    assert weights.sha256 in (MODELS / f"{model}.md").read_text()
    curve = read_curve(MODELS / f"{model}.h5")
    assert curve.columns["curve/stochastic"][-1, 0] == pytest.approx(
        weights.card["final_cost"], abs=1e-6
    )


@pytest.mark.parametrize("model", SHIPPED)
def test_a_shipped_scenario_is_what_its_model_was_trained_with(model: str) -> None:
    here = belief_facts(open_case(qnetsim.load(model.removeprefix("belief-net-"))).setting)
    trained = dict(read_belief(MODELS / f"{model}.safetensors").card)["training"]
    low, high = trained["mean_level"]
    assert low < here["mean_level"] < high
    # facts that are newer than the file are not in it
    here = {name: here[name] for name in trained}
    assert trained | {"mean_level": 0} == here | {"mean_level": 0}


def test_it_runs_without_torch(tmp_path: Path) -> None:
    script = f"""
import sys
sys.modules["torch"] = None
import qnetsim
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable
scenario = qnetsim.load("fel-rounds", slots=20)
simulate(scenario, PolicyTable(name="belief-net"), {str(tmp_path / "t.h5")!r})
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
