"""Scenarios in which a slot is more than its demand are trained on to the kernel's numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from qnetsim.case import Case, open_case  # noqa: E402
from qnetsim.case.task_data import dataset_of  # noqa: E402
from qnetsim.errors import SettingError  # noqa: E402
from qnetsim.fel.datasets import Dataset  # noqa: E402
from qnetsim.learning import evaluate  # noqa: E402
from qnetsim.learning.admitted import refuse_unsupported  # noqa: E402
from qnetsim.learning.checkpoint import (  # noqa: E402
    restore_state,
    save_state,
    weights_of,
    write_weights,
)
from qnetsim.learning.environment import ArrayEnvironment  # noqa: E402
from qnetsim.learning.kernel_environment import (  # noqa: E402
    KernelEnvironment,
    KernelWorld,
    new_environment,
)
from qnetsim.learning.run_environment import FIRST_WORLD, RunEnvironment  # noqa: E402
from qnetsim.learning.train import Training  # noqa: E402
from qnetsim.policies.learned.weights import read_weights  # noqa: E402
from qnetsim.policies.registry import make_policy  # noqa: E402
from qnetsim.runs.run_context import RunContext, run_case  # noqa: E402
from qnetsim.scenario import FelTable  # noqa: E402
from qnetsim.vocabulary import BILL_COLUMNS  # noqa: E402
from tests.support.helpers import scenario  # noqa: E402

TEXT = """
[run]
slots = 12
[network]
topology = "nsfnet"
{network}
[demand]
requests = 20
{demand}
[learning]
epochs = 2
slots_per_epoch = 12
updates_per_epoch = 4
batch = 8
hidden_units = 8
reward_cost = 'realised'
observe = ['actions', 'demand', 'pools', 'context']
{learning}
{more}
"""
STORES = "[key_management]\nstore_bits = 9000\nkey_lifetime_slots = 3\n"
FEL = "[[fel]]\ndataset = 'iris'\nowner = '11'\nhead = '13'\nworkers = ['12']\nrounds = 2\n"
KINDS: dict[str, dict[str, str]] = {
    "limits": {"network": "qkd_wavelengths = 12\nkm_wavelengths = 9"},
    "arrivals": {"demand": "arrivals = 'uniform'"},
    "sessions": {"demand": "holding_slots = 3"},
    "noise": {"more": "[yields]\nnoise_counts = 50\n" + STORES},
    "faults": {"more": "[faults]\nfibre_mtbf_s = 20.0\nfibre_mttr_s = 5.0\n"},
    "fel": {"more": FEL},
    "start": {"more": STORES + "initial_bits = 5000\n"},
    "setup": {"more": STORES + "on_demand_setup_s = 0.5\n"},
    "patience": {"network": "qkd_wavelengths = 12", "more": "[key_management]\npatience_s = 1.0\n"},
}
#: Those that arrays cover.
IN_ARRAYS = ("limits", "noise", "start")


@pytest.fixture(autouse=True)
def _short_evaluations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluations take most of the time of a short training, and a short one shows as much here."""
    monkeypatch.setattr(evaluate, "REALISED_SLOTS", 5)


def case_of(network: str = "", demand: str = "", learning: str = "", more: str = "") -> Case:
    text = TEXT.format(network=network, demand=demand, learning=learning, more=more)
    return open_case(scenario(text))


@pytest.mark.parametrize("kind", KINDS)
def test_a_policy_meets_in_training_what_it_meets_in_the_kernel(kind: str, tmp_path: Path) -> None:
    """The same world: reservations of every slot, and the whole bill."""
    case = case_of(**KINDS[kind])
    training = Training(case, "decsac", [0])
    training.run(0)
    path = tmp_path / "w.safetensors"
    write_weights(path, weights_of(training))
    environment = training.environment
    assert isinstance(environment, RunEnvironment)
    assert isinstance(environment, KernelEnvironment) == (kind not in IN_ARRAYS)
    environment.begin(0)
    number = environment._number((0,))
    assert number >= FIRST_WORLD
    blocks: list[Any] = []
    run_case(
        RunContext(case, "learner", number),
        make_policy("decsac", {"model": str(path)}),
        case.realisation(number).chunks(),
        lambda _, block: blocks.append(block.columns),
    )
    columns = {name: np.concatenate([b[name] for b in blocks]) for name in BILL_COLUMNS}
    bill = sum(columns.values())
    reserved = np.concatenate([b["qkd_channels"] for b in blocks])
    weights = read_weights(path)
    for slot in range(12):
        seen = environment.observe()[0][:, None]
        environment.step(np.tanh(weights.forward(seen)[0])[None, :, 0])
        np.testing.assert_array_equal(environment.reserved[0][0], reserved[slot])
        assert environment.cost.sum() == pytest.approx(bill[slot], rel=1e-12)
    assert np.ptp(bill) > 0


@pytest.mark.parametrize("worlds", [1, 3])
def test_without_what_only_the_kernel_has_both_environments_agree(worlds: int) -> None:
    """Stores and regimes, with drawn actions: loads, pools, rewards and observations."""
    text = STORES + "[regimes]\nmeans = [1, 6]\nmean_slots = 5\n"
    case = case_of(more=text)
    kernel = KernelEnvironment(case, list(range(worlds)), "test", slots=30)
    arrays = ArrayEnvironment(case, list(range(worlds)), "test")
    drawn = [
        np.concatenate([c.levels for c in kernel._run.realisation(kernel._number((w,))).chunks()])
        for w in range(worlds)
    ]
    arrays._drawn = np.array(drawn)
    arrays._draw = lambda chunk: None  # type: ignore[method-assign]
    generator = np.random.default_rng(1)
    for _ in range(30):
        action = generator.uniform(-1, 1, (worlds, arrays.units.count, 2))
        np.testing.assert_array_equal(kernel.step(action), arrays.step(action))
        np.testing.assert_array_equal(kernel.pools, arrays.pools)
        np.testing.assert_array_equal(kernel.observe(), arrays.observe())
        np.testing.assert_array_equal(kernel.cost, arrays.cost)


def test_every_epoch_and_world_is_a_run_of_its_own() -> None:
    case = case_of(**KINDS["limits"])
    environment = new_environment(case, [0, (0, 1), 1], "train", slots=12)
    assert isinstance(environment, RunEnvironment)
    numbers = set()
    for epoch in range(4):
        environment.begin(epoch)
        numbers |= {environment._number(name) for name in ((0,), (0, 1), (1,))}
        assert environment.slot == 0
    assert len(numbers) == 12
    other = new_environment(case, [0], "train", 5, slots=12)
    assert isinstance(other, RunEnvironment)
    assert other._number((0,)) not in numbers
    assert type(new_environment(case_of(), [0], "train", slots=12)) is ArrayEnvironment


def test_runs_are_built_once_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    init = KernelWorld.__init__

    def counted(self: KernelWorld, case: Case, replication: int) -> None:
        built.append(replication)
        init(self, case, replication)

    monkeypatch.setattr(KernelWorld, "__init__", counted)
    environment = new_environment(case_of(**KINDS["arrivals"]), [0, 1], "train", slots=12)
    environment.begin(0)
    environment.observe()
    environment.step(np.zeros((2, environment.units.count, 2)))
    environment.observe()
    assert len(built) == 2


def test_data_of_a_task_is_drawn_once_in_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []

    def counted(table: FelTable, seed: int) -> Dataset:
        drawn.append(table.dataset)
        return dataset_of(table, seed)

    monkeypatch.setattr("qnetsim.case.tasks.dataset_of", counted)
    environment = new_environment(case_of(**KINDS["fel"]), [0], "train", slots=12)
    environment.observe()
    environment.step(np.zeros((1, environment.units.count, 2)))
    assert drawn == ["iris"]


def test_stores_that_begin_with_keys_are_seen_at_once() -> None:
    text = STORES + "initial_bits = 700\n[yields]\nnoise_counts = 50\n"
    for environment in (
        KernelEnvironment(case_of(more=text), [0], "test", slots=12),
        new_environment(case_of(more=text), [0], "test", slots=12),
    ):
        environment.observe()
        assert (environment.pools[0] == 700).all()


@pytest.mark.parametrize("kind", ["limits", "arrivals"])
@pytest.mark.parametrize("algorithm", ["fedsac", "mappo"])
def test_a_training_in_runs_resumes_to_the_bit(algorithm: str, kind: str, tmp_path: Path) -> None:
    case = case_of(**KINDS[kind])
    whole, first, second = (Training(case, algorithm, [0, 3]) for _ in range(3))
    whole.run()
    first.run(1)
    save_state(first, tmp_path / "x.state")
    restore_state(second, tmp_path / "x.state")
    second.run()
    for name, tensor in whole.learner.tensors().items():
        assert torch.equal(tensor, second.learner.tensors()[name]), name
    np.testing.assert_array_equal(whole.curve.stochastic, second.curve.stochastic)


def test_own_fibres_share_what_is_blocked() -> None:
    few = "qkd_wavelengths = 3\nkm_wavelengths = 3"
    price = "[cost]\nblocking_cost = 1000.0"
    case = case_of(network=few, learning="reward_scope = 'own'", more=price)
    environment = new_environment(case, [0], "test", slots=12)
    environment.step(np.full((1, environment.units.count, 2), -1.0))
    assert isinstance(environment, RunEnvironment)
    assert environment._charged[0] > 0
    bought = environment.costs.realised(*environment.reserved, *environment.lit)
    share = environment.cost - bought
    np.testing.assert_allclose(share, environment._charged[0] / 21, rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_expected_costs_are_refused_where_nobody_knows_them(kind: str) -> None:
    text = TEXT.replace("reward_cost = 'realised'\n", "")
    given = {"network": "", "demand": "", "learning": "", "more": ""} | KINDS[kind]
    with pytest.raises(SettingError, match=r"must be 'realised': with .* no slot's expected cost"):
        refuse_unsupported(scenario(text.format(**given)))
