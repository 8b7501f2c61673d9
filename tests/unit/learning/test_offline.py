"""Learning from traces: what is read from them, what is learnt, and Minari data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from qnetsim.case import Case, open_case  # noqa: E402
from qnetsim.errors import MissingExtraError, QnetsimError, UsageError  # noqa: E402
from qnetsim.learning.checkpoint import restore_state, save_state, weights_of  # noqa: E402
from qnetsim.learning.environment import ArrayEnvironment  # noqa: E402
from qnetsim.learning.offline import OfflineTraining, read_for  # noqa: E402
from qnetsim.learning.offline_data import read_episodes, told_of  # noqa: E402
from qnetsim.learning.options import TrainingOptions  # noqa: E402
from qnetsim.runs.simulate import simulate  # noqa: E402
from qnetsim.scenario import PolicyTable, Scenario  # noqa: E402
from tests.support.commands import call  # noqa: E402
from tests.support.helpers import scenario  # noqa: E402

TEXT = """
[run]
slots = 30
[network]
topology = "nsfnet"
[demand]
requests = 20
[learning]
epochs = 3
updates_per_epoch = 40
batch = 32
hidden_units = 16
policy_rate = 0.01
discount = 0.0
reward = "negative_cost"
decide_by = "fibre"
reward_cost = "realised"
observe = ["demand", "pools", "context"]
{learning}
[key_management]
store_bits = 9000
key_lifetime_slots = 3
"""


def scenario_of(learning: str = "") -> Scenario:
    return scenario(TEXT.format(learning=learning))


def case_of(learning: str = "") -> Case:
    return open_case(scenario_of(learning))


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("traces")
    found = {}
    for name, options in (("level", {"level": 2}), ("random", {}), ("perfect", {})):
        found[name] = folder / f"{name}.h5"
        simulate(scenario_of(), PolicyTable(name=name, **options), found[name])
    return found


@pytest.mark.parametrize("learning", ["", "km_action = 'around_one'", "channels_by = 'fibre'"])
def test_a_trace_shows_what_the_environment_would_have_shown(
    learning: str, traces: dict[str, Path]
) -> None:
    """By fibre an agent can do all that `level` does, so nothing is lost on the way."""
    case = case_of(learning)
    (episode,) = read_episodes(case, [traces["level"]])
    assert episode.slots == 30
    assert episode.distance == 0
    core = ArrayEnvironment(case, [0], "test")
    core._drawn = np.concatenate([c.levels for c in case.realisation(0).chunks()])[None]
    core._draw = lambda chunk: None  # type: ignore[method-assign]
    for slot in range(30):
        np.testing.assert_allclose(episode.observation[slot], core.observe()[0], atol=1e-6)
        reward = core.step(episode.action[None, slot])
        np.testing.assert_allclose(episode.reward[slot], reward[0], rtol=1e-6)
    np.testing.assert_allclose(episode.observation[30], core.observe()[0], atol=1e-6)
    assert np.ptp(episode.observation[:, :, :6]) > 0


def test_single_pairs_and_neighbours_are_seen_as_in_training(tmp_path: Path) -> None:
    text = TEXT.replace("requests = 20", "requests = 20\ncoupling = 'independent'")
    observe = '["demand", "pools", "context", "pairs", "neighbours"]'
    text = text.replace('["demand", "pools", "context"]', observe).format(learning="")
    path = simulate(scenario(text), PolicyTable(name="level", level=2), tmp_path / "run.h5")
    case = open_case(scenario(text))
    (episode,) = read_episodes(case, [path])
    core = ArrayEnvironment(case, [0], "test")
    core._drawn = np.concatenate([c.levels for c in case.realisation(0).chunks()])[None]
    core._draw = lambda chunk: None  # type: ignore[method-assign]
    for slot in range(30):
        np.testing.assert_allclose(episode.observation[slot], core.observe()[0], atol=1e-6)
        core.step(episode.action[None, slot])
    np.testing.assert_allclose(episode.observation[30], core.observe()[0], atol=1e-6)
    assert np.ptp(episode.observation[:, :, -2:], axis=0).min() > 0


@pytest.mark.parametrize(
    ("demand", "message"),
    [
        ("levels = 20", r"its levels go up to 1\d, the scenario's to 9"),
        ("coupling = 'independent'", "its world/request_group differs"),
    ],
)
def test_traces_of_demand_that_cannot_be_are_refused(
    demand: str, message: str, tmp_path: Path
) -> None:
    text = TEXT.replace("requests = 20", f"requests = 20\n{demand}").format(learning="")
    path = simulate(scenario(text), PolicyTable(name="random"), tmp_path / "run.h5")
    with pytest.raises(UsageError, match=message):
        read_episodes(case_of(), [path])


@pytest.mark.parametrize(
    ("stores", "differs"),
    [
        (
            "store_bits = 5000\nkey_lifetime_slots = 3",
            "key_management.store_bits is 5000, the scenario's 9000",
        ),
        (
            "store_bits = 9000\nkey_lifetime_slots = 3\ngranularity = 'bit'",
            "key_management.granularity is bit, the scenario's channel",
        ),
        (
            "store_bits = 9000",
            "key_management.store_bits is 0, the scenario's 9000; "
            "key_management.key_lifetime_slots is 0, the scenario's 3",
        ),
    ],
)
def test_traces_of_other_stores_are_refused(stores: str, differs: str, tmp_path: Path) -> None:
    text = TEXT.split("[key_management]")[0].format(learning="") + f"[key_management]\n{stores}\n"
    path = simulate(scenario(text), PolicyTable(name="level", level=2), tmp_path / "run.h5")
    with pytest.raises(UsageError) as caught:
        read_episodes(case_of(), [path])
    assert differs in str(caught.value)


@pytest.mark.parametrize(
    ("tables", "differs"),
    [
        ({"requests = 20": "requests = 20\nmean = 3.0"}, {}),
        (
            {"requests = 20": "requests = 20\nmean = 2.0"},
            {"demand": "demand.mean is 2, the scenario's 3"},
        ),
        (
            {"[network]": "[regimes]\nmeans = [1, 6]\nmean_slots = 5\n[network]"},
            {"demand": "[regimes] is there, unlike in the scenario"},
        ),
        (
            {"requests = 20": "requests = 20\nholding_slots = 3"},
            {"sessions": "demand.holding_slots is 3, the scenario's 1"},
        ),
        (
            {"[network]": "[network]\nqkd_wavelengths = 40\nkm_wavelengths = 90"},
            {
                "limits": "network.qkd_wavelengths is 40, the scenario's 0; "
                "network.km_wavelengths is 90, the scenario's 0"
            },
        ),
        (
            {"[network]": "[yields]\nnoise_counts = 10\ndrift = 0.1\n[network]"},
            {
                "yields": "yields.noise_counts is 10, the scenario's 0; "
                "yields.drift is 0.1, the scenario's 0"
            },
        ),
        (
            {"[network]": "[faults]\nnode_mtbf_s = 90.0\nnode_mttr_s = 1.0\n[network]"},
            {
                "faults": "faults.node_mtbf_s is 90, the scenario's none; "
                "faults.node_mttr_s is 1, the scenario's none"
            },
        ),
        (
            {"[network]": "[[outage]]\nnode = '1'\nstart_s = 1\nduration_s = 2\n[network]"},
            {"outages": "[[outage]] differs"},
        ),
        (
            {"[key_management]": "[cost]\nblocking_cost = 5.0\n[key_management]\npatience_s = 2.0"},
            {
                "waits": "key_management.patience_s is 2, the scenario's 0",
                "penalties": "cost.blocking_cost is 5, the scenario's none",
            },
        ),
    ],
)
def test_what_traces_have_otherwise_is_told(
    tables: dict[str, str], differs: dict[str, str], tmp_path: Path
) -> None:
    text = TEXT.format(learning="")
    for old, new in tables.items():
        text = text.replace(old, new)
    path = simulate(scenario(text), PolicyTable(name="level", level=2), tmp_path / "run.h5")
    told = told_of(read_episodes(case_of(), [path])).splitlines()[1:]
    assert told == [
        f"warning: {path}: other {subject} than the scenario's: {said}"
        for subject, said in differs.items()
    ]


def test_a_run_that_was_cut_short_is_told(traces: dict[str, Path], tmp_path: Path) -> None:
    copy = tmp_path / "copy.h5"
    copy.write_bytes(traces["level"].read_bytes())
    with h5py.File(copy, "r+") as file:
        file.attrs["status"] = "interrupted"
    episodes = read_episodes(case_of(), [traces["random"], copy])
    told = told_of(episodes).splitlines()[1:]
    assert told == [
        f"warning: {copy}: its run is interrupted; its 30 slots are learnt from all the same"
    ]


@pytest.mark.parametrize(
    ("network", "stores", "evaluated_by"),
    [
        ("", True, "realised"),
        ("qkd_wavelengths = 400", False, "realised"),
        ("", False, "expected"),
    ],
)
def test_expected_costs_are_no_matter_to_traces(
    network: str, stores: bool, evaluated_by: str, tmp_path: Path
) -> None:
    """Rewards are those of the trace; only worlds of evaluation go by expected costs, if known."""
    text = TEXT.format(learning="").replace('"nsfnet"', f'"nsfnet"\n{network}')
    if not stores:
        text = text.split("[key_management]")[0]
    path = simulate(scenario(text), PolicyTable(name="random"), tmp_path / "run.h5")
    found = []
    for reward_cost in ("expected", "realised"):
        given = text.replace('reward_cost = "realised"', f"reward_cost = '{reward_cost}'")
        case = open_case(scenario(given))
        training = OfflineTraining(case, "fedsac", [0], read_for(case, "fedsac", [path]))
        training.run(1)
        found.append(training)
    assert found[0].case.scenario.learning.reward_cost == evaluated_by
    np.testing.assert_array_equal(*(one.episodes[0].reward for one in found))
    for name, tensor in found[0].learner.tensors().items():
        assert torch.equal(tensor, found[1].learner.tensors()[name]), name
    same = np.array_equal(*(one.curve.deterministic for one in found))
    assert same == (evaluated_by == "realised")


def test_imitation_does_what_was_done(traces: dict[str, Path]) -> None:
    """With no weight of the value: two channels for each request, one wavelength each."""
    case = case_of()
    episodes = read_for(case, "fedsac", [traces["level"]])
    training = OfflineTraining(case, "fedsac", [0], episodes, value_weight=0.0)
    training.run()
    assert training.curve.slots == [30] * 4
    action = np.tanh(weights_of(training).forward(episodes[0].observation[None, 0])[0])
    wanted = episodes[0].action[0][None]
    np.testing.assert_allclose(action, wanted, atol=0.06)
    assert weights_of(training).card["source"] == {
        "traces": [episodes[0].digest],
        "value_weight": 0.0,
    }


def test_the_value_moves_the_policy_away_from_what_was_done(traces: dict[str, Path]) -> None:
    case = case_of()
    episodes = read_for(case, "fedsac", [traces["level"], traces["random"]])
    far = []
    for weight in (0.0, 2.5):
        training = OfflineTraining(case, "fedsac", [0], episodes, value_weight=weight)
        training.run(2)
        seen = episodes[0].observation[None, 0]
        far.append(np.tanh(weights_of(training).forward(seen)[0]))
    assert np.abs(far[0] - far[1]).max() > 0.02


def test_an_offline_training_resumes_to_the_bit(traces: dict[str, Path], tmp_path: Path) -> None:
    case = case_of()
    episodes = read_for(case, "decsac", [traces["random"]])

    def training(weight: float = 2.5) -> OfflineTraining:
        options = TrainingOptions(keep_best=True)
        return OfflineTraining(
            case, "decsac", [0, 1], episodes, value_weight=weight, options=options
        )

    whole, first, second = training(), training(), training()
    whole.run()
    first.run(1)
    save_state(first, tmp_path / "x.state")
    restore_state(second, tmp_path / "x.state")
    second.run()
    for name, tensor in whole.learner.tensors().items():
        assert torch.equal(tensor, second.learner.tensors()[name]), name
    with pytest.raises(UsageError, match="is the state of another training"):
        restore_state(training(1.0), tmp_path / "x.state")


def test_traces_of_others_are_refused(traces: dict[str, Path], tmp_path: Path) -> None:
    case = case_of()
    with pytest.raises(UsageError, match="its policy 'perfect' was told the demand"):
        read_episodes(case, [traces["perfect"]])
    other = scenario(TEXT.format(learning="").replace("requests = 20", "requests = 21"))
    with pytest.raises(UsageError, match="is no run of this scenario: its world/request_source"):
        read_episodes(open_case(other), [traces["level"]])
    usnet = scenario(TEXT.format(learning="").replace("nsfnet", "usnet"))
    with pytest.raises(UsageError, match="is no run of this scenario: its fibres/source"):
        read_episodes(open_case(usnet), [traces["level"]])
    (tmp_path / "x.h5").write_text("x")
    with pytest.raises(QnetsimError, match=r"x\.h5"):
        read_episodes(case, [tmp_path / "x.h5"])


def test_no_trace_counts_twice(traces: dict[str, Path], tmp_path: Path) -> None:
    case, level = case_of(), traces["level"]
    with pytest.raises(UsageError, match=r"level\.h5: is given twice; give each trace once"):
        read_episodes(case, [level, traces["random"], level])
    other = level.parent / ".." / level.parent.name / level.name
    with pytest.raises(UsageError, match=r"is given twice, first as .*level\.h5; give each"):
        read_episodes(case, [level, other])
    copy = tmp_path / "copy.h5"
    copy.write_bytes(level.read_bytes())
    with pytest.raises(UsageError, match=r"copy\.h5: holds the same run as .*level\.h5, which"):
        read_episodes(case, [level, traces["random"], copy])
    assert len(read_episodes(case, [level, traces["random"]])) == 2
    # another policy that decides alike is another run; any iterable will do
    alike = tmp_path / "alike.h5"
    simulate(scenario_of(), PolicyTable(name="level", level=2, label="alike"), alike)
    assert len(read_episodes(case, iter([level, alike]))) == 2


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"algorithm": "decppo"}, "'decppo' does not learn from traces; .*: fedsac, decsac"),
        ({"episodes": []}, "there is no trace to learn from"),
        ({"value_weight": -1}, "value_weight is -1; allowed: a number >= 0"),
        ({"value_weight": float("nan")}, "value_weight is nan"),
        ({"options": TrainingOptions(worlds=2)}, "no world is played where traces are learnt"),
    ],
)
def test_bad_offline_trainings_are_refused(
    given: dict[str, Any], message: str, traces: dict[str, Path]
) -> None:
    case = case_of()
    episodes = read_episodes(case, [traces["level"]])
    call = {"algorithm": "decsac", "training_seeds": [0], "episodes": episodes} | given
    with pytest.raises(UsageError, match=message):
        OfflineTraining(case, **call)


def test_the_command_learns_from_traces(
    traces: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "s.toml"
    path.write_text(TEXT.format(learning=""))
    out = tmp_path / "w.safetensors"
    base = ("train", str(path), "-p", "fedsac", "-o", str(out))
    given = ("--from-traces", str(traces["level"]), "--from-traces", str(traces["random"]))
    code, _, err = call(capsys, *base, *given, "--epochs", "1", "--value-weight", "1")
    assert code == 0, err
    assert "60 slots of 2 traces; reservations lie" in err
    assert "traces" in out.with_suffix(".md").read_text()
    for more, message in (
        (("--value-weight", "1"), "--value-weight goes with --from-traces"),
        ((*given, "--padded"), "give one of them"),
        ((*given, "--worlds", "2"), "--worlds: no world is played"),
        ((*given, "--force", "-p", "mappo"), "given twice"),
    ):
        code, _, err = call(capsys, *base, "--force", *more)
        assert code == 2
        assert message in err
    code, _, err = call(
        capsys, "train", str(path), "-p", "mappo", *given, "-o", str(out), "--force"
    )
    assert code == 2
    assert "does not learn from traces; allowed with --from-traces: fedsac, decsac" in err


def test_what_was_read_is_told_in_a_line(traces: dict[str, Path]) -> None:
    by_agent = case_of().scenario
    learning = by_agent.learning.model_copy(update={"decide_by": "agent"})
    case = open_case(by_agent.model_copy(update={"learning": learning}))
    told = told_of(read_episodes(case, [traces["random"]]))
    assert told.startswith("30 slots of 1 trace; reservations lie on average ")
    # one action for all fibres of an agent cannot say what is drawn for each of them
    assert float(told.split()[9]) > 0.1


@pytest.mark.filterwarnings("ignore::UserWarning:minari")
def test_a_minari_data_set_holds_what_the_manager_saw(
    traces: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("minari", reason="Minari is not installed")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    from qnetsim.learning.minari import make_dataset

    paths = [traces["level"], traces["random"]]
    dataset = make_dataset(scenario_of(), paths, "qnetsim/test-v0")
    assert dataset.total_episodes == 2
    episodes = read_episodes(case_of("reward_scope = 'network'"), paths)
    for stored, read in zip(dataset.iterate_episodes(), episodes, strict=True):
        np.testing.assert_array_equal(stored.observations, read.observation.reshape(31, -1))
        np.testing.assert_array_equal(stored.actions, read.action.reshape(30, -1))
        np.testing.assert_allclose(stored.rewards, read.reward[:, 0])
        assert stored.truncations.tolist() == [False] * 29 + [True]
    with pytest.raises(UsageError, match="data set 'qnetsim/test-v0'"):
        make_dataset(scenario_of(), paths, "qnetsim/test-v0")
    for name in ("qnetsim/test", "", None):
        with pytest.raises(UsageError, match=f"data set {name!r}: a name ends with its version"):
            make_dataset(scenario_of(), paths, name)  # type: ignore[arg-type]
    for path in (paths[0], str(paths[0])):
        with pytest.raises(UsageError, match=r"level\.h5'; give a list of files"):
            make_dataset(scenario_of(), path, "qnetsim/other-v0")  # type: ignore[arg-type]


def below(place: Path) -> list[str]:
    return sorted(str(path.relative_to(place)) for path in place.rglob("*"))


@pytest.mark.filterwarnings("ignore::UserWarning:minari")
def test_a_data_set_that_cannot_be_made_leaves_nothing(
    traces: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("minari", reason="Minari is not installed")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    from qnetsim.learning.minari import make_dataset

    paths = [traces["level"]]
    for name in ("q/own-v0", "own set-v0", "../own-v0", "/own-v0"):
        with pytest.raises(UsageError, match=f"data set '{name}': a name has letters"):
            make_dataset(scenario_of(), paths, name)
    assert below(tmp_path) == []
    make_dataset(scenario_of(), paths, "others/first-v0")
    before = below(tmp_path)

    for failure in (OSError("full"), KeyboardInterrupt()):

        def stop(*_: object, failure: BaseException = failure) -> None:
            raise failure

        with monkeypatch.context() as patch:
            patch.setattr("minari.utils.MinariDataset", stop)  # once all is written
            for name in ("own/of/mine-v0", "others/mine-v0", "mine-v0"):
                with pytest.raises(type(failure)):
                    make_dataset(scenario_of(), paths, name)
        assert below(tmp_path) == before
    # a name that is taken is that of others
    with pytest.raises(UsageError, match="already exists"):
        make_dataset(scenario_of(), paths, "others/first-v0")
    assert below(tmp_path) == before
    assert make_dataset(scenario_of(), paths, "own/of/mine-v0").total_episodes == 1


def test_minari_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    from qnetsim import extras
    from qnetsim.learning.minari import make_dataset

    there = extras._is_there
    monkeypatch.setattr(extras, "_is_there", lambda name: name != "minari" and there(name))
    with pytest.raises(MissingExtraError, match=r'pip install "qnetsim\[minari\]"'):
        make_dataset(scenario_of(), [], "qnetsim/test-v0")
