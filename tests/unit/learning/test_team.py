"""MASAC and MAPPO: trained together, executed alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from qnetsim.case import Case, open_case  # noqa: E402
from qnetsim.learning.checkpoint import weights_of, write_weights  # noqa: E402
from qnetsim.learning.environment import ArrayEnvironment  # noqa: E402
from qnetsim.learning.replay_buffer import ExperienceBatch  # noqa: E402
from qnetsim.learning.team import joint, team_reward  # noqa: E402
from qnetsim.learning.train import Training  # noqa: E402
from qnetsim.policies.learned.weights import read_weights  # noqa: E402
from qnetsim.policies.registry import make_policy  # noqa: E402
from qnetsim.runs.run_context import RunContext, run_case  # noqa: E402
from tests.support.agent_by_agent import network, parameters  # noqa: E402
from tests.support.helpers import scenario  # noqa: E402

TEXT = """
[run]
slots = 20
[network]
topology = "nsfnet"
[demand]
requests = 30
[learning]
epochs = 2
slots_per_epoch = 12
updates_per_epoch = 6
batch = 8
hidden_units = 16
policy_rate = 0.001
{more}
"""


def case_of(more: str = "") -> Case:
    return open_case(scenario(TEXT.format(more=more)))


def test_agents_stand_side_by_side() -> None:
    each = torch.arange(2 * 3 * 4 * 5.0).reshape(6, 4, 5)  # two seeds of three agents
    together = joint(each, 3)
    assert together.shape == (2, 4, 15)
    for seed in (0, 1):
        for agent in range(3):
            place = slice(5 * agent, 5 * agent + 5)
            assert torch.equal(together[seed, :, place], each[3 * seed + agent])
    shared = team_reward(each, 3)
    assert torch.allclose(shared[4], each[3:].mean(dim=0))
    assert torch.equal(shared[3], shared[5])


class PlainTeam:
    """MASAC of one seed with torch.nn and torch.optim, agent after agent."""

    def __init__(self, learner: Any) -> None:
        self.table = learner.table
        self.policies = [network(learner.policy, row) for row in range(learner.agents)]
        self.twins = [network(learner.q, row) for row in (0, 1)]
        self.targets = [network(learner.q_target, row) for row in (0, 1)]
        rate = self.table.policy_rate
        self.policy_adams = [torch.optim.Adam(p.parameters(), lr=rate) for p in self.policies]
        self.q_adams = [torch.optim.Adam(q.parameters(), lr=self.table.q_rate) for q in self.twins]

    def act(self, observation: Any, noise: Any) -> tuple[Any, Any]:
        """Actions of all agents, and the logarithm of their density together."""
        actions, total = [], 0.0
        for policy, seen, draw in zip(self.policies, observation, noise, strict=True):
            mean, log_deviation = policy(seen).chunk(2, dim=-1)
            law = torch.distributions.Normal(mean, log_deviation.clamp(-20, 2).exp())
            raw = mean + law.scale * draw
            action = torch.tanh(raw)
            correction = torch.log((1 - action**2).clamp_min(1e-12))
            total = total + (law.log_prob(raw) - correction).sum(-1, keepdim=True)
            actions.append(action)
        return actions, total

    def update(self, batch: ExperienceBatch, next_noise: Any, noise: Any) -> None:
        table = self.table

        def seen(observation: Any, action: Any) -> Any:
            pairs = zip(observation, action, strict=True)
            return torch.cat([part for pair in pairs for part in pair], dim=-1)

        with torch.no_grad():
            action, density = self.act(batch.next_observation, next_noise)
            ahead = seen(batch.next_observation, action)
            value = torch.minimum(*(q(ahead) for q in self.targets))
            wanted = batch.reward[0] + table.discount * (value - table.temperature * density)
        for twin, target, adam in zip(self.twins, self.targets, self.q_adams, strict=True):
            adam.zero_grad()
            error = twin(seen(batch.observation, batch.action)) - wanted
            error.square().mean().backward()
            adam.step()
            share = table.target_coefficient
            with torch.no_grad():
                for old, new in zip(target.parameters(), twin.parameters(), strict=True):
                    old.mul_(1 - share).add_(share * new)
        action, density = self.act(batch.observation, noise)
        value = torch.minimum(*(q(seen(batch.observation, action)) for q in self.twins))
        for adam in self.policy_adams:
            adam.zero_grad()
        (table.temperature * density - value).mean().backward()
        for adam in self.policy_adams:
            adam.step()


@pytest.mark.parametrize("more", ["", "discount = 0.0"])
def test_masac_is_the_plain_algorithm_five_times_over(more: str) -> None:
    learner: Any = Training(case_of(more), "masac", [0]).learner
    plain = PlainTeam(learner)
    random = np.random.default_rng(2)

    def normal(*shape: int) -> Any:
        return torch.from_numpy(random.normal(size=shape).astype(np.float32))

    for _ in range(5):
        n, b, inputs = learner.stack, 8, learner.spec.size
        reward = normal(1, b, 1).repeat(n, 1, 1)
        batch = ExperienceBatch(
            normal(n, b, inputs), torch.tanh(normal(n, b, 2)), reward, normal(n, b, inputs)
        )
        noise = normal(n, b, 2), normal(n, b, 2)
        learner.update(batch, *noise)
        plain.update(batch, *noise)
    for row, policy in enumerate(plain.policies):
        for ours, theirs in zip(learner.policy, parameters(policy), strict=True):
            torch.testing.assert_close(ours[row], theirs, atol=2e-5, rtol=0)
    for row, twin in enumerate(plain.twins):
        for ours, theirs in zip(learner.q, parameters(twin), strict=True):
            torch.testing.assert_close(ours[row], theirs, atol=2e-5, rtol=0)


@pytest.mark.parametrize("algorithm", ["masac", "mappo"])
def test_an_agent_acts_on_what_it_sees_alone(algorithm: str) -> None:
    learner = Training(case_of(), algorithm, [0, 3]).learner
    seen = torch.randn(learner.stack, 1, learner.spec.size)
    other = seen.clone()
    other[5] += 1.0
    changed = (learner.act(seen, None) != learner.act(other, None)).any(dim=2).flatten()
    assert torch.flatten(torch.nonzero(changed)).tolist() == [5]


def test_the_team_is_worth_the_same_to_all_and_by_what_all_see() -> None:
    learner: Any = Training(case_of(), "mappo", [0, 3]).learner
    seen = torch.randn(learner.stack, 4, learner.spec.size)
    worth = learner.values(seen)
    assert worth.shape == (learner.stack, 4, 1)
    assert torch.equal(worth[0], worth[13])
    assert not torch.equal(worth[0], worth[14])  # of another seed
    seen[13, 2] += 1.0
    changed = (learner.values(seen) != worth).flatten(1)
    assert changed[:14].any(dim=0).tolist() == [False, False, True, False]
    assert not changed[14:].any()
    draws = learner.draws(0, "update")
    places = learner.places(draws, 12)
    assert torch.equal(places[0], places[13])
    assert not torch.equal(places[0], places[14])


@pytest.mark.parametrize("algorithm", ["masac", "mappo"])
def test_all_agents_are_rewarded_alike(algorithm: str) -> None:
    """Where own fibres are rewarded the team gets the mean."""
    training: Any = Training(case_of("reward_scope = 'own'"), algorithm, [0])
    given = []
    step = training.environment.step
    training.environment.step = lambda action: given.append(step(action)) or given[-1]
    training.learner.iterate = lambda epoch: None
    training.run(1)
    if algorithm == "masac":
        kept = training.learner.replay.rows[:, :12, training.learner.spec.size + 2]
    else:
        kept = torch.cat([slot[2] for slot in training.learner._slots], dim=1)[..., 0]
    means = np.array(given)[:, 0].mean(axis=1)
    assert np.ptp(np.array(given)[0, 0]) > 0
    for row in kept.numpy():
        np.testing.assert_allclose(row, means, rtol=1e-5)


@pytest.mark.parametrize("algorithm", ["masac", "mappo"])
def test_their_weights_run_in_the_kernel(algorithm: str, tmp_path: Path) -> None:
    training = Training(case_of(), algorithm, [0])
    training.run()
    path = tmp_path / "w.safetensors"
    write_weights(path, weights_of(training))
    reserved: list[np.ndarray] = []
    run_case(
        RunContext(training.case, algorithm),
        make_policy(algorithm, {"model": str(path)}),
        training.case.realisation(0).chunks(),
        lambda _, block: reserved.extend(block.columns["qkd_channels"]),
    )
    weights = read_weights(path)
    assert weights.policies == 14
    core = ArrayEnvironment(training.case, [0], "test")
    for slot in range(20):
        seen = core.observe()[0][:, None]
        core.step(np.tanh(weights.forward(seen)[0])[None, :, 0])
        np.testing.assert_array_equal(core.reserved[0][0], reserved[slot])
