"""The network of `belief-net` in torch."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from qnetsim import seeds
from qnetsim.policies.learned.belief_weights import ENDS, LawSpec
from qnetsim.policies.learned.law_belief import OWN_SCALE


class LawModule(nn.Module):
    """What ``PairLaw`` works out, with gradients.

    Parameters
    ----------
    spec : LawSpec
    bits : BitGenerator
        Of the weights at the start, uniform in ±1/√inputs as is customary.
    """

    def __init__(self, spec: LawSpec, bits: np.random.BitGenerator) -> None:
        super().__init__()
        self.levels = spec.levels
        self.own = nn.Linear(spec.slots, spec.units)
        self.ends = nn.Linear(ENDS * spec.slots, spec.units, bias=False)
        self.both = nn.Linear(spec.units, spec.second_units)
        self.outputs = nn.Linear(spec.second_units, spec.choices)
        shapes = spec.shapes()
        drawn = {}
        for name, shape in shapes.items():
            inputs = shapes[name.replace("bias", "weight")][-1]
            values = (2 * seeds.uniform(bits, math.prod(shape)) - 1) / math.sqrt(inputs)
            drawn[name] = values.reshape(shape).astype(np.float32)
        self.load_arrays(drawn)

    def forward(self, seen: Tensor) -> Tensor:
        """Scores of each choice for the slot to come, shape (…, choices).

        Parameters
        ----------
        seen : Tensor, shape (3, …, slots)
            Own demand, and that of the two ends in their other pairs; the last slot first.
        """
        own, first, second = seen
        near, far = self.ends.weight.chunk(ENDS, dim=1)
        # the two views differ in a sign: products of sum and difference are fewer
        alike = self.own(own) + nn.functional.linear(first + second, 0.5 * (near + far))
        apart = nn.functional.linear(first - second, 0.5 * (near - far))
        views = torch.relu(alike + apart) + torch.relu(alike - apart)
        scores: Tensor = self.outputs(torch.relu(self.both(views)))
        return scores

    def laws(self, seen: Tensor) -> Tensor:
        """Probability of each level in the slot to come, shape (…, levels)."""
        shares = torch.softmax(self(seen), dim=-1)
        known, again = shares[..., : self.levels], shares[..., self.levels :]
        asked = (seen[0] * OWN_SCALE).round().long()
        return known.scatter_add(-1, asked, again)

    def surprise(self, seen: Tensor, asked: Tensor) -> Tensor:
        """Mean negative logarithm of the probability of what was asked for, in nats.

        Parameters
        ----------
        seen : Tensor
            As ``forward`` takes it.
        asked : Tensor of int64, shape (…)
        """
        scores = self(seen)
        shares = torch.exp(scores - scores.detach().amax(dim=-1, keepdim=True))
        wanted = asked[..., None]
        right = [torch.arange(self.levels) == wanted, seen[0] == wanted.to(seen.dtype) / OWN_SCALE]
        said = torch.linalg.vecdot(shares, torch.cat(right, dim=-1).to(shares.dtype))
        # a choice that is next to impossible may be nothing in single precision
        least = torch.finfo(said.dtype).tiny
        return (torch.log(shares.sum(dim=-1)) - torch.log(said.clamp_min(least))).mean()

    def arrays(self) -> dict[str, npt.NDArray[np.float32]]:
        """Tensors by the names of the file."""
        return {
            name: layer.detach().numpy().astype(np.float32)
            for name, layer in self.named_parameters()
        }

    def load_arrays(self, arrays: Mapping[str, npt.NDArray[np.float32]]) -> None:
        """Take over tensors by the names of the file."""
        with torch.no_grad():
            for name, layer in self.named_parameters():
                layer.copy_(torch.from_numpy(np.array(arrays[name])))
