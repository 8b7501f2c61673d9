"""Steps of even size in all directions: momentum whose matrices are made orthogonal."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

#: Share of the momentum that is kept from step to step.
KEPT = 0.95
#: Root mean square of the numbers of a step, in rates, for a square matrix.
STEP_RMS = 0.2
#: Newton-Schulz iterations, and their polynomial's coefficients of the first, third and fifth power
#: (K. Jordan et al., "Muon", 2024): singular values come to lie around 1, which is near enough.
ITERATIONS = 5
COEFFICIENTS = (3.4445, -4.7750, 2.0315)


class Muon:
    """Momentum, made orthogonal before each step; a vector is a matrix of one row.

    Parameters
    ----------
    layers : sequence of Tensor
        Matrices and vectors, which the steps change.
    """

    def __init__(self, layers: Sequence[Tensor]) -> None:
        self._layers = list(layers)
        self._momenta = [torch.zeros_like(layer) for layer in self._layers]

    def step(self, loss: Tensor, rate: float) -> None:
        """Go down the gradient of a loss."""
        gradients = torch.autograd.grad(loss, self._layers)
        with torch.no_grad():
            for layer, momentum, gradient in zip(
                self._layers, self._momenta, gradients, strict=True
            ):
                momentum.mul_(KEPT).add_(gradient)
                ahead = gradient + KEPT * momentum
                ahead = ahead.reshape(-1, ahead.shape[-1])
                size = STEP_RMS * math.sqrt(max(ahead.shape))
                layer.sub_(orthogonal(ahead).view_as(layer), alpha=rate * size)

    def tensors(self) -> dict[str, Tensor]:
        """Momenta, by layer."""
        return {str(i): momentum for i, momentum in enumerate(self._momenta)}


def orthogonal(matrix: Tensor) -> Tensor:
    """About the matrix of the same singular vectors whose singular values are all 1."""
    upright = matrix.shape[0] > matrix.shape[1]
    found: Tensor = matrix.mT if upright else matrix
    found = found / found.norm().clamp_min(torch.finfo(found.dtype).tiny)
    first, third, fifth = COEFFICIENTS
    for _ in range(ITERATIONS):
        square = found @ found.mT
        found = first * found + (third * square + fifth * square @ square) @ found
    return found.mT if upright else found
