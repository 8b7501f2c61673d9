"""Speed of training, as ratios in one run on one thread: `make bench`."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from qnetsim.case import open_case
from qnetsim.learning.blocking_environment import BlockingEnvironment
from qnetsim.learning.environment import ArrayEnvironment
from qnetsim.learning.kernel_environment import KernelEnvironment
from qnetsim.learning.pettingzoo import QkdParallelEnv
from qnetsim.learning.replay_buffer import ExperienceBatch
from qnetsim.learning.train import Training
from qnetsim.scenario import parse_scenario
from tests.support.agent_by_agent import Agents, network

pytestmark = pytest.mark.slow

TEXT = """
[run]
slots = 1000
[network]
topology = "nsfnet"
[demand]
requests = 100
[learning]
batch = {batch}
"""


def seconds(work, repeats: int) -> float:
    """Best of five, per repeat."""
    work()
    found = []
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(repeats):
            work()
        found.append((time.perf_counter() - started) / repeats)
    return min(found)


def normal(random, *shape):
    return torch.from_numpy(random.normal(size=shape).astype(np.float32))


def test_batched_updates_against_agent_by_agent() -> None:
    torch.set_num_threads(1)
    learner = Training(open_case(parse_scenario(TEXT.format(batch=256))), "decsac", [0]).learner
    agents, random = Agents(learner), np.random.default_rng(1)
    n, b, inputs = learner.stack, 256, learner.spec.size
    batch = ExperienceBatch(
        normal(random, n, b, inputs),
        torch.tanh(normal(random, n, b, 2)),
        normal(random, n, b, 1),
        normal(random, n, b, inputs),
    )
    noise = normal(random, n, b, 2), normal(random, n, b, 2)
    ours = seconds(lambda: learner.update(batch, *noise), 10)
    theirs = seconds(lambda: agents.update(batch, *noise, list(range(n)), False), 5)
    print(f"\nupdate of 14 agents, batch 256: {ours * 1e3:.1f} ms, {theirs / ours:.1f} × faster")
    assert theirs / ours >= 2.5


def test_acting_at_once_against_agent_by_agent() -> None:
    torch.set_num_threads(1)
    learner = Training(open_case(parse_scenario(TEXT.format(batch=64))), "decsac", [0]).learner
    random = np.random.default_rng(1)
    seen, noise = normal(random, 14, 1, learner.spec.size), normal(random, 14, 1, 2)
    nets = [network(learner.policy, agent) for agent in range(14)]

    def one_by_one() -> None:
        with torch.no_grad():
            for agent, net in enumerate(nets):
                mean, log_deviation = net(seen[agent]).chunk(2, dim=-1)
                mean + log_deviation.clamp(-20, 2).exp() * noise[agent]

    ours = seconds(lambda: learner.act(seen, noise), 200)
    theirs = seconds(one_by_one, 50)
    print(f"\nacting, 14 agents: {ours * 1e6:.0f} µs, {theirs / ours:.1f} × faster")
    assert theirs / ours >= 8


def test_array_core_against_the_parallel_environment() -> None:
    scenario = parse_scenario(TEXT.format(batch=64))
    core = ArrayEnvironment(open_case(scenario), range(16), "speed")
    environment = QkdParallelEnv(scenario)
    action = np.random.default_rng(1).uniform(-1, 1, (16, 14, 2))

    def in_arrays() -> None:
        core.observe()
        core.step(action)

    def one_world() -> None:
        if not environment.agents:
            environment.reset()
        environment.step(dict(zip(environment.agents, action[0], strict=True)))

    ours, theirs = seconds(in_arrays, 100) / 16, seconds(one_world, 100)
    print(f"\nslot of a world: {ours * 1e6:.0f} µs in arrays, {theirs / ours:.1f} × faster")
    assert theirs / ours >= 10


def test_blocking_in_arrays_against_the_kernel() -> None:
    """Both play the same sixteen worlds of ten slots."""
    text = TEXT.format(batch=64).replace('"nsfnet"', '"nsfnet"\nqkd_wavelengths = 90')
    case = open_case(parse_scenario(text + "reward_cost = 'realised'\n"))
    both = {}
    for kind in (BlockingEnvironment, KernelEnvironment):
        environment = kind(case, list(range(16)), "test", slots=10)
        actions = np.random.default_rng(1).uniform(-1, 0, (10, 16, environment.units.count, 2))

        def play(environment=environment, actions=actions) -> None:
            environment.begin(1)
            for action in actions:
                environment.step(action)

        both[kind] = seconds(play, 1)
    ratio = both[KernelEnvironment] / both[BlockingEnvironment]
    print(f"\nten slots of sixteen worlds with limits: {ratio:.1f} × faster as arrays")
    assert ratio >= 4
