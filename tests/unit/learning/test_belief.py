"""Training of belief-net: the network, its clients, its worlds, states and results."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from qnetsim import seeds  # noqa: E402
from qnetsim.case import open_case  # noqa: E402
from qnetsim.errors import SettingError, UsageError  # noqa: E402
from qnetsim.learning.belief.belief_files import (  # noqa: E402
    belief_contents,
    belief_weights_of,
    restore_belief_state,
    save_belief_state,
)
from qnetsim.learning.belief.belief_module import LawModule  # noqa: E402
from qnetsim.learning.belief.belief_training import BeliefTraining  # noqa: E402
from qnetsim.learning.belief.clients import clients_of  # noqa: E402
from qnetsim.learning.belief.seen_windows import SeenWindows  # noqa: E402
from qnetsim.policies.learned.belief_net import BeliefNet, BeliefNetOptions  # noqa: E402
from qnetsim.policies.learned.belief_weights import LawSpec  # noqa: E402
from qnetsim.policies.learned.law_belief import PairLaw  # noqa: E402
from qnetsim.scenario import parse_scenario  # noqa: E402
from tests.support.helpers import run  # noqa: E402
from tests.support.jobs import drawn_weights, jobs_case  # noqa: E402

torch.set_num_threads(1)

SPEC = LawSpec(history=3, units=6, second_units=5, levels=10)
PAIRS = ((0, 1), (0, 2), (1, 2), (3, 1), (0, 3))


def module_of(weights):
    module = LawModule(weights.spec, seeds.stream(1, "test"))
    module.load_arrays(weights.tensors)
    return module


def test_inference_without_torch_equals_torch() -> None:
    weights = drawn_weights(LawSpec(history=39, units=96, second_units=64, levels=10))
    levels = np.random.default_rng(3).integers(0, 10, (200, len(PAIRS)))
    belief = PairLaw(weights, PAIRS, 10)
    found = [belief.laws()]
    for row in levels:
        belief.see(row)
        found.append(belief.laws())
    seen = SeenWindows(levels[None], PAIRS, weights.spec.slots)
    windows = torch.from_numpy(seen.before(np.zeros(201, int), np.arange(201)))
    with torch.no_grad():
        laws = module_of(weights).double().laws(windows.double())
    np.testing.assert_allclose(np.array(found), laws.numpy(), rtol=0, atol=1e-6)
    # as it is trained, in single precision
    with torch.no_grad():
        laws = module_of(weights).laws(windows)
    np.testing.assert_allclose(np.array(found), laws.numpy(), rtol=0, atol=1e-4)


def test_windows_end_before_the_slot_that_is_asked_for() -> None:
    levels = np.arange(1, 6).reshape(1, 5, 1)
    seen = SeenWindows(levels, ((0, 1),), 3)
    zero = np.zeros(3, dtype=int)
    own = seen.before(zero, np.array([0, 2, 4]))[0, :, 0] * 4.0
    np.testing.assert_array_equal(own, [[0, 0, 0], [2, 1, 0], [4, 3, 2]])
    np.testing.assert_array_equal(seen.asked(zero, np.array([0, 2, 4]))[:, 0], [1, 3, 5])


def drawn_batch(training, slots=20):
    """Inputs and levels of two worlds."""
    place = training._worlds[0].own
    levels = np.stack([training._worlds[0].draw(place, 0, w, slots) for w in range(2)])
    seen = SeenWindows(levels, place.forecast.pairs, training.spec.slots)
    times = np.repeat([0, 1], slots), np.tile(np.arange(slots), 2)
    return torch.from_numpy(seen.before(*times)), torch.from_numpy(seen.asked(*times))


def test_gradients_of_a_training_are_finite_differences() -> None:
    training = BeliefTraining(jobs_case(), [0])
    inputs, levels = drawn_batch(training)
    module = LawModule(SPEC, seeds.stream(1, "test")).double()
    inputs = inputs.double()
    module.surprise(inputs, levels).backward()
    for parameter in module.parameters():
        place = int(parameter.grad.abs().argmax())
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                parameter.view(-1)[place] += sign * 1e-6
                values.append(float(module.surprise(inputs, levels)))
                parameter.view(-1)[place] -= sign * 1e-6
        wanted = (values[0] - values[1]) / 2e-6
        assert float(parameter.grad.view(-1)[place]) == pytest.approx(wanted, rel=1e-5)


def test_the_step_is_the_mean_of_what_the_clients_would_do() -> None:
    """Clients go a step by their own pairs alone; the mean of their weights is the shared step."""
    training = BeliefTraining(jobs_case(), [0])
    inputs, levels = drawn_batch(training)
    module = training.modules[0]
    whole = torch.autograd.grad(module.surprise(inputs, levels), list(module.parameters()))
    clients = clients_of(training._worlds[0].own.forecast.pairs)
    nodes = np.unique(clients)
    moved = []
    for node in nodes:
        mine = torch.from_numpy(np.flatnonzero(clients == node))
        # of as many clients, and of the mean over all pairs, each has its share
        share = len(nodes) * len(mine) / len(clients)
        loss = module.surprise(inputs[:, :, mine], levels[:, mine]) * share
        slope = torch.autograd.grad(loss, list(module.parameters()))
        own = zip(module.parameters(), slope, strict=True)
        moved.append([p.detach() - 0.1 * g for p, g in own])
    for i, (parameter, gradient) in enumerate(zip(module.parameters(), whole, strict=True)):
        mean = torch.stack([weights[i] for weights in moved]).mean(dim=0)
        torch.testing.assert_close(mean, parameter.detach() - 0.1 * gradient, rtol=1e-4, atol=1e-6)


def test_the_policy_in_the_kernel_costs_what_training_evaluates(tmp_path) -> None:
    case = jobs_case(slots=60)
    training = BeliefTraining(case, [0])
    training.run(until=1)
    path = tmp_path / "belief.safetensors"
    path.write_bytes(belief_contents(training)[0]["weights"])
    result = run(case, BeliefNet(BeliefNetOptions(model=str(path))))
    kernel = result.columns["qkd_reserved_cost"] + result.columns["qkd_on_demand_cost"]
    seen = SeenWindows(result.levels[None], case.forecast.pairs, training.spec.slots)
    times = np.zeros(60, int), np.arange(60)
    with torch.no_grad():
        laws = training.modules[0].laws(torch.from_numpy(seen.before(*times)))
    laws = laws.double().numpy()
    costs = training._costs
    found = costs.mean_over_best(laws, seen.asked(*times)) * costs.best
    # single precision may put a quantile on the other side of an edge
    assert kernel.mean() == pytest.approx(found, rel=1e-4)


def test_nodes_have_about_as_many_pairs_each() -> None:
    case = jobs_case()
    clients = clients_of(case.forecast.pairs)
    assert all(c in pair for c, pair in zip(clients, case.forecast.pairs, strict=True))
    counts = np.bincount(clients)
    assert counts.min() >= 6 and counts.max() <= 7


def test_training_learns_and_goes_on_where_it_stopped(tmp_path) -> None:
    case = jobs_case(epochs=3)
    whole = BeliefTraining(case, [0])
    whole.run()
    part = BeliefTraining(case, [0])
    part.run(until=1)
    save_belief_state(part, tmp_path / "state")
    again = BeliefTraining(case, [0])
    restore_belief_state(again, tmp_path / "state")
    again.run()
    assert again.curve.costs == whole.curve.costs
    for name, tensor in belief_weights_of(whole).tensors.items():
        np.testing.assert_array_equal(tensor, belief_weights_of(again).tensors[name])
    assert whole.curve.costs[-1][0] < whole.curve.costs[0][0]
    assert whole.mean_levels == again.mean_levels
    card = belief_weights_of(whole).card
    assert card["training"]["mean_level"] == [round(x, 3) for x in whole.mean_levels]
    # 13 at each node of the scenario, those of 8 to 46 nodes elsewhere
    assert card["worlds"]["pairs_at_a_node"] == [7, 45]
    # 0.2 to 2 times as many jobs as the scenario's ten on 14 nodes
    assert card["worlds"]["jobs_at_a_node"] == [0.143, 1.429]
    # what it took on a machine is no part of the file
    again.curve.cpu_s[-1] += 60.0
    assert belief_contents(again) == belief_contents(whole)


def test_seeds_have_worlds_and_weights_of_their_own() -> None:
    training = BeliefTraining(jobs_case(epochs=1), [0, 1])
    training.run()
    first, second = training.curve.costs[-1]
    assert first != second
    alone = BeliefTraining(jobs_case(epochs=1), [1])
    alone.run()
    assert alone.curve.costs[-1][0] == second


def test_another_seed_of_training_keeps_the_worlds_of_evaluation() -> None:
    first, other = (BeliefTraining(jobs_case(epochs=1), [0], seed) for seed in (None, 7))
    np.testing.assert_array_equal(first._evaluated, other._evaluated)
    place = first._worlds[0].own
    draws = [t._worlds[0].draw(place, 0, 0, 30) for t in (first, other)]
    assert (draws[0] != draws[1]).any()


def test_the_state_of_another_training_is_refused(tmp_path) -> None:
    save_belief_state(BeliefTraining(jobs_case(), [0]), tmp_path / "state")
    with pytest.raises(UsageError, match="is the state of another training"):
        restore_belief_state(BeliefTraining(jobs_case(), [1]), tmp_path / "state")
    (tmp_path / "state").write_bytes(b"nothing")
    with pytest.raises(UsageError, match="is not a safetensors file"):
        restore_belief_state(BeliefTraining(jobs_case(), [1]), tmp_path / "state")


def test_where_channels_cost_nothing_there_is_nothing_to_train_on() -> None:
    with pytest.raises(SettingError, match="cost nothing"):
        BeliefTraining(jobs_case(cost="on_demand_multiplier = 0.0"), [0])


def test_without_jobs_there_is_nothing_to_train_on() -> None:
    text = "[network]\ntopology = 'nsfnet'\n[demand]\nrequests = 5\n"
    with pytest.raises(SettingError, match="jobs"):
        BeliefTraining(open_case(parse_scenario(text)), [0])


def test_worlds_differ_in_background_jobs_and_nodes() -> None:
    worlds = BeliefTraining(jobs_case(), [0])._worlds[0]
    nodes = {len(worlds.other(epoch).nodes) for epoch in range(60)}
    assert 8 <= min(nodes) <= 9 and 42 <= max(nodes) <= 46
    means = [worlds.draw(worlds.own, 0, w, 60).mean() for w in range(60)]
    assert min(means) < 0.8 and max(means) > 1.6
    # the background is that of the scenario in about half of them
    silent = [(worlds.draw(worlds.own, 0, w, 60) == 0).mean() for w in range(30)]
    assert 0.3 < np.mean(np.array(silent) > 0.5) < 0.95


def test_worlds_differ_in_every_number_of_the_jobs() -> None:
    worlds = BeliefTraining(jobs_case(), [0])._worlds[0]
    draws = np.random.default_rng(2).random((400, 30)).tolist()
    tables = [worlds._jobs(iter(row), 46) for row in draws]
    at_a_node = [table.count / 46 for table in tables]
    assert min(at_a_node) < 0.2 < 1.3 < max(at_a_node) < 1.45
    assert {p for table in tables for p in table.periods} == set(range(2, 17))
    assert {size for table in tables for size in table.sizes} == set(range(1, 10))
    assert {table.members for table in tables} == set(range(2, 11))
    assert max(table.delay for table in tables) > 0.19
    assert max(table.drop_out for table in tables) > 0.28
    # a third has the scenario's own, of each
    for name in ("periods", "sizes", "members"):
        own = [getattr(table, name) == getattr(worlds._table, name) for table in tables]
        assert 0.25 < np.mean(own) < 0.5
    assert worlds._jobs(iter(draws[0]), 5).members <= 3


def test_an_update_by_many_nodes_takes_fewer_slots(monkeypatch) -> None:
    """All take about as long, and weigh alike by their pairs."""
    training = BeliefTraining(jobs_case(), [0])
    seen = SeenWindows(np.zeros((2, 24, 500), np.int16), [(0, 1)] * 500, training.spec.slots)
    sizes = []

    def counted(inputs, asked):
        sizes.append(tuple(asked.shape))
        return LawModule.surprise(training.modules[0], inputs, asked)

    monkeypatch.setattr(training.modules[0], "surprise", counted)
    training._update(0, 0, seen)
    assert sizes == [(1, 500)]


def test_updates_go_by_both_places() -> None:
    training = BeliefTraining(jobs_case(), [0])
    own = [training._is_own(0, update) for update in range(400)]
    assert 270 < sum(own) < 330


def test_levels_of_a_place_are_those_of_its_requests() -> None:
    training = BeliefTraining(jobs_case(), [0])
    worlds = training._worlds[0]
    assert worlds.own.forecast.pairs == training.case.forecast.pairs
    levels = worlds.draw(worlds.own, 3, 0, 30)
    assert levels.shape == (30, 91) and levels.max() <= 9
    other = worlds.other(0)
    count = len(other.nodes)
    assert worlds.draw(other, 0, 0, 30).shape == (30, count * (count - 1) // 2)
