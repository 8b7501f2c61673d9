"""`qnetsim train`, `reproduce fig9`, and the learned policies as users meet them."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from qnetsim.case import open_case
from qnetsim.errors import TraceFormatError, UsageError
from qnetsim.policies.learned.model_files import MODELS
from qnetsim.policies.learned.weights import read_weights
from qnetsim.runs.run_context import RunContext, run_case
from qnetsim.scenario import parse_scenario
from qnetsim.trace import open_trace
from qnetsim.trace.files.curve_file import read_curve
from tests.support import ROOT
from tests.support.commands import call

SCENARIO = """
[run]
slots = 30
[network]
topology = "nsfnet"
[demand]
requests = 20
[learning]
epochs = 2
slots_per_epoch = 5
updates_per_epoch = 3
batch = 4
hidden_units = 8
"""


def written(tmp_path: Path, text: str = SCENARIO) -> str:
    path = tmp_path / "s.toml"
    path.write_text(text)
    return str(path)


def test_train_writes_weights_card_and_curve(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "m" / "w.safetensors"
    arguments = ("train", written(tmp_path), "-p", "fedsac", "-o", str(out), "--json")
    code, text, _ = call(capsys, *arguments)
    assert code == 0
    document = json.loads(text)
    assert document["schema"] == "qnetsim.train/1"
    weights = read_weights(out)
    assert document["sha256"] == weights.sha256
    assert weights.policies == 1
    card = out.with_suffix(".md").read_text()
    assert weights.sha256 in card
    seeds = "seed of the scenario, seed of the training, member of the stack (`--seeds`)"
    assert f"\n| {seeds} | 1, 1, 0 |\n" in card
    assert "stopped early" not in card
    curve = read_curve(out.with_suffix(".h5"))
    assert curve.columns["curve/slots"].tolist() == [0, 5, 10]
    assert curve.columns["curve/updates"].tolist() == [0, 3, 6]
    assert curve.provenance["policy"] == "fedsac"
    assert set(document["beside"]) == {"sip", "empirical", "evf", "random", "perfect"}
    code, _, err = call(capsys, *arguments)
    assert code == 2
    assert "exists already" in err
    before = out.read_bytes()
    assert call(capsys, *arguments, "--force")[0] == 0
    assert out.read_bytes() == before


def test_train_shows_a_table_and_what_pads_cost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "w.safetensors"
    code, text, _ = call(
        capsys, "train", written(tmp_path), "-p", "fedsac", "-o", str(out), "--padded"
    )
    assert code == 0
    assert "0 (untrained)" in text
    assert "key bits for them" in text
    ledger = {k: v for k, v in read_curve(out.with_suffix(".h5")).columns.items() if "ledger" in k}
    produced, consumed, stored = (
        ledger[f"ledger/{name}"] for name in ("produced", "consumed", "stored")
    )
    np.testing.assert_array_equal(produced, consumed + stored)
    assert consumed.any()


@pytest.mark.parametrize("policy", ["job-filter", "periods:much=50"])
def test_a_policy_that_does_not_go_with_the_scenario_is_a_wrong_argument(
    policy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path)
    for words in (
        ("run", path, "-o", str(tmp_path / "t.h5")),
        ("compare", path, "--out", str(tmp_path)),
    ):
        code, _, err = call(capsys, *words, "-p", policy)
        assert code == 2, err
        assert policy.split(":")[0] in err


@pytest.mark.parametrize("policy", ["fedsac", "decppo"])
def test_train_ends_with_the_command_that_uses_the_weights(
    policy: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("qnetsim.learning.evaluate.REALISED_SLOTS", 5)
    written(tmp_path)
    settings = ("--set", "run.replications=1", "--set", "run.slots = 5")
    mine = ("--set", "learning.epochs=1", "-o", "my own.safetensors")
    code, shown, _ = call(capsys, "train", "s.toml", "-p", policy, *settings, *mine)
    assert code == 0
    command = shown.splitlines()[-1].removeprefix("to compare    ")
    assert shlex.split(command) == [
        *("qnetsim", "compare", "s.toml", *settings),
        *("-p", "sip", "-p", f"{policy}:model=my own.safetensors"),
    ]
    assert call(capsys, *shlex.split(command)[1:], "--no-report", "--out", "c")[0] == 0
    with open_trace(next(Path("c").rglob(f"{policy}*.h5"))) as trace:
        sha256 = trace.provenance["policy"]["weights_sha256"]
    assert sha256 == read_weights(Path("my own.safetensors")).sha256


@pytest.mark.parametrize(
    ("stop", "told"),
    [
        ("1", ""),
        (
            "2",
            "warning: --stop-after 2 stops nothing: before the last of 4 epochs there is "
            "1 evaluation\n",
        ),
    ],
)
def test_train_tells_of_an_early_stop_that_cannot_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], stop: str, told: str
) -> None:
    text = SCENARIO.replace("epochs = 2", "epochs = 4")
    arguments = (
        "train",
        written(tmp_path, text),
        "-p",
        "decppo",
        "-o",
        str(tmp_path / "w.safetensors"),
    )
    code, _, said = call(capsys, *arguments, "--evaluate-every", "3", "--stop-after", stop)
    assert code == 0
    assert "".join(line for line in said.splitlines(True) if "stop-after" in line) == told


def test_train_does_what_its_options_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "w.safetensors"
    text = SCENARIO.replace("epochs = 2", "epochs = 9\npolicy_rate = 1e-12")
    options = ("--worlds", "2", "--train-seed", "3", "--evaluate-every", "2", "--stop-after", "2")
    arguments = ("train", written(tmp_path, text), "-p", "decsac", "-o", str(out), "--keep-best")
    code, shown, _ = call(capsys, *arguments, *options)
    assert code == 0
    assert "stopped early: 2 evaluations without a lower cost" in shown
    assert "kept          epoch 0 of seed 0: mean actions" in shown
    code, shown, _ = call(capsys, *arguments, *options, "--force", "--json")
    document = json.loads(shown)
    assert [row["epoch"] for row in document["epochs"]] == [0, 2, 4]
    assert document["epochs"][-1]["slots"] == 4 * 5 * 2
    assert document["kept"][0]["epoch"] == 0
    assert document["options"] == {
        **{"train_seed": 3, "worlds": 2, "evaluate_every": 2},
        **{"keep_best": True, "stop_after": 2},
    }
    card = out.with_suffix(".md").read_text()
    costs = document["epochs"][0]
    for name, value in {
        "epochs, slots, updates": f"4, {4 * 5 * 2}, {4 * 3}",
        "stopped early": "after 2 evaluations without a lower cost; [learning] has 9 epochs",
        "epoch that was kept, the cheapest one by mean actions": "0",
        "cost over C*, drawn actions": f"{round(costs['stochastic'][0], 6)}",
        "cost over C*, mean actions": f"{round(costs['deterministic'][0], 6)}",
        "seed of the scenario, seed of the training, member of the stack (`--seeds`)": "1, 3, 0",
        "within 5 % of C* from epoch": "never",
    }.items():
        assert f"\n| {name} | {value} |\n" in card


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("-p", "sip"),
            "allowed: fedsac, decsac, decppo, masac, mappo, belief-net",
        ),
        (("-p", "fedsac", "-o", "w.pt"), "give --out FILE.safetensors"),
        (("-p", "decsac", "--padded"), "shares no weights"),
        (("-p", "fedsac", "--seeds", "0"), "--seeds"),
        (("-p", "fedsac", "--worlds", "0"), "--worlds"),
        (("-p", "fedsac", "--worlds", "30000"), "--worlds is 30000, but an agent keeps 20,000"),
        (("-p", "fedsac", "--evaluate-every", "none"), "--evaluate-every"),
        (("-p", "fedsac", "--train-seed", "-1"), "--train-seed"),
        (("-p", "fedsac", "--device", "tpu"), "allowed: cpu, cuda, cuda:N"),
    ],
)
def test_bad_calls_of_train(
    arguments: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = call(capsys, "train", written(tmp_path), *arguments)
    assert code == 2
    assert not out
    assert message in err


@pytest.mark.parametrize(
    ("addition", "message"),
    [
        ("[regimes]\nmeans = [1, 5]", "learning.reward_cost"),
        ("[yields]\nnoise_counts = 5", "with noise no slot's expected cost is known"),
    ],
)
def test_what_cannot_be_trained_on_is_named_with_its_key(
    addition: str,
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # evaluations take most of the time, and none is looked at
    monkeypatch.setattr("qnetsim.learning.evaluate.REALISED_SLOTS", 5)
    path = written(tmp_path, SCENARIO + addition + "\n")
    arguments = ("train", path, "-p", "fedsac", "-o", str(tmp_path / "w.safetensors"))
    code, _, err = call(capsys, *arguments)
    assert code == 2
    assert "s.toml:" in err
    assert message in err
    # either thing that it says is enough to go on
    given = re.search(r"give (--set \S+), or write (.*) in \[learning\]$", err.strip())
    assert call(capsys, *arguments, "--epochs", "1", *given[1].split())[0] == 0
    changed = SCENARIO.replace("[learning]", f"[learning]\n{given[2]}")
    written(tmp_path, changed + addition + "\n")
    assert call(capsys, *arguments, "--epochs", "1", "--force")[0] == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[regimes]\nmeans = [1]\n", "a list of 2 to 16 numbers"),
        ("[regimes]\nmeans = [1, -5]\n", "allowed: a number 0 .. 1000000"),
        ("[learning]\nbatch = 0\n", "an integer 1 .. 65536"),
        ("[learning]\nobserve = ['demands']\n", "'actions', 'demand', 'pools', 'context'"),
        ("[learning]\nobserve = ['pairs', 'pairs']\n", "'pairs' stands there twice; allowed: each"),
        ("[learning]\ndiscont = 0.5\n", "did you mean 'discount'"),
    ],
)
def test_bad_tables_are_named(
    text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = SCENARIO.split("[learning]")[0]
    code, _, err = call(capsys, "scenario", "check", written(tmp_path, head + text))
    assert code == 2
    assert message in err


def test_regimes_want_comonotone_poisson_demand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = SCENARIO.split("[learning]")[0].replace(
        "requests", "mean = 2\ncoupling = 'independent'\nrequests"
    )
    code, _, err = call(
        capsys, "scenario", "check", written(tmp_path, head + "[regimes]\nmeans = [1, 5]\n")
    )
    assert code == 2
    assert "demand.mean" in err
    assert "demand.coupling" in err


def test_a_policy_without_weights_says_how_to_train_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.csv").write_text("source,target,length_km\na,b,100\nb,c,100\na,c,100\n")
    path = written(tmp_path, SCENARIO.replace('"nsfnet"', '"mine.csv"'))
    code, _, err = call(capsys, "run", path, "-p", "fedsac", "-o", str(tmp_path / "t.h5"))
    assert code == 2
    assert "qnetsim train SCENARIO --policy fedsac" in err
    assert 'give --policy fedsac:model=FILE.safetensors, or model = "FILE.safetensors" in' in err
    for other in ("/dev/null", path):
        code, _, err = call(capsys, "run", path, "-p", f"fedsac:model={other}", "-o", "t.h5")
        assert code == 2
        assert f"{other} is no file of weights; give a .safetensors file" in err
    shipped = MODELS / "fedsac-nsfnet.safetensors"
    mine = ("run", written(tmp_path), "-p", f"decsac:model={shipped}", "-o", str(tmp_path / "u.h5"))
    code, _, err = call(capsys, *mine)
    assert code == 2
    assert f"was trained as fedsac, not as decsac; give --policy fedsac:model={shipped}, or" in err


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    shipped = (MODELS / "fedsac-nsfnet.safetensors").read_bytes()
    path = tmp_path / "w.safetensors"
    path.write_bytes(shipped[: len(shipped) // 2])
    with pytest.raises(UsageError, match="not a safetensors file"):
        read_weights(path)
    with pytest.raises(UsageError, match="no such file of weights"):
        read_weights(tmp_path / "none.safetensors")


def test_other_files_are_no_curves(tmp_path: Path) -> None:
    for name in ("format-1.3.h5",):
        with pytest.raises(TraceFormatError, match="no learning curve"):
            read_curve(ROOT / "tests" / "formats" / name)
    (tmp_path / "x.h5").write_text("x")
    with pytest.raises(TraceFormatError, match="is not a learning curve"):
        read_curve(tmp_path / "x.h5")


@pytest.mark.parametrize(
    "model", sorted(p.name for p in MODELS.glob("*.safetensors") if "belief-net" not in p.stem)
)
def test_shipped_models_have_a_card_that_names_them(model: str) -> None:
    weights = read_weights(MODELS / model)
    assert weights.sha256 in (MODELS / model).with_suffix(".md").read_text()
    curve = read_curve((MODELS / model).with_suffix(".h5"))
    assert curve.columns["curve/stochastic"][-1, 0] == pytest.approx(
        weights.card["final_cost"], abs=1e-6
    )


def test_learned_policies_run_without_torch(tmp_path: Path) -> None:
    script = f"""
import sys
sys.modules["torch"] = None
import qnetsim
scenario = qnetsim.load({str(ROOT / "scenarios" / "nsfnet.toml")!r}, slots=50)
from qnetsim.scenario import PolicyTable
for name in ("fedsac", "decsac", "decppo", "masac", "mappo"):
    from qnetsim.runs.run_context import RunContext
    from qnetsim.runs.simulate import simulate
    simulate(scenario, PolicyTable(name=name), {str(tmp_path)!r} + f"/{{name}}.h5")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_trace_names_the_weights_that_decided(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "t.h5"
    code, *_ = call(
        capsys,
        "run",
        str(ROOT / "scenarios" / "nsfnet.toml"),
        "-p",
        "fedsac",
        "--slots",
        "20",
        "-o",
        str(out),
    )
    assert code == 0
    with open_trace(out) as trace:
        sha256 = trace.provenance["policy"]["weights_sha256"]
    assert sha256 == read_weights(MODELS / "fedsac-nsfnet.safetensors").sha256


def test_a_settled_policy_holds_and_costs_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Holding a repeated state to the end is the same as deciding anew each slot."""
    from qnetsim.policies.learned import FedSAC

    case = open_case(parse_scenario(SCENARIO))
    found = []
    for still in (True, False):
        policy = FedSAC()
        asked = []
        blocks = []
        prepare = policy.prepare

        def prepared(setting, plan, policy=policy, prepare=prepare, still=still) -> None:
            prepare(setting, plan)
            policy._foreseen = policy._foreseen and still
            weights = policy._fitted(setting).weights
            policy._weights_of_agent = [weights.of(mine) for mine in policy._of_agent]

        decide = policy.decide
        policy.prepare = prepared
        policy.decide = lambda seen, decide=decide, asked=asked: (asked.append(1), decide(seen))[1]
        run_case(
            RunContext(case, "x"),
            policy,
            case.realisation(0).chunks(),
            lambda _, block, blocks=blocks: blocks.append(block.columns["qkd_channels"]),
        )
        found.append((len(asked), np.concatenate(blocks)))
    assert found[0][0] < found[1][0] == 14 * 30
    np.testing.assert_array_equal(found[0][1], found[1][1])


def test_a_window_forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    from qnetsim.policies.registry import make_policy

    text = (
        SCENARIO.replace("slots = 30", "slots = 200")
        + "[regimes]\nmeans = [0.2, 8]\nmean_slots = 40\n"
    )
    case = open_case(parse_scenario(text))
    totals = []
    for options in ({}, {"window_slots": 6, "every_slots": 1}):
        costs = []
        run_case(
            RunContext(case, "x"),
            make_policy("empirical", options),
            case.realisation(0).chunks(),
            lambda _, block, costs=costs: costs.extend(
                sum(block.columns[f"{k}_cost"] for k in ("qkd_reserved", "qkd_on_demand"))
            ),
        )
        totals.append(sum(costs))
    assert totals[1] < 0.95 * totals[0]


def test_fig9_keeps_its_curves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slugs = (
        *("paper-own-reward", "paper-network-reward-shared-moments"),
        *("tuned", "tuned-20-channels"),
    )
    settings = [word for slug in slugs for word in ("--setting", slug)]
    command = ("reproduce", "fig9", "--topology", "nsfnet", "--epochs", "1", "-o", str(tmp_path))
    command = (*command, *settings)
    arguments = (*command, "--seeds", "1")
    code, out, _ = call(capsys, *arguments)
    assert code == 0
    assert "the paper says" in out

    def curves() -> dict[Path, int]:
        return {p: p.stat().st_mtime_ns for p in (tmp_path / "fig9").iterdir()}

    before = curves()
    assert len(before) == 10
    code, out, _ = call(capsys, *arguments, "--force", "--json")
    assert code == 0
    assert curves() == before
    lines = json.loads(out)["lines"]
    assert {line["claim"] for line in lines} == {10, 20, 80}
    # a faster number is no claim that holds
    words = {"as claimed", "faster than claimed", "slower than claimed", "does not converge"}
    told = {line["setting"]: line["verdict"] for line in lines}
    assert told["paper, own reward"] in words
    assert told["tuned"] == "not the paper's settings"
    assert told["tuned, 20 channels"] == "control"
    assert len(lines) == 10
    # another seed is one more file; without it, what is there is shown
    code, out, _ = call(capsys, *command, "--seeds", "2", "--force", "--trained", "--json")
    assert code == 0 and json.loads(out)["lines"] == lines
    assert curves() == before
    gone = tmp_path / "fig9" / "nsfnet-tuned-decppo-seed-000.h5"
    gone.unlink()
    code, out, _ = call(capsys, *arguments, "--force", "--trained", "--json")
    assert len(json.loads(out)["lines"]) == 9
    # it comes out again, from a worker too
    code, out, _ = call(capsys, *arguments, "--force", "--workers", "2", "--json")
    assert json.loads(out)["lines"] == lines
    assert {p for p, at in curves().items() if before[p] != at} == {gone}
