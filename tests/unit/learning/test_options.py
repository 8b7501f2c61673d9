"""What a person who trains may choose: seeds, worlds, evaluation, the best policies, devices."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from qnetsim.case import Case, open_case  # noqa: E402
from qnetsim.errors import MissingExtraError, UsageError  # noqa: E402
from qnetsim.learning.checkpoint import restore_state, save_state, weights_of  # noqa: E402
from qnetsim.learning.options import TrainingOptions  # noqa: E402
from qnetsim.learning.results import write_results  # noqa: E402
from qnetsim.learning.train import ALGORITHMS, Training  # noqa: E402
from qnetsim.learning.training_record import training_record  # noqa: E402
from qnetsim.trace.files.curve_file import read_curve  # noqa: E402
from tests.support import ROOT  # noqa: E402
from tests.support.commands import call  # noqa: E402
from tests.support.helpers import scenario  # noqa: E402

PAGE = ROOT / "docs" / "background" / "training.md"
FASTER = re.findall(
    r"^qnetsim (train .*)$",
    PAGE.read_text().partition("<!-- faster trainings -->")[2].split("```")[1],
    re.MULTILINE,
)
TEXT = """
[run]
slots = 40
[network]
topology = "nsfnet"
[demand]
requests = 30
[learning]
epochs = {epochs}
slots_per_epoch = 12
updates_per_epoch = 6
batch = 8
hidden_units = 16
replay = {replay}
{more}
"""


def case_of(epochs: int = 3, more: str = "", replay: int = 200) -> Case:
    return open_case(scenario(TEXT.format(epochs=epochs, more=more, replay=replay)))


def trained(
    algorithm: str = "fedsac", *, epochs: int = 3, more: str = "", **given: Any
) -> Training:
    training = Training(case_of(epochs, more), algorithm, [0, 3], options=TrainingOptions(**given))
    training.run()
    return training


def parameters(training: Training) -> np.ndarray:
    return np.concatenate([t.detach().numpy().ravel() for t in training.learner.policy])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"train_seed": -1}, "train_seed is -1; allowed: an integer 0"),
        ({"train_seed": 1.5}, "train_seed is 1.5"),
        ({"worlds": 0}, "worlds is 0; allowed: an integer 1"),
        ({"evaluate_every": True}, "evaluate_every is True"),
        ({"stop_after": -2}, "stop_after is -2"),
        ({"keep_best": 1}, "keep_best is 1; give True or False"),
        ({"device": "tpu"}, "device=tpu: no such device; allowed: cpu, cuda, cuda:N"),
        ({"device": "cpu:1"}, "device=cpu:1: no such device; allowed: cpu, cuda, cuda:N"),
        ({"device": "meta"}, "device=meta: no such device"),
    ],
)
def test_bad_options_are_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        TrainingOptions(**given)


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match=r"device=cuda: torch .* finds no CUDA device here"):
        TrainingOptions(device="cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert TrainingOptions(device="cuda:1").device == "cuda:1"
    with pytest.raises(UsageError, match=r"device=cuda:2: .* the last one is cuda:1"):
        TrainingOptions(device="cuda:2")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device here")
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_training_on_a_cuda_device_is_nearly_that_on_the_cpu(algorithm: str) -> None:
    here, there = trained(algorithm), trained(algorithm, device="cuda")
    np.testing.assert_allclose(here.curve.stochastic, there.curve.stochastic, rtol=0.02)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_everything_of_a_learner_is_on_its_device(algorithm: str) -> None:
    """On torch's device without memory, an update with anything left on the CPU would fail."""
    options = TrainingOptions(worlds=2)
    object.__setattr__(options, "device", "meta")  # which is refused to users
    learner = Training(case_of(), algorithm, [0, 3], options=options).learner
    stack, inputs = learner.stack, learner.spec.size

    def slot(width: int) -> Any:
        return torch.zeros(stack, 2, width, device="meta")

    for _ in range(4):
        learner.remember(slot(inputs), slot(2), slot(1), slot(inputs))
    learner.iterate(0)
    assert learner.updates == 6
    for name, tensor in learner.tensors().items():
        assert tensor.device.type == ("cpu" if name == "count" else "meta"), name
    seen = torch.zeros(stack, 2, inputs)
    assert learner.act(seen, learner.draws(0, "act").noise(learner.agents, 2)).device.type == "meta"


def test_the_training_has_a_seed_of_its_own() -> None:
    plain, same, other = trained(), trained(train_seed=1), trained(train_seed=2)
    np.testing.assert_array_equal(parameters(plain), parameters(same))
    assert not np.array_equal(parameters(plain), parameters(other))
    # requests and held-out worlds are the scenario's
    assert plain.case.forecast.pairs == other.case.forecast.pairs
    mine, theirs = (t.evaluation._environment for t in (plain, other))
    for environment in (mine, theirs):
        environment.reset()
        environment.step(np.zeros((environment.worlds, environment.units.count, 2)))
    np.testing.assert_array_equal(mine.loads, theirs.loads)
    worlds = []
    for training in (plain, other):
        training.environment.reset()
        levels = []
        for _ in range(20):
            training.environment.step(np.zeros((2, training.environment.units.count, 2)))
            levels.append(training.environment.loads.copy())
        worlds.append(np.array(levels))
    assert not np.array_equal(*worlds)


def test_a_seed_plays_several_worlds_and_the_first_is_its_own() -> None:
    one, three = (
        Training(case_of(), "decsac", [0, 3], options=TrainingOptions(worlds=n)) for n in (1, 3)
    )
    loads = []
    for training in (one, three):
        environment = training.environment
        found = []
        for _ in range(20):
            environment.step(np.zeros((environment.worlds, environment.units.count, 2)))
            found.append(environment.loads.copy())
        loads.append(np.array(found))
    assert three.environment.worlds == 6
    np.testing.assert_array_equal(loads[1][:, [0, 3]], loads[0])
    assert len({loads[1][:, w].tobytes() for w in range(6)}) == 6


def test_experiences_of_all_worlds_are_kept_and_counted() -> None:
    training = trained("decsac", worlds=5)
    assert training.curve.slots == [0, 60, 120, 180]
    replay = training.learner.replay  # type: ignore[attr-defined]
    assert int(replay.counts) == 180
    assert replay.size == 180
    rows = replay.rows[0, :180]
    assert len({row.numpy().tobytes() for row in rows}) > 150
    with pytest.raises(UsageError, match="worlds is 20, but an agent keeps 10 experiences only"):
        Training(case_of(replay=10), "decsac", [0], options=TrainingOptions(worlds=20))


def test_advantages_do_not_leak_from_world_to_world() -> None:
    """Two worlds are worth what each is worth alone."""
    learner = trained("decppo", worlds=2).learner
    draw = torch.Generator().manual_seed(1)
    stack = learner.stack
    reward, value, following = (torch.randn(stack, 12, 1, generator=draw) for _ in range(3))
    both = learner._advantages(reward, value, following, 2)  # type: ignore[attr-defined]
    for world in (0, 1):
        alone = learner._advantages(  # type: ignore[attr-defined]
            *(t[:, world::2] for t in (reward, value, following)), 1
        )
        torch.testing.assert_close(both[:, world::2], alone)


def test_every_so_many_epochs_are_evaluated_and_the_last_one() -> None:
    often, seldom = trained(epochs=5), trained(epochs=5, evaluate_every=2)
    assert seldom.curve.epochs == [0, 2, 4, 5]
    assert seldom.curve.slots == [0, 24, 48, 60]
    np.testing.assert_array_equal(
        np.array(seldom.curve.stochastic), np.array(often.curve.stochastic)[[0, 2, 4, 5]]
    )
    record = training_record(seldom)
    assert record.columns["curve/epoch"].tolist() == [0, 2, 4, 5]


def test_the_best_policies_are_kept_and_tried_in_other_worlds(tmp_path: Path) -> None:
    more = "policy_rate = 0.02\nreward_cost = 'realised'\n[regimes]\nmeans = [1, 6]\nmean_slots = 5"
    training = trained(epochs=6, keep_best=True, more=more)
    costs = np.array(training.curve.deterministic)
    assert training.best is not None
    np.testing.assert_array_equal(training.best.epoch, costs.argmin(axis=0))
    np.testing.assert_array_equal(training.best.cost, costs.min(axis=0))
    place = int(np.argmax(training.best.epoch < 6))
    epoch = int(training.best.epoch[place])
    assert epoch < 6, "no seed was better before its last epoch, so this shows nothing"
    weights = weights_of(training, place)
    until = Training(training.case, "fedsac", [0, 3])
    until.run(epoch)
    for (ours, _), (theirs, _) in zip(weights.layers, weights_of(until, place).layers, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    card = weights.card
    assert card["kept_epoch"] == epoch
    assert card["final_cost_of_mean_actions"] == round(float(costs[epoch, place]), 6)
    assert card["checked_cost_of_mean_actions"] != card["final_cost_of_mean_actions"]
    paths = {n: tmp_path / f"w{s}" for n, s in (("weights", ".safetensors"), ("card", ".md"))}
    write_results(training, paths | {"curve": tmp_path / "w.h5"}, training_record(training))
    assert "epoch that was kept" in paths["card"].read_text()
    assert read_curve(tmp_path / "w.h5").provenance["options"] == {"keep_best": True}


def test_a_training_stops_where_no_seed_gets_better() -> None:
    still = trained(epochs=30, stop_after=3, more="policy_rate = 1e-12")
    assert still.stopped_early and still.finished
    assert still.epoch == 3
    whole = trained(epochs=3, stop_after=3, more="policy_rate = 1e-12")
    assert whole.finished and not whole.stopped_early
    moving = trained(epochs=5, stop_after=30)
    assert not moving.stopped_early
    assert moving.epoch == 5


def test_an_early_stop_needs_evaluations_before_the_end() -> None:
    given = r"stop_after is 2, but with evaluate_every=5 none of 5 epochs is evaluated before the"
    late = TrainingOptions(stop_after=2, evaluate_every=5)
    with pytest.raises(UsageError, match=given):
        Training(case_of(epochs=5), "decsac", [0], options=late)
    for every, epochs in ((4, 5), (1, 1)):
        options = TrainingOptions(stop_after=2, evaluate_every=every)
        Training(case_of(epochs=epochs), "decsac", [0], options=options)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("stop", [1, 2, 4])
def test_a_resumed_training_keeps_all_its_options(
    algorithm: str, stop: int, tmp_path: Path
) -> None:
    options = TrainingOptions(
        train_seed=9, worlds=2, evaluate_every=2, keep_best=True, stop_after=9
    )
    case = case_of(epochs=5)
    whole, first, second = (Training(case, algorithm, [0, 3], options=options) for _ in range(3))
    whole.run()
    first.run(stop)
    save_state(first, tmp_path / "x.state")
    restore_state(second, tmp_path / "x.state")
    second.run()
    for name, tensor in whole.learner.tensors().items():
        assert torch.equal(tensor, second.learner.tensors()[name]), name
    assert whole.best is not None and second.best is not None
    for name, tensor in whole.best.tensors().items():
        assert torch.equal(tensor, second.best.tensors()[name]), name
    assert training_record(whole).digest() == training_record(second).digest()


def test_an_early_stop_is_kept_in_a_state(tmp_path: Path) -> None:
    options = TrainingOptions(stop_after=2)
    case = case_of(epochs=30, more="policy_rate = 1e-12")
    first, second = (Training(case, "decsac", [0], options=options) for _ in range(2))
    first.run()
    assert first.epoch == 2
    save_state(first, tmp_path / "x.state")
    restore_state(second, tmp_path / "x.state")
    second.run()
    assert second.epoch == 2


@pytest.mark.parametrize(
    "given", [{"worlds": 2}, {"train_seed": 5}, {"keep_best": True}, {"evaluate_every": 2}]
)
def test_a_state_of_other_options_is_refused(given: dict[str, Any], tmp_path: Path) -> None:
    first = Training(case_of(), "decsac", [0])
    first.run(1)
    save_state(first, tmp_path / "x.state")
    other = Training(case_of(), "decsac", [0], options=TrainingOptions(**given))
    with pytest.raises(UsageError, match=r"another training \(scenario, policy, seeds, options"):
        restore_state(other, tmp_path / "x.state")


def test_a_log_for_tensorboard_has_every_evaluation(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from qnetsim.learning.tensorboard_log import TensorBoardLog

    training = Training(case_of(5), "decsac", [0, 3], options=TrainingOptions(evaluate_every=2))
    log = TensorBoardLog(tmp_path)
    training.run(done=log.write)
    log.close()
    read = EventAccumulator(str(tmp_path))
    read.Reload()
    for place, seed in enumerate((0, 3)):
        for title, costs in (
            ("mean", training.curve.deterministic),
            ("drawn", training.curve.stochastic),
        ):
            events = read.Scalars(f"{title} actions/seed {seed}")
            assert [e.step for e in events] == [0, 2, 4, 5]
            found = [e.value for e in events]
            np.testing.assert_allclose(found, np.array(costs)[:, place], rtol=1e-6)
    with pytest.raises(UsageError, match="holds the log of another training"):
        TensorBoardLog(tmp_path)
    TensorBoardLog(tmp_path, force=True).close()
    # killed before its second state, a training goes on from the first one, at epoch 0
    TensorBoardLog(tmp_path, 0).close()


def test_the_log_of_a_resumed_training_lacks_no_evaluation(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from qnetsim.learning.tensorboard_log import TensorBoardLog

    killed, resumed = (Training(case_of(6), "decsac", [0]) for _ in range(2))
    log = TensorBoardLog(tmp_path / "log")
    killed.run(2, done=log.write)
    save_state(killed, tmp_path / "x.state")
    killed.run(4, done=log.write)
    log.close()
    restore_state(resumed, tmp_path / "x.state")
    log = TensorBoardLog(tmp_path / "log", resumed.epoch)
    resumed.run(done=log.write)
    log.close()
    read = EventAccumulator(str(tmp_path / "log"))
    read.Reload()
    steps = [event.step for event in read.Scalars("mean actions/seed 0")]
    assert steps == [0, 1, 2, 3, 4, 5, 6]


def test_a_log_names_the_extra_that_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qnetsim import extras
    from qnetsim.learning.tensorboard_log import TensorBoardLog

    monkeypatch.setattr(extras, "_is_there", lambda package: False)
    with pytest.raises(MissingExtraError, match=r'pip install "qnetsim\[tensorboard\]"'):
        TensorBoardLog(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("line", FASTER)
def test_the_faster_trainings_of_the_page_do_what_it_says(
    line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half as many updates in an epoch as the shipped settings, or fewer."""
    out = tmp_path / "w.safetensors"
    code, text, err = call(capsys, *shlex.split(line), "--epochs", "1", "-o", str(out), "--json")
    assert code == 0, err
    last = json.loads(text)["epochs"][-1]
    assert last["slots"] in {20, 250, 400}
    assert last["updates"] in {10, 20, 25, 50}


def test_the_page_has_a_faster_training_of_each_policy() -> None:
    assert [line.split(" -p ")[1].split()[0] for line in FASTER] == list(ALGORITHMS)
