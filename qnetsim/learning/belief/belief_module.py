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
        self.own = nn.Linear(spec.slots, spec.units)
        self.ends = nn.Linear(ENDS * spec.slots, spec.units, bias=False)
        self.both = nn.Linear(spec.units, spec.second_units)
        self.outputs = nn.Linear(spec.second_units, spec.levels)
        shapes = spec.shapes()
        drawn = {}
        for name, shape in shapes.items():
            inputs = shapes[name.replace("bias", "weight")][-1]
            values = (2 * seeds.uniform(bits, math.prod(shape)) - 1) / math.sqrt(inputs)
            drawn[name] = values.reshape(shape).astype(np.float32)
        self.load_arrays(drawn)

    def forward(self, seen: Tensor) -> Tensor:
        """Scores of each level in the slot to come, shape (…, levels).

        Parameters
        ----------
        seen : Tensor, shape (3, …, slots)
            Own demand, and that of the two ends in their other pairs; the last slot first.
        """
        own, first, second = seen
        at_own = self.own(own)
        views = [
            torch.relu(at_own + self.ends(torch.cat(ends, dim=-1)))
            for ends in ([first, second], [second, first])
        ]
        scores: Tensor = self.outputs(torch.relu(self.both(views[0] + views[1])))
        return scores

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
