"""Training of belief-net: the network, the array core, the clients, states and results."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from qnetsim import seeds  # noqa: E402
from qnetsim.case import open_case  # noqa: E402
from qnetsim.errors import SettingError, UsageError  # noqa: E402
from qnetsim.learning.belief.array_core import ArrayCore, CorePrices  # noqa: E402
from qnetsim.learning.belief.belief_files import (  # noqa: E402
    belief_contents,
    belief_weights_of,
    restore_belief_state,
    save_belief_state,
)
from qnetsim.learning.belief.belief_module import BeliefModule, TorchHead  # noqa: E402
from qnetsim.learning.belief.belief_training import BeliefTraining, mean_cost, slot_costs  # noqa: E402
from qnetsim.learning.belief.clients import clients_of  # noqa: E402
from qnetsim.learning.belief.core_prices import prices_of  # noqa: E402
from qnetsim.learning.belief.random_networks import random_topology  # noqa: E402
from qnetsim.policies.base import Decision, Policy  # noqa: E402
from qnetsim.policies.learned.belief_head import FibreHead  # noqa: E402
from qnetsim.policies.learned.belief_inputs import PairInputs, input_count  # noqa: E402
from qnetsim.policies.learned.belief_net import BeliefNet, BeliefNetOptions  # noqa: E402
from qnetsim.policies.learned.belief_weights import BeliefSpec, PairBelief  # noqa: E402
from qnetsim.scenario import parse_scenario  # noqa: E402
from tests.support.helpers import run  # noqa: E402
from tests.support.jobs import drawn_weights, jobs_case  # noqa: E402

torch.set_num_threads(1)

SPEC = BeliefSpec(history=3, units=5, stores=False)
STORES = "store_bits = 4000\nkey_lifetime_slots = 2"


def module_of(weights):
    module = BeliefModule(weights.spec, seeds.stream(1, "test"))
    module.load_arrays(weights.tensors)
    return module


def test_inference_without_torch_equals_torch() -> None:
    weights = drawn_weights(BeliefSpec(history=9, units=40, stores=False))
    seen = np.random.default_rng(3).normal(0.5, 1.0, (200, 30, input_count(9)))
    belief = PairBelief(weights, 30)
    found = [belief.moments()]
    for inputs in seen:
        belief.see(inputs)
        found.append(belief.moments())
    with torch.no_grad():
        mean, variance = module_of(weights).double()(torch.from_numpy(seen))
    np.testing.assert_allclose(np.array(found)[:, 0], mean.numpy(), rtol=0, atol=1e-6)
    np.testing.assert_allclose(np.array(found)[:, 1], variance.numpy(), rtol=0, atol=1e-6)
    # as it is trained, in single precision
    with torch.no_grad():
        mean, _ = module_of(weights)(torch.from_numpy(seen.astype(np.float32)))
    np.testing.assert_allclose(np.array(found)[:, 0], mean.numpy(), rtol=0, atol=1e-5)


def test_stocks_without_torch_equal_those_in_torch() -> None:
    case = jobs_case()
    head = FibreHead.of(case.network, case.setting.shortest_routes(), 10)
    mean, variance = np.random.default_rng(4).uniform(0, 3, (2, case.forecast.requests))
    safety = np.array([0.3, 0.8])
    inputs = [torch.from_numpy(x.astype(np.float32)) for x in (mean, variance, safety)]
    np.testing.assert_allclose(
        head.stock(mean, variance, safety), TorchHead(head).stock(*inputs).numpy(), rtol=1e-5
    )


def core_of(stock, load, ages):
    """Cost and what is left, where store, limit and lifetime all matter."""

    def one(*values):
        return torch.tensor(values, dtype=torch.float64)

    prices = CorePrices(
        one(1.0, 2.0), one(4.0, 7.0), one(20.0, 30.0), one(3.1, 4.2), 2, one(6.3, 9.4)
    )
    core = ArrayCore(prices, ages)
    costs = [core.step(s, x) for s, x in zip(stock, load, strict=True)]
    return torch.stack(costs).sum() - core.worth(load[0]).sum()


def test_gradients_of_the_array_core_are_finite_differences() -> None:
    generator = np.random.default_rng(5)
    stock = torch.from_numpy(generator.uniform(1, 12, (9, 3, 2))).requires_grad_()
    load = torch.from_numpy(generator.uniform(0, 14, (9, 3, 2)))
    ages = torch.from_numpy(generator.uniform(0, 2, (2, 3, 2))).requires_grad_()
    # fibres are lit beyond their limit, buy, block, expire and overflow somewhere in here
    assert torch.autograd.gradcheck(core_of, (stock, load, ages), eps=1e-6, atol=1e-6)


class Double(BeliefModule):
    """Takes inputs of single precision, and works in double precision."""

    def forward(self, seen):
        return super().forward(seen.double())


def test_gradients_of_a_training_are_finite_differences() -> None:
    case = jobs_case(keys=STORES, network="qkd_wavelengths = 90", cost="blocking_cost = 800000")
    training = BeliefTraining(case, [0])
    arena = training._arenas[0][0]
    arena = replace(
        arena,
        prices=replace(
            arena.prices,
            **{
                name: getattr(arena.prices, name).double()
                for name in ("reserved", "on_demand", "blocked", "store", "most")
            },
        ),
    )
    for name in ("_crossing", "_squares", "_quantile", "_worth"):
        setattr(arena.head, name, getattr(arena.head, name).double())
    levels = np.stack([training._worlds[0].draw(arena.place, 0, w, 12) for w in range(2)], axis=1)
    module = Double(training.spec, seeds.stream(1, "test")).double()
    loss = mean_cost(module, arena, levels, training.spec, 2)
    loss.backward()
    for parameter in module.parameters():
        place = int(parameter.grad.abs().argmax())
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                parameter.view(-1)[place] += sign * 1e-6
                values.append(float(mean_cost(module, arena, levels, training.spec, 2)))
                parameter.view(-1)[place] -= sign * 1e-6
        wanted = (values[0] - values[1]) / 2e-6
        assert float(parameter.grad.view(-1)[place]) == pytest.approx(wanted, rel=1e-5)


class Wanted(Policy):
    """Brings the pools up to whole stocks that are given for every slot."""

    def __init__(self, stock):
        super().__init__()
        self._stock = stock

    def prepare(self, setting, plan):
        self._bits = setting.network.channel_bits
        self._requests = setting.requests_per_fibre(setting.shortest_routes())

    def decide(self, observation):
        held = observation.reservation_pool_bits + observation.on_demand_pool_bits
        lacking = np.maximum(self._stock[observation.slot] * self._bits - held, 0)
        return Decision(-(-lacking // self._bits), self._requests)


def both_costs(case, slots, highest):
    """Costs of channels and blocking of every slot, in the kernel and in the array core."""
    stock = np.random.default_rng(6).integers(0, highest, (slots, case.network.fibres))
    result = run(case, Wanted(stock))
    names = ("qkd_reserved_cost", "qkd_on_demand_cost", "blocking_cost")
    kernel = sum(result.columns[name] for name in names)
    prices = prices_of(case, case.network)
    core = ArrayCore(prices, torch.zeros(prices.lifetime, 1, case.network.fibres))
    loads = case.forecast.channel_loads(case.network, case.setting.shortest_routes())
    load = torch.from_numpy(loads.loads(result.levels).amounts.astype(np.float32))
    wanted = torch.from_numpy(stock.astype(np.float32))
    cost = [core.step(s[None], x[None]).sum() for s, x in zip(wanted, load, strict=True)]
    return kernel, torch.stack(cost).numpy(), result


@pytest.mark.parametrize("keys", ["", STORES, "store_bits = 50000\nkey_lifetime_slots = 4"])
def test_costs_of_the_array_core_are_those_of_the_kernel(keys: str) -> None:
    """Without limits no request waits for another, and a fibre's totals know no order."""
    kernel, core, result = both_costs(jobs_case(keys=keys), 60, 40)
    assert not result.columns["blocked"].any()
    np.testing.assert_allclose(core, kernel, rtol=1e-5)


def test_where_limits_bind_the_array_core_differs_by_what_requests_do_whole() -> None:
    """The kernel blocks whole requests, on all fibres of their routes: so the two differ there.

    Slots before the first blocked request are equal.
    """
    case = jobs_case(network="qkd_wavelengths = 90", cost="blocking_cost = 800000")
    kernel, core, result = both_costs(case, 60, 28)
    blocked = result.columns["blocked"] > 0
    assert blocked.any() and not blocked.all()
    np.testing.assert_allclose(core[~blocked], kernel[~blocked], rtol=1e-5)
    assert (np.abs(core[blocked] / kernel[blocked] - 1) > 1e-3).any()
    assert core.sum() == pytest.approx(kernel.sum(), rel=0.15)


def test_the_policy_in_the_kernel_costs_what_training_evaluates(tmp_path) -> None:
    """Stocks are rounded to whole channels in use; all else is the same."""
    case = jobs_case(slots=60)
    training = BeliefTraining(case, [0])
    training.run(until=0)
    path = tmp_path / "belief.safetensors"
    path.write_bytes(belief_contents(training)[0]["weights"])
    with pytest.warns(UserWarning):  # untrained, it has met no demand
        result = run(case, BeliefNet(BeliefNetOptions(model=str(path))))
    kernel = result.columns["qkd_reserved_cost"] + result.columns["qkd_on_demand_cost"]
    levels = np.concatenate([result.levels, result.levels[:1]])[:, None]
    with torch.no_grad():
        costs, _, _ = slot_costs(training.modules[0], training._arenas[0][0], levels, training.spec)
    np.testing.assert_allclose(kernel, costs.sum(dim=(1, 2)).numpy(), rtol=0.05)
    assert kernel.sum() == pytest.approx(float(costs.sum()), rel=0.002)


class OneClient(BeliefModule):
    """Gradients flow through the pairs of one client only."""

    mine: torch.Tensor

    def forward(self, seen):
        mean, variance = super().forward(seen)
        return tuple(x.where(self.mine, x.detach()) for x in (mean, variance))


def test_the_step_is_the_mean_of_what_the_clients_would_do() -> None:
    """Clients go a step by their own pairs; the mean of their weights is the shared step."""
    case = jobs_case()
    training = BeliefTraining(case, [0])
    arena = training._arenas[0][0]
    levels = np.stack([training._worlds[0].draw(arena.place, 0, w, 20) for w in range(2)], axis=1)
    module = training.modules[0]
    parameters = list(module.parameters())[1:]  # the head's two numbers are the fibres' own
    whole = torch.autograd.grad(mean_cost(module, arena, levels, SPEC, 0), parameters)
    clients = clients_of(arena.place.forecast.pairs)
    moved = []
    nodes = np.unique(clients)
    for node in nodes:
        local = OneClient(SPEC, seeds.stream(1, "test"))
        local.load_state_dict(module.state_dict())
        local.mine = torch.from_numpy(np.tile(clients == node, 2))
        own = list(local.parameters())[1:]
        slope = torch.autograd.grad(mean_cost(local, arena, levels, SPEC, 0), own)
        # a client's loss is for its own pairs; of so many clients each has a share of the sum
        moved.append([p.detach() - 0.1 * len(nodes) * g for p, g in zip(own, slope, strict=True)])
    for i, (parameter, gradient) in enumerate(zip(parameters, whole, strict=True)):
        mean = torch.stack([weights[i] for weights in moved]).mean(dim=0)
        torch.testing.assert_close(mean, parameter.detach() - 0.1 * gradient, rtol=1e-4, atol=1e-6)


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
    place = first._worlds[0].places[0]
    draws = [t._worlds[0].draw(place, 0, 0, 30) for t in (first, other)]
    assert (draws[0] != draws[1]).any()


def test_the_state_of_another_training_is_refused(tmp_path) -> None:
    save_belief_state(BeliefTraining(jobs_case(), [0]), tmp_path / "state")
    with pytest.raises(UsageError, match="is the state of another training"):
        restore_belief_state(BeliefTraining(jobs_case(), [1]), tmp_path / "state")
    (tmp_path / "state").write_bytes(b"nothing")
    with pytest.raises(UsageError, match="is not a safetensors file"):
        restore_belief_state(BeliefTraining(jobs_case(), [1]), tmp_path / "state")


def test_worlds_differ_in_background_jobs_and_networks() -> None:
    training = BeliefTraining(jobs_case(), [0])
    worlds = training._worlds[0]
    nodes = {len(place.network.topology.nodes) for place in worlds.places}
    assert len(worlds.places) == 9 and len(nodes) > 3
    used = [worlds.places.index(worlds.place_of(update)) for update in range(200)]
    assert 70 < used.count(0) < 130 and len(set(used)) == 9
    means = [worlds.draw(worlds.places[0], 0, w, 60).mean() for w in range(20)]
    assert min(means) < 0.8 and max(means) > 1.6


def test_a_random_network_is_connected() -> None:
    for number in range(20):
        topology = random_topology(seeds.stream(1, "test", number), (4, 9))
        assert 4 <= len(topology.nodes) <= 9
        assert set(topology.components()) == {0}


def test_where_channels_cost_nothing_there_is_nothing_to_train_on() -> None:
    with pytest.raises(SettingError, match="cost nothing"):
        BeliefTraining(jobs_case(cost="on_demand_multiplier = 0.0"), [0])


def test_worlds_of_too_few_slots_are_refused() -> None:
    case = jobs_case()
    learning = case.scenario.learning.model_copy(update={"slots_per_epoch": 2})
    short = open_case(case.scenario.model_copy(update={"learning": learning}))
    with pytest.raises(SettingError, match="slots_per_epoch: is 2; 'belief-net' takes at least 3"):
        BeliefTraining(short, [0])


def test_without_jobs_there_is_nothing_to_train_on() -> None:
    text = "[network]\ntopology = 'nsfnet'\n[demand]\nrequests = 5\n"
    with pytest.raises(SettingError, match="jobs"):
        BeliefTraining(open_case(parse_scenario(text)), [0])


def test_pairs_of_a_world_are_seen_in_the_order_of_the_requests() -> None:
    case = jobs_case()
    training = BeliefTraining(case, [0])
    place = training._arenas[0][0].place
    assert place.forecast.pairs == case.forecast.pairs
    levels = training._worlds[0].draw(place, 3, 0, 30)
    assert levels.shape == (30, 91) and levels.max() <= 9
    assert PairInputs(place.forecast.pairs, 14).now(levels).shape == (30, 91, 3)
