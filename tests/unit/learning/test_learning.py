"""The learning policies: environment, algorithms, checkpoints, and the policies in use."""

from __future__ import annotations

import itertools
import os
import pickle
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from qnetsim.case import open_case  # noqa: E402
from qnetsim.errors import SettingError, UsageError  # noqa: E402
from qnetsim.learning import evaluate  # noqa: E402
from qnetsim.learning.checkpoint import (  # noqa: E402
    restore_state,
    save_state,
    weights_of,
    write_weights,
)
from qnetsim.learning.environment import ArrayEnvironment  # noqa: E402
from qnetsim.learning.networks import operations  # noqa: E402
from qnetsim.learning.replay_buffer import ExperienceBatch  # noqa: E402
from qnetsim.learning.train import ALGORITHMS, Training  # noqa: E402
from qnetsim.learning.transport import InProcessTransport, PaddedTransport  # noqa: E402
from qnetsim.network import read_topology  # noqa: E402
from qnetsim.network.ownership import agents_of, owning_nodes  # noqa: E402
from qnetsim.policies.learned.features import Units  # noqa: E402
from qnetsim.policies.learned.policies import FedSAC, LearnedOptions  # noqa: E402
from qnetsim.policies.learned.weights import read_weights  # noqa: E402
from qnetsim.policies.registry import make_policy  # noqa: E402
from qnetsim.runs.run_context import RunContext, run_case  # noqa: E402
from qnetsim.scenario import parse_scenario  # noqa: E402
from qnetsim.testing import check_policy  # noqa: E402
from tests.support.agent_by_agent import Agents, parameters  # noqa: E402

torch.set_num_threads(1)

BASE = """
[run]
slots = 40
[network]
topology = "nsfnet"
[demand]
requests = 30
{demand}
[learning]
epochs = 3
slots_per_epoch = 12
updates_per_epoch = 6
batch = 8
hidden_units = 16
{learning}
{more}
"""


def case_of(learning="", more="", demand=""):
    text = BASE.format(learning=learning, more=more, demand=demand)
    return open_case(parse_scenario(text))


STORES = "[key_management]\nstore_bits = 9000\nkey_lifetime_slots = 2"
REGIMES = "[regimes]\nmeans = [1, 6]\nmean_slots = 5"
REALISED = "reward_cost = 'realised'\nobserve = ['actions', 'demand', 'pools', 'context']"


def test_every_node_of_nsfnet_and_usnet_owns_a_fibre_at_its_end():
    for name in ("nsfnet", "usnet"):
        topology = read_topology(name)
        owner = owning_nodes(topology)
        assert set(owner.tolist()) == set(range(len(topology.nodes)))
        assert all(node in ends for node, ends in zip(owner, topology.fibres, strict=True))


def test_ownership_is_the_smallest_index_matching(tmp_path):
    path = tmp_path / "net.csv"
    path.write_text("source,target,length_km\na,b,10\nb,c,10\na,c,10\nc,d,10\n")
    topology = read_topology(str(path))
    # a takes a–b, b then b–c, c then a–c, d then c–d
    assert owning_nodes(topology).tolist() == [0, 1, 2, 3]
    path.write_text("source,target,length_km\na,b,10\nb,c,10\n")  # a tree: one node goes without
    nodes, owners = agents_of(read_topology(str(path)))
    assert nodes == (0, 1)
    assert owners.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("more", "learning", "demand"),
    [
        ("", "", ""),
        ("", "decide_by = 'fibre'\nobserve = ['actions', 'context']", "coupling = 'independent'"),
        (STORES, REALISED, ""),
        (STORES, REALISED + "\nchannels_by = 'fibre'", ""),
        (STORES + "\n" + REGIMES, REALISED, ""),
        (STORES.replace("= 2", "= 0"), "", ""),
        ("[key_management]\ngranularity = 'bit'\n" + REGIMES, REALISED, ""),
        (
            "[key_management]\ngranularity = 'bit'\nstore_bits = 9000\nkey_lifetime_slots = 3",
            REALISED,
            "coupling = 'independent'",
        ),
    ],
)
def test_the_array_core_gives_the_kernels_numbers(more, learning, demand, tmp_path):
    """A stochastic policy plays in the kernel; the core repeats its reservations."""
    case = case_of(learning, more, demand)
    training = Training(case, "decsac", [0])
    path = tmp_path / "w.safetensors"
    write_weights(path, weights_of_untrained(training))
    policy = make_policy("decsac", {"model": str(path), "stochastic": True})
    blocks, chunks = [], []
    run_case(
        RunContext(case, "decsac"),
        policy,
        case.realisation(0).chunks(),
        lambda chunk, block: (blocks.append(block.columns), chunks.append(chunk)),
    )
    kernel = {key: np.concatenate([b[key] for b in blocks]) for key in blocks[0]}
    core = ArrayEnvironment(case, [0], "test")
    core._drawn = np.concatenate([c.levels for c in chunks])[None]  # the kernel's world
    core._draw = lambda chunk: None
    units = core.units
    top = np.maximum(units.requests, 1) * units.top
    for slot in range(case.scenario.run.slots):
        q, x = kernel["qkd_channels"][slot], kernel["km_wavelengths"][slot]
        share = np.stack([q / top, x / np.maximum(units.most_wavelengths, 1)], axis=-1)
        action = np.zeros((1, units.count, 2))
        # any fibre of a unit that carries requests tells the unit's channels
        busiest = [
            max(np.flatnonzero(units.unit == u), key=lambda e: units.requests[e])
            for u in range(units.count)
        ]
        action[0] = 2 * share[busiest] - 1
        core.units.reservations = lambda a, q=q, x=x: (q[None], x[None])
        core.step(action)
        np.testing.assert_array_equal(core.lit[0][0], kernel["on_demand_channels"][slot])
        np.testing.assert_array_equal(core.lit[1][0], kernel["on_demand_wavelengths"][slot])
        bill = sum(
            kernel[f"{k}_cost"][slot]
            for k in ("qkd_reserved", "km_reserved", "qkd_on_demand", "km_on_demand")
        )
        assert core.cost.sum() == pytest.approx(bill, rel=1e-12)
        if "stored" in kernel:
            np.testing.assert_array_equal(core.pools[:, 0], kernel["stored"][:, slot])


def weights_of_untrained(training):
    training.curve.stochastic.append(np.ones(len(training.training_seeds)))
    training.curve.deterministic.append(np.ones(len(training.training_seeds)))
    training.curve.slots.append(0)
    training.curve.updates.append(0)
    found = weights_of(training)
    training.curve = type(training.curve)()
    return found


def test_the_policy_in_use_sees_what_the_core_shows(tmp_path):
    """Kernel and core, driven by the same weights, decide the same in every slot."""
    case = case_of(REALISED, STORES + "\n" + REGIMES)
    training = Training(case, "decsac", [0])
    path = tmp_path / "w.safetensors"
    write_weights(path, weights_of_untrained(training))
    weights = read_weights(path)
    rows, levels = [], []
    run_case(
        RunContext(case, "decsac"),
        make_policy("decsac", {"model": str(path)}),
        case.realisation(0).chunks(),
        lambda chunk, block: (
            rows.append((block.columns["qkd_channels"], block.columns["km_wavelengths"])),
            levels.append(chunk.levels),
        ),
    )
    core = ArrayEnvironment(case, [0], "test")
    core._drawn = np.concatenate(levels)[None]
    core._draw = lambda chunk: None
    for slot in range(case.scenario.run.slots):
        seen = core.observe()[0][:, None]
        action = np.tanh(weights.forward(seen)[0])[:, 0]
        core.step(action[None])
        np.testing.assert_array_equal(core.reserved[0][0], rows[0][0][slot])
        np.testing.assert_array_equal(core.reserved[1][0], rows[0][1][slot])


def test_numpy_and_torch_give_the_same_forward(tmp_path):
    from qnetsim.learning.networks import gaussian

    training = Training(case_of(), "decsac", [0])
    weights = weights_of_untrained(training)
    seen = np.random.default_rng(1).normal(size=(14, 9, 8)).astype(np.float32)
    ours = weights.forward(seen)
    theirs = gaussian(training.learner.policy, torch.from_numpy(seen))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b.detach().numpy(), atol=1e-6)


@pytest.mark.parametrize("algorithm", ["decsac", "fedsac"])
def test_the_batched_update_is_the_agents_own_ten_times_over(algorithm):
    case = case_of("policy_rate = 0.001\nmanager_share = 0.4")
    training = Training(case, algorithm, [0])
    learner = training.learner
    agents = Agents(learner)
    random = np.random.default_rng(2)

    def normal(*shape):
        return torch.from_numpy(random.normal(size=shape).astype(np.float32))

    for _ in range(10):
        n, b, inputs = learner.stack, 8, learner.spec.size
        batch = ExperienceBatch(
            normal(n, b, inputs), torch.tanh(normal(n, b, 2)), normal(n, b, 1), normal(n, b, inputs)
        )
        noise = normal(n, b, 2), normal(n, b, 2)
        lender = list(range(n))
        if algorithm == "fedsac":
            lender = learner.federation.lenders(learner.updates)
            learner.replay.counts += 1
        learner.update(batch, *noise)
        learner.updates += 1
        learner.share()
        agents.update(batch, *noise, lender, algorithm == "fedsac")
    for agent, policy in enumerate(agents.policy):
        for ours, theirs in zip(learner.policy, parameters(policy), strict=True):
            torch.testing.assert_close(ours[agent], theirs, atol=1e-5, rtol=0)
    for place, (one, _) in enumerate(agents.q):
        for ours, theirs in zip(learner.q, parameters(one), strict=True):
            torch.testing.assert_close(ours[place], theirs, atol=1e-5, rtol=0)


def test_controllers_never_look_at_rewards_and_managers_do():
    def trained(spoilt):
        training = Training(case_of("manager_share = 0.3"), "fedsac", [0])
        remember = training.learner.remember
        managers = set(training.learner.managers.tolist())
        strangers = [a for a in range(training.learner.agents) if (a in managers) == spoilt]

        def spoil(seen, raw, reward, following):
            changed = reward.clone()
            changed[strangers] += 100.0
            remember(seen, raw, changed, following)

        training.learner.remember = spoil
        training.run()
        return torch.cat([p.flatten() for p in training.learner.policy])

    plain = Training(case_of("manager_share = 0.3"), "fedsac", [0])
    plain.run()
    plain = torch.cat([p.flatten() for p in plain.learner.policy])
    assert torch.equal(plain, trained(False))
    assert not torch.equal(plain, trained(True))


def test_weights_are_all_that_crosses_and_pads_change_nothing():
    """The aggregate is the same under pads; every message is a network's parameters."""
    case = case_of("lender = 'nearest'")
    open_, padded = InProcessTransport(), PaddedTransport(case)
    finals = []
    for transport in (open_, padded):
        shapes = []
        carry = transport.carry

        def watch(purpose, sources, targets, layers, carry=carry, shapes=shapes):
            shapes.append((purpose, [tuple(x.shape[1:]) for x in layers]))
            return carry(purpose, sources, targets, layers)

        transport.carry = watch
        training = Training(case, "fedsac", [0], transport)
        training.run(1)
        finals.append(torch.cat([p.flatten() for p in training.learner.policy]))
        policy, q = training.learner.policy_sizes, training.learner.q_sizes
        allowed = {
            kind: [s for a, b in itertools.pairwise(sizes) for s in ((a, b), (1, b))]
            for kind, sizes in (("policies", policy), ("aggregate", policy), ("Q networks", q))
        }
        assert {p for p, _ in shapes} == set(allowed)
        assert all(found == allowed[purpose] for purpose, found in shapes)
    assert torch.equal(*finals)
    assert open_.payload == padded.payload
    assert padded.consumed.sum() > 8 * sum(padded.payload.values())
    np.testing.assert_array_equal(padded.produced, padded.consumed + padded.stored)


def test_two_seeds_side_by_side_are_those_alone():
    both = Training(case_of(), "fedsac", [0, 1])
    both.run()
    for place, member in enumerate((0, 1)):
        one = Training(case_of(), "fedsac", [member])
        one.run()
        np.testing.assert_allclose(
            np.array(both.curve.stochastic)[:, place],
            np.array(one.curve.stochastic)[:, 0],
            rtol=1e-4,
        )


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_resumed_training_is_the_unbroken_one_to_the_bit(algorithm, tmp_path, monkeypatch):
    # evaluations take most of the time, and a short one shows as much here
    monkeypatch.setattr(evaluate, "REALISED_SLOTS", 5)
    case = case_of(REALISED, STORES + "\n" + REGIMES)
    whole = Training(case, algorithm, [0, 3])
    whole.run()
    first = Training(case, algorithm, [0, 3])
    first.run(2)
    save_state(first, tmp_path / "x.state")
    second = Training(case, algorithm, [0, 3])
    restore_state(second, tmp_path / "x.state")
    second.run()
    for name, tensor in whole.learner.tensors().items():
        assert torch.equal(tensor, second.learner.tensors()[name]), name
    np.testing.assert_array_equal(whole.curve.stochastic, second.curve.stochastic)
    a, b = (
        write_weights(tmp_path / f"{i}.safetensors", weights_of(t))
        for i, t in enumerate((whole, second))
    )
    assert a == b


def test_one_and_two_threads_give_one_digest(tmp_path):
    digests = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        try:
            training = Training(case_of("hidden_layers = 3"), "fedsac", [0])
            training.run()
        finally:
            torch.set_num_threads(1)
        digests.append(write_weights(tmp_path / "w.safetensors", weights_of(training)))
    assert digests[0] == digests[1]


SCENARIO = BASE.format(learning="", more="", demand="").replace("epochs = 3", "epochs = 25")


def test_a_killed_training_goes_on_to_the_same_weights(tmp_path):
    (tmp_path / "s.toml").write_text(SCENARIO)
    command = [sys.executable, "-m", "qnetsim", "train", "s.toml", "-p", "decsac", "-o"]
    process = subprocess.Popen([*command, "a.safetensors"], cwd=tmp_path)
    state = tmp_path / "a.state"
    deadline = time.monotonic() + 120
    while not state.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert state.exists()
    for name in ("a.safetensors", "b.safetensors"):
        done = subprocess.run([*command, name], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert ("resumed" in done.stderr) == (name[0] == "a")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    assert not state.exists()


class Malice:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_no_path_loads_a_pickle(tmp_path):
    mark = tmp_path / "harm"
    planted = pickle.dumps(Malice(mark))
    for name in ("w.safetensors", "w.state", "torch.safetensors"):
        (tmp_path / name).write_bytes(planted)
    torch.save(Malice(mark), tmp_path / "torch.safetensors")
    for name in ("w.safetensors", "torch.safetensors"):
        with pytest.raises(UsageError, match="not a safetensors file"):
            read_weights(tmp_path / name)
    with pytest.raises(UsageError, match="not the state of a training"):
        restore_state(Training(case_of(), "decsac", [0]), tmp_path / "w.state")
    assert not mark.exists()
    pickle.loads(planted)  # the trap works
    assert mark.exists()


def test_the_state_of_another_training_is_refused(tmp_path):
    training = Training(case_of(), "decsac", [0])
    training.run(1)
    save_state(training, tmp_path / "x.state")
    for other in (
        Training(case_of(), "decppo", [0]),
        Training(case_of(), "decsac", [1]),
        Training(case_of("discount = 0.5"), "decsac", [0]),
    ):
        with pytest.raises(UsageError, match="another training"):
            restore_state(other, tmp_path / "x.state")


@pytest.mark.parametrize(
    ("more", "what"),
    [
        (STORES, "key stores"),
        (REGIMES, "regimes"),
        ("[yields]\nnoise_counts = 10", "noise"),
        ("[faults]\nnode_mtbf_s = 10.0\nnode_mttr_s = 1.0", "faults"),
    ],
)
def test_expected_costs_that_nobody_knows_are_refused(more, what):
    with pytest.raises(SettingError) as caught:
        Training(case_of("", more), "decsac", [0])
    ((where, text),) = caught.value.problems
    assert where == ("learning", "reward_cost")
    assert f"with {what} no slot's expected cost is known" in text


def test_decentralised_weights_fit_their_own_network_only(tmp_path):
    path = tmp_path / "w.safetensors"
    write_weights(path, weights_of_untrained(Training(case_of(), "decsac", [0])))
    text = BASE.format(learning="", more="", demand="").replace("nsfnet", "usnet")
    usnet = open_case(parse_scenario(text))
    policy = make_policy("decsac", {"model": str(path)})
    with pytest.raises(UsageError, match="Only a shared policy"):
        policy.prepare(usnet.setting, None)


def test_shared_weights_fit_any_network(tmp_path):
    path = tmp_path / "w.safetensors"
    write_weights(path, weights_of_untrained(Training(case_of(), "fedsac", [0])))
    text = BASE.format(learning="", more="", demand="").replace("nsfnet", "usnet")
    check_policy(lambda: FedSAC(LearnedOptions(model=str(path))), text)


def test_operations_grow_with_agents_and_layers_as_counted():
    """The paper's O((N + M)·U·L) counts neurons; a dense layer of U neurons takes U² products."""
    assert operations(14, [8, 64, 64, 4]) == 14 * (8 * 64 + 64 * 64 + 64 * 4)
    for agents in (14, 28):
        for layers in (1, 2, 3):
            hidden = operations(agents, [64] * (layers + 1))
            assert hidden == agents * layers * 64**2
    training = Training(case_of(), "fedsac", [0])
    calls = []
    baddbmm = torch.baddbmm
    torch.baddbmm = lambda bias, x, w: (
        calls.append(x.shape[0] * x.shape[1] * w.shape[1] * w.shape[2]),
        baddbmm(bias, x, w),
    )[1]
    try:
        training.learner.act(torch.zeros(14, 1, 8), None)
    finally:
        torch.baddbmm = baddbmm
    assert sum(calls) == operations(14, training.learner.policy_sizes)


# its checkers pass options of their own
@pytest.mark.filterwarnings("ignore:reset.. has no options")
def test_pettingzoo_accepts_the_environment():
    from pettingzoo.test import parallel_api_test, parallel_seed_test

    from qnetsim.learning.pettingzoo import QkdParallelEnv

    scenario = case_of().scenario
    parallel_api_test(QkdParallelEnv(scenario), num_cycles=60)
    parallel_seed_test(lambda: QkdParallelEnv(scenario), num_cycles=30)


def test_rewards_follow_their_settings():
    case = case_of()
    core = ArrayEnvironment(case, [0], "test")
    best = np.zeros((1, core.units.count, 2))
    best[..., 0] = 2 * 4 / core.units.top - 1
    assert core.step(best) == pytest.approx(1.0, abs=0.02)
    assert (core.step(-np.ones_like(best)) < 0.5).all()
    own = ArrayEnvironment(case_of("reward_scope = 'own'"), [0], "test")
    mixed = best.copy()
    mixed[0, 3] = -1
    reward = own.step(mixed)[0]
    assert reward[3] < 0.6
    assert np.delete(reward, 3).min() > 0.9
    negative = ArrayEnvironment(case_of("reward = 'negative_cost'"), [0], "test").step(best)
    assert negative == pytest.approx(-1.0, abs=0.02)
    realised = ArrayEnvironment(case_of("reward_cost = 'realised'"), [0], "test")
    reward = realised.step(best)[0, 0]
    p = case.network.costs
    spent = realised.cost.sum()
    least = (realised.loads * p.qkd_reserved + realised.units.requests * p.km_reserved).sum()
    assert reward == pytest.approx(least / spent, rel=1e-6)


def test_actions_are_scaled_and_rounded_half_up():
    case = case_of("decide_by = 'fibre'")
    core = ArrayEnvironment(case, [0], "test")
    units: Units = core.units
    for level, action in ((0, -1), (9, 1), (5, 0), (4, 2 * 4.49 / 9 - 1), (5, 2 * 4.5 / 9 - 1)):
        values = np.full((1, units.count, 2), float(action))
        channels, _ = units.reservations(values)
        np.testing.assert_array_equal(channels[0], level * units.requests)
    _, wavelengths = units.reservations(np.zeros((1, units.count, 2)))
    np.testing.assert_array_equal(wavelengths[0], units.requests)
