"""Steps of belief-net's training."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from qnetsim.learning.belief.muon import KEPT, STEP_RMS, Muon, orthogonal  # noqa: E402


@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (6, 6), (1, 7)])
def test_singular_vectors_stay_and_values_come_to_lie_around_one(shape: tuple[int, int]) -> None:
    matrix = torch.from_numpy(np.random.default_rng(1).normal(0, 30, shape))
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    assert values[0] > 2 * values[-1] or shape[0] == 1
    found = left.mT @ orthogonal(matrix) @ right.mT
    one = torch.diagonal(found)
    assert float(one.min()) > 0.6 and float(one.max()) < 1.3
    torch.testing.assert_close(found, torch.diag(one), rtol=0, atol=1e-9)


def test_nothing_stays_nothing() -> None:
    assert not orthogonal(torch.zeros(3, 5)).any()


def test_a_step_goes_down_and_is_as_large_whatever_the_gradient() -> None:
    generator = np.random.default_rng(2)
    wanted = torch.from_numpy(generator.normal(size=(8, 8)))
    moved = []
    for scale in (1e-3, 1e3):
        layers = [torch.zeros(8, 8, dtype=torch.float64, requires_grad=True)]
        Muon(layers).step(scale * ((layers[0] - wanted) ** 2).sum(), 0.01)
        moved.append(layers[0].detach().clone())
    torch.testing.assert_close(*moved)
    assert float((moved[0] * wanted).sum()) > 0
    # a square matrix moves by about this share of the rate in each number
    assert float(moved[0].square().mean().sqrt()) == pytest.approx(0.01 * STEP_RMS, rel=0.3)


def test_the_momentum_is_kept_and_counts_ahead() -> None:
    """Of a vector all that the form does is to set its length."""
    layer = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    steps = Muon([layer])
    slopes = [torch.tensor([3.0, 0.0, 4.0]), torch.tensor([0.0, 5.0, 0.0])]
    before = layer.detach().clone()
    for slope in slopes:
        before = layer.detach().clone()
        steps.step(layer @ slope.double(), 0.1)
    momentum = KEPT * slopes[0] + slopes[1]
    torch.testing.assert_close(steps.tensors()["0"], momentum.double())
    moved = before - layer.detach()
    ahead = (slopes[1] + KEPT * momentum).double()
    torch.testing.assert_close(moved / moved.norm(), ahead / ahead.norm())
