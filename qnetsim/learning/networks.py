"""Neural networks of many agents as one: parameters are stacked, layers are batched products."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from qnetsim import seeds
from qnetsim.policies.learned.weights import LOG_DEVIATION

#: Weight and bias of each layer, with one more axis in front: the agents.
Layers = list[Tensor]
LOG_2 = math.log(2.0)
HALF_LOG_2_PI = 0.5 * math.log(2 * math.pi)
#: Numbers that the widest processors work on at once. torch rounds some functions otherwise for the
#: last numbers of a tensor, which are no such group.
LANES = 16
#: Decay rates of Adam's moments, and what keeps its quotient finite; torch's defaults.
BETAS = (0.9, 0.999)
EPSILON = 1e-8


def draw_layers(
    bits: np.random.BitGenerator, stack: int, sizes: Sequence[int], *, same: bool = False
) -> Layers:
    """Initial parameters, uniform in ±1/√inputs as is customary.

    Parameters
    ----------
    bits : BitGenerator
    stack : int
        Agents.
    sizes : sequence of int
        Inputs, hidden units, outputs.
    same : bool
        Draw one network for all agents.
    """
    layers: Layers = []
    for inputs, outputs in itertools.pairwise(sizes):
        bound = 1 / math.sqrt(inputs)
        for shape in ((inputs, outputs), (1, outputs)):
            count = 1 if same else stack
            drawn = (2 * seeds.uniform(bits, count * math.prod(shape)) - 1) * bound
            tensor = torch.from_numpy(drawn.astype(np.float32)).reshape(count, *shape)
            layers.append(tensor.expand(stack, *shape).clone().requires_grad_())
    return layers


def forward(layers: Sequence[Tensor], x: Tensor) -> Tensor:
    """Outputs of all agents' networks, with ReLU between the layers.

    Parameters
    ----------
    layers : sequence of Tensor
    x : Tensor, shape (agents, batch, inputs)
    """
    pairs = list(zip(layers[::2], layers[1::2], strict=True))
    for weight, bias in pairs[:-1]:
        x = torch.relu(torch.baddbmm(bias, x, weight))
    weight, bias = pairs[-1]
    return torch.baddbmm(bias, x, weight)


def gaussian(layers: Sequence[Tensor], observation: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and logarithm of the deviation of each action before squashing."""
    mean, log_deviation = forward(layers, observation).chunk(2, dim=-1)
    low, high = LOG_DEVIATION
    return mean, log_deviation.clamp(float(low), float(high))


def squashed(mean: Tensor, log_deviation: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Action ``tanh(ε + σ·ξ)``, Eq (37), and the logarithm of its density.

    Parameters
    ----------
    mean, log_deviation, noise : Tensor, shape (agents, batch, actions)

    Returns
    -------
    action : Tensor, shape (agents, batch, actions)
    log_density : Tensor, shape (agents, batch, 1)
    """
    raw = mean + log_deviation.exp() * noise
    normal = -0.5 * noise.square() - log_deviation - HALF_LOG_2_PI
    return torch.tanh(raw), (normal - log_derivative(raw)).sum(-1, keepdim=True)


def log_density(mean: Tensor, log_deviation: Tensor, raw: Tensor) -> Tensor:
    """Logarithm of the density of the action tanh(raw), shape (agents, batch, 1)."""
    noise = (raw - mean) / log_deviation.exp()
    normal = -0.5 * noise.square() - log_deviation - HALF_LOG_2_PI
    return (normal - log_derivative(raw)).sum(-1, keepdim=True)


def log_derivative(raw: Tensor) -> Tensor:
    """``log(1 − tanh²)``, exact also where tanh rounds to one."""
    return 2 * (LOG_2 - raw - _softplus(-2 * raw))


def _softplus(x: Tensor) -> Tensor:
    """``log(1 + exp(x))``, rounded alike wherever a number stands in its tensor."""
    lacking = -x.numel() % LANES
    if not lacking:
        return torch.nn.functional.softplus(x)
    padded = torch.nn.functional.pad(x.flatten(), (0, lacking))
    return torch.nn.functional.softplus(padded)[: x.numel()].view(x.shape)


def operations(stack: int, sizes: Sequence[int]) -> int:
    """Multiplications of one forward pass of all agents."""
    return stack * sum(a * b for a, b in itertools.pairwise(sizes))


def polyak(targets: Sequence[Tensor], layers: Sequence[Tensor], share: float) -> None:
    """Move targets towards the networks by a share of the way."""
    with torch.no_grad():
        torch._foreach_lerp_(list(targets), list(layers), share)


class Adam:
    """torch's Adam for stacked parameters; it works element by element, so agents stay apart.

    The layers become parts of one flat tensor. The fused step rounds the last elements of a tensor
    otherwise than the rest, so that without the padding an agent's numbers would depend on how many
    others it is stacked with. It is called by itself: torch's optimiser class imports the whole
    compiler, which takes longer than many a training.
    """

    def __init__(self, layers: Layers, rate: float) -> None:
        self.layers = layers
        sizes = [-(-layer.numel() // LANES) * LANES for layer in layers]
        self._flat = layers[0].new_zeros(sum(sizes))
        self._gradient = torch.zeros_like(self._flat)
        self._parts = list(zip(layers, sizes, strict=True))
        for layer, part in zip(layers, self._views(self._flat), strict=True):
            layer.data = part.copy_(layer.detach())
        self._gradients = self._views(self._gradient)
        self._rate = rate
        self._moments = {name: torch.zeros_like(self._flat) for name in ("exp_avg", "exp_avg_sq")}
        self._steps = torch.zeros((), device=self._flat.device)
        self._state = {f"{i}.step": self._steps for i in range(len(layers))}
        for name, moment in self._moments.items():
            self._state |= {f"{i}.{name}": part for i, part in enumerate(self._views(moment))}

    def _views(self, flat: Tensor) -> list[Tensor]:
        """Parts of a flat tensor, in the shapes of the layers."""
        parts = torch.split(flat, [size for _, size in self._parts])
        return [
            part[: layer.numel()].view(layer.shape)
            for part, (layer, _) in zip(parts, self._parts, strict=True)
        ]

    def step(self, loss: Tensor) -> None:
        """Go down the gradient of a loss that is a sum over the agents."""
        torch._foreach_copy_(self._gradients, torch.autograd.grad(loss, self.layers))
        with torch.no_grad():
            self._steps += 1
            first, second = self._moments.values()
            torch._fused_adam_(
                [self._flat],
                [self._gradient],
                [first],
                [second],
                [],
                [self._steps],
                lr=self._rate,
                beta1=BETAS[0],
                beta2=BETAS[1],
                weight_decay=0.0,
                eps=EPSILON,
                amsgrad=False,
                maximize=False,
            )

    def tensors(self) -> dict[str, Tensor]:
        """Step counts and moments, by layer."""
        return self._state


def named_tensors(
    networks: Mapping[str, Layers], optimisers: Mapping[str, Adam]
) -> dict[str, Tensor]:
    """Parameters of networks and moments of optimisers, by the names that a checkpoint uses."""
    found = {f"{name}.{i}": t for name, layers in networks.items() for i, t in enumerate(layers)}
    for name, adam in optimisers.items():
        found |= {f"{name}.{key}": value for key, value in adam.tensors().items()}
    return found
