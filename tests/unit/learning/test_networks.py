"""Stacks of networks: what an agent learns does not depend on how many others are beside it."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from qnetsim.learning.networks import Adam, log_derivative  # noqa: E402 - torch may be missing

#: Agents of a stack, and which of them is looked at.
PLACES = [(1, 0), (3, 2), (14, 13), (28, 27), (42, 5), (64, 63)]


def stacked(one: torch.Tensor, agents: int, place: int) -> torch.Tensor:
    """A stack that is zero but for one agent."""
    found = torch.zeros(agents, *one.shape)
    found[place] = one
    return found


def test_a_step_is_the_same_wherever_an_agent_stands() -> None:
    generator = torch.Generator().manual_seed(1)
    shapes = [(3, 5), (1, 5), (5, 1), (1, 1)]
    begun = [torch.randn(shape, generator=generator) for shape in shapes]
    pulls = [[torch.randn(shape, generator=generator) for shape in shapes] for _ in range(300)]
    ends = []
    for agents, place in PLACES:
        layers = [stacked(one, agents, place).requires_grad_() for one in begun]
        adam = Adam(layers, 0.003)
        for pull in pulls:
            parts = zip(layers, pull, strict=True)
            adam.step(sum((layer * stacked(one, agents, place)).sum() for layer, one in parts))
        ends.append([layer[place].detach().clone() for layer in layers])
        assert not torch.equal(ends[-1][0], begun[0])
    for other in ends[1:]:
        assert all(torch.equal(a, b) for a, b in zip(ends[0], other, strict=True))


def test_a_step_is_that_of_torchs_optimiser() -> None:
    generator = torch.Generator().manual_seed(2)
    ours = [torch.randn(4, 16, 16, generator=generator).requires_grad_() for _ in range(2)]
    theirs = [layer.detach().clone().requires_grad_() for layer in ours]
    adam, optimiser = Adam(ours, 0.003), torch.optim.Adam(theirs, lr=0.003, fused=True)
    for _ in range(50):
        seen = torch.randn(4, 8, 16, generator=generator)
        adam.step(((seen @ ours[0]).tanh() @ ours[1]).square().sum())
        optimiser.zero_grad()
        ((seen @ theirs[0]).tanh() @ theirs[1]).square().sum().backward()
        optimiser.step()
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_moments_are_told_by_layer_and_can_be_put_back() -> None:
    layers = [torch.ones(3, 2, 1, requires_grad=True), torch.ones(3, 1, 1, requires_grad=True)]
    adam = Adam(layers, 0.1)
    adam.step(layers[0].sum() + 2 * layers[1].sum())
    told = adam.tensors()
    names = ("step", "exp_avg", "exp_avg_sq")
    assert set(told) == {f"{layer}.{name}" for layer in (0, 1) for name in names}
    assert float(told["1.step"]) == 1.0
    torch.testing.assert_close(told["0.exp_avg"], torch.full((3, 2, 1), 0.1))
    torch.testing.assert_close(told["1.exp_avg"], torch.full((3, 1, 1), 0.2))
    kept = {name: value.clone() for name, value in told.items()}
    start = [layer.detach().clone() for layer in layers]
    adam.step(layers[0].sum() + 0 * layers[1].sum())
    once = layers[1].detach().clone()
    with torch.no_grad():
        for name, value in adam.tensors().items():
            value.copy_(kept[name])
        for layer, before in zip(layers, start, strict=True):
            layer.copy_(before)
    adam.step(layers[0].sum() + 0 * layers[1].sum())
    assert torch.equal(layers[1], once)


def test_a_density_is_the_same_wherever_an_agent_stands() -> None:
    for seed in range(100):
        raw = 3 * torch.randn((1, 3), generator=torch.Generator().manual_seed(seed))
        found = []
        for agents, place in PLACES:
            whole = stacked(raw, agents, place).requires_grad_()
            value = log_derivative(whole)
            (slope,) = torch.autograd.grad(value.sum(), whole)
            found.append((value[place].detach(), slope[place]))
        for value, slope in found[1:]:
            assert torch.equal(value, found[0][0]) and torch.equal(slope, found[0][1])
    far = log_derivative(torch.tensor([[[0.0, 40.0, -40.0]]]))
    assert far[0, 0].tolist() == pytest.approx([0.0, 2 * (0.6931472 - 40), 2 * (0.6931472 - 40)])
