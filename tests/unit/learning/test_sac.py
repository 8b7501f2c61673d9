"""Soft actor-critic, Eqs (32)–(38): each step against the equation, written out plainly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from qnetsim.learning.learner import LearnerSetting  # noqa: E402
from qnetsim.learning.networks import forward, gaussian, squashed  # noqa: E402
from qnetsim.learning.replay_buffer import ExperienceBatch  # noqa: E402
from qnetsim.learning.sac import DecSACLearner  # noqa: E402
from qnetsim.policies.learned.spec import Spec  # noqa: E402
from qnetsim.scenario import LearningTable  # noqa: E402

torch.set_num_threads(1)

SPEC = Spec(history=2, observe=("actions",), decide_by="agent")
AGENTS, BATCH, INPUTS, ACTIONS = 3, 4, 4, 2
MEMBERS = (0, 5)
STACK = AGENTS * len(MEMBERS)


class SomeManagers(DecSACLearner):
    """Agents 0 and 2 of every seed are managers, as in FedSAC."""

    def choose_managers(self) -> Any:
        return torch.tensor([0, 2, 3, 5])

    def borrowed(self) -> Any:
        """Agent 1 borrows the Q networks of agent 2."""
        places = torch.tensor([0, 1, 1, 2, 3, 3])
        both = torch.cat([places, places + 4])
        return [layer.detach()[both] for layer in self.q]


def learner(kind: type[DecSACLearner] = DecSACLearner, **more: Any) -> DecSACLearner:
    settings = {"hidden_units": 5, "hidden_layers": 2, "batch": BATCH, "updates_per_epoch": 3}
    table = LearningTable(**{**settings, "temperature": 0.3, "replay": 50, **more})
    setting = LearnerSetting(table, SPEC, AGENTS, 7, MEMBERS)
    return kind(setting)


def normal(seed: int, *shape: int) -> Any:
    drawn = np.random.default_rng(seed).normal(size=shape)
    return torch.from_numpy(drawn.astype(np.float32))


def some_batch() -> ExperienceBatch:
    return ExperienceBatch(
        normal(1, STACK, BATCH, INPUTS),
        torch.tanh(normal(2, STACK, BATCH, ACTIONS)),
        normal(3, STACK, BATCH, 1),
        normal(4, STACK, BATCH, INPUTS),
    )


def rows(layers: Any, places: list[int]) -> Any:
    return [layer.detach()[places] for layer in layers]


def snapshot(layers: Any) -> list[Any]:
    return [layer.detach().clone() for layer in layers]


@pytest.mark.parametrize(("kind", "count"), [(DecSACLearner, 6), (SomeManagers, 4)])
def test_each_manager_has_two_q_networks_of_its_own(kind: Any, count: int) -> None:
    made = learner(kind)
    assert made.q_sizes == [INPUTS + ACTIONS, 5, 5, 1]
    shapes = [(6, 5), (1, 5), (5, 5), (1, 5), (5, 1), (1, 1)]
    for layers in (made.q, made.q_target):
        assert [tuple(layer.shape) for layer in layers] == [(2 * count, *s) for s in shapes]
    for layer, target in zip(made.q, made.q_target, strict=True):
        assert layer.requires_grad
        assert layer.is_leaf
        assert not target.requires_grad
        assert torch.equal(layer, target)
        assert layer.data_ptr() != target.data_ptr()
        # every network is drawn apart
        assert len({tuple(row.flatten().tolist()) for row in layer.detach()}) == 2 * count
    # streams are named after the network: the same ones as ever
    for number in (1, 2):
        drawn = made.draw(f"q{number}", count // 2, made.q_sizes)
        first = (number - 1) * count
        for layer, own in zip(made.q, drawn, strict=True):
            assert torch.equal(layer.detach()[first : first + count], own.detach())
    assert made.replay.rows.shape == (STACK, 50, INPUTS + ACTIONS + 1 + INPUTS)


def test_every_agent_is_a_manager_and_has_its_own_q_networks() -> None:
    made = learner()
    assert made.managers.tolist() == list(range(STACK))
    borrowed = made.borrowed()
    for layer, own in zip(borrowed, made.q, strict=True):
        assert torch.equal(layer, own)
        assert not layer.requires_grad


@pytest.mark.parametrize("kind", [DecSACLearner, SomeManagers])
def test_targets_are_those_of_equation_35(kind: Any) -> None:
    made = learner(kind, discount=0.9)
    made.q_target = [layer + 0.1 * normal(9, *layer.shape) for layer in made.q_target]
    batch, noise = some_batch(), normal(5, STACK, BATCH, ACTIONS)
    found = made.targets(batch, noise)
    managers = made.managers.tolist()
    assert found.shape == (len(managers), BATCH, 1)
    assert not found.requires_grad
    for place, agent in enumerate(managers):
        following = batch.next_observation[[agent]]
        law = gaussian(rows(made.policy, [agent]), following)
        action, density = squashed(*law, noise[[agent]])
        pair = torch.cat([following, action], -1)
        first, second = (
            forward(rows(made.q_target, [at]), pair) for at in (place, place + len(managers))
        )
        expected = batch.reward[agent] + 0.9 * (torch.minimum(first, second) - 0.3 * density)[0]
        torch.testing.assert_close(found[place], expected.detach())
        assert not torch.equal(first, second)


def test_without_discount_the_target_is_the_reward() -> None:
    made = learner(SomeManagers, discount=0.0)
    made.q_target = [torch.full_like(layer, torch.nan) for layer in made.q_target]
    batch = some_batch()
    found = made.targets(batch, normal(5, STACK, BATCH, ACTIONS))
    assert torch.equal(found, batch.reward[made.managers])


def check_first_step(adam: Any, before: list[Any], gradients: Any, rate: float) -> None:
    """Adam's first step: by the rate against the sign; its first moment is 0.1 of the gradient."""
    moments = adam.tensors()
    for number, (old, gradient) in enumerate(zip(before, gradients, strict=True)):
        found = moments[f"{number}.exp_avg"]
        torch.testing.assert_close(found, 0.1 * gradient, atol=1e-6, rtol=1e-4)
        clear = gradient.abs() > 1e-4
        step = (adam.layers[number].detach() - old)[clear]
        expected = -rate * gradient.sign()[clear]
        torch.testing.assert_close(step, expected, atol=2e-2 * rate, rtol=0)


@pytest.mark.parametrize("kind", [DecSACLearner, SomeManagers])
def test_an_update_goes_down_the_gradients_of_equations_34_and_38(kind: Any) -> None:
    """The first step of Adam is the learning rate along the sign of the gradient."""
    made = learner(kind, discount=0.9, target_coefficient=0.25, q_rate=0.01, policy_rate=0.002)
    batch = some_batch()
    next_noise, noise = normal(5, STACK, BATCH, ACTIONS), normal(6, STACK, BATCH, ACTIONS)
    targets = made.targets(batch, next_noise)
    q, policy, old = snapshot(made.q), snapshot(made.policy), snapshot(made.q_target)
    made.update(batch, next_noise, noise)

    # Eq (34): squared errors of both Q networks of each manager, mean over the batch
    leaves = [layer.clone().requires_grad_() for layer in q]
    managers = made.managers
    pairs = torch.cat([batch.observation, batch.action], -1)[managers]
    count = len(managers)
    halves = [
        forward([layer[half] for layer in leaves], pairs)
        for half in (slice(count), slice(count, None))
    ]
    loss = sum(((values - targets) ** 2).mean(dim=1).sum() for values in halves)
    check_first_step(made._q_adam, q, torch.autograd.grad(loss, leaves), 0.01)

    # targets move a quarter of the way to the new Q networks
    for new, before, layer in zip(made.q_target, old, made.q, strict=True):
        torch.testing.assert_close(new, 0.75 * before + 0.25 * layer.detach())

    # Eqs (36) and (38): with the new Q networks, the smaller of two values
    leaves = [layer.clone().requires_grad_() for layer in policy]
    action, density = squashed(*gaussian(leaves, batch.observation), noise)
    pairs = torch.cat([batch.observation, action], -1)
    borrowed = made.borrowed()
    first, second = (
        forward([layer[half] for layer in borrowed], pairs)
        for half in (slice(STACK), slice(STACK, None))
    )
    loss = (0.3 * density - torch.minimum(first, second)).mean(dim=1).sum()
    check_first_step(made._policy_adam, policy, torch.autograd.grad(loss, leaves), 0.002)


def test_rewards_of_controllers_are_never_stored() -> None:
    made = learner(SomeManagers)
    seen, following = normal(1, STACK, 1, INPUTS), normal(2, STACK, 1, INPUTS)
    raw, reward = normal(3, STACK, 1, ACTIONS), normal(4, STACK, 1, 1)
    given = reward.clone()
    made.remember(seen, raw, reward, following)
    assert torch.equal(reward, given)
    assert made.replay.size == 1
    kept = made.replay.take(torch.zeros(STACK, 1, dtype=torch.int64))
    expected = given.clone()
    expected[[1, 4]] = 0.0
    assert torch.equal(kept.reward, expected)
    assert torch.equal(kept.observation, seen)
    assert torch.equal(kept.action, torch.tanh(raw))
    assert torch.equal(kept.next_observation, following)


def test_an_epoch_is_so_many_updates_from_the_agents_own_experience() -> None:
    """Places and noise come from the streams of the epoch, in this order."""
    made = learner()
    for slot in range(9):
        made.remember(*(normal(10 * slot + i, STACK, 1, n) for i, n in enumerate((4, 2, 1, 4))))
    given, told = [], []
    made.update = lambda *arguments: given.append(arguments)  # type: ignore[method-assign]
    made.share = lambda: told.append(made.updates)  # type: ignore[method-assign]
    made.updates = 6
    made.iterate(4)
    # the count of updates is raised before the agents tell each other anything
    assert told == [7, 8, 9]
    draws = made.draws(4, "update")
    for batch, next_noise, noise in given:
        expected = made.replay.take(draws.integers(9, AGENTS, BATCH))
        for name in ("observation", "action", "reward", "next_observation"):
            assert torch.equal(getattr(batch, name), getattr(expected, name))
        assert torch.equal(next_noise, draws.noise(AGENTS, BATCH))
        assert torch.equal(noise, draws.noise(AGENTS, BATCH))
    first, second = given[0][1:]
    assert not torch.equal(first, second)


def test_all_that_a_resumed_training_needs_is_named() -> None:
    made = learner()
    found = made.tensors()
    names = {f"{kind}.{i}" for kind in ("policy", "q", "q_target") for i in range(6)}
    moments = ("step", "exp_avg", "exp_avg_sq")
    names |= {f"{a}.{i}.{m}" for a in ("q_adam", "policy_adam") for i in range(6) for m in moments}
    assert set(found) == names | {"replay", "count"}
    # they are the learner's own, to be restored in place
    for i in range(6):
        assert found[f"policy.{i}"] is made.policy[i]
        assert found[f"q.{i}"] is made.q[i]
        assert found[f"q_target.{i}"] is made.q_target[i]
        for name, adam in (("q_adam", made._q_adam), ("policy_adam", made._policy_adam)):
            assert found[f"{name}.{i}.exp_avg"] is adam.tensors()[f"{i}.exp_avg"]
    assert found["replay"] is made.replay.rows
    assert found["count"] is made.replay.counts
