"""The network of `belief-net` in torch, and what fibres reserve by it."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from qnetsim import seeds
from qnetsim.policies.learned.belief_head import LEAST_VARIANCE, FibreHead
from qnetsim.policies.learned.belief_inputs import input_count
from qnetsim.policies.learned.belief_weights import OUTPUTS, BeliefSpec

#: Names of torch's recurrent layer by those of the file.
LAYERS = {
    "inputs.weight": "recurrent.weight_ih_l0",
    "inputs.bias": "recurrent.bias_ih_l0",
    "hidden.weight": "recurrent.weight_hh_l0",
    "hidden.bias": "recurrent.bias_hh_l0",
    "outputs.weight": "outputs.weight",
    "outputs.bias": "outputs.bias",
    "safety": "safety",
}

#: The head's numbers at the start: the quantile of a normal load.
NEWSVENDOR = (0.0, 1.0)


class BeliefModule(nn.Module):
    """One recurrent layer and two outputs of every pair, and the two numbers of the head.

    Parameters
    ----------
    spec : BeliefSpec
    bits : BitGenerator
        Of the weights at the start, uniform in ±1/√units as is customary.
    """

    def __init__(self, spec: BeliefSpec, bits: np.random.BitGenerator) -> None:
        super().__init__()
        self.recurrent = nn.GRU(input_count(spec.history), spec.units)
        self.outputs = nn.Linear(spec.units, OUTPUTS)
        self.safety = nn.Parameter(torch.tensor(NEWSVENDOR))
        shapes = spec.shapes()
        bound = 1 / math.sqrt(spec.units)
        drawn = {
            name: ((2 * seeds.uniform(bits, math.prod(shape)) - 1) * bound).reshape(shape)
            for name, shape in shapes.items()
            if name != "safety"
        }
        safety = np.array(NEWSVENDOR)
        self.load_arrays({n: a.astype(np.float32) for n, a in (drawn | {"safety": safety}).items()})

    def forward(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of each pair's next level: before the first slot, and after each.

        Parameters
        ----------
        seen : Tensor, shape (slots, pairs, inputs)

        Returns
        -------
        mean, variance : Tensor, shape (slots + 1, pairs)
        """
        hidden, _ = self.recurrent(seen)
        start = torch.zeros_like(hidden[:1])
        out = nn.functional.softplus(self.outputs(torch.cat([start, hidden])))
        return out[..., 0], out[..., 1]

    def arrays(self) -> dict[str, npt.NDArray[np.float32]]:
        """Tensors by the names of the file."""
        found = dict(self.named_parameters())
        return {
            name: found[layer].detach().numpy().astype(np.float32) for name, layer in LAYERS.items()
        }

    def load_arrays(self, arrays: Mapping[str, npt.NDArray[np.float32]]) -> None:
        """Take over tensors by the names of the file."""
        found = dict(self.named_parameters())
        with torch.no_grad():
            for name, layer in LAYERS.items():
                found[layer].copy_(torch.from_numpy(np.array(arrays[name])))


class TorchHead:
    """``FibreHead`` in torch.

    Parameters
    ----------
    head : FibreHead
    """

    def __init__(self, head: FibreHead) -> None:
        self._crossing = torch.from_numpy((head.crossing * head.per_level).astype(np.float32))
        self._squares = torch.from_numpy((head.crossing * head.per_level**2).astype(np.float32))
        self._quantile = torch.from_numpy(head.quantile.astype(np.float32))
        self._worth = torch.from_numpy(head.worth.astype(np.float32))

    def stock(self, mean: Tensor, variance: Tensor, safety: Tensor) -> Tensor:
        """Channel-slots that each fibre shall have, shape (…, fibres)."""
        spread = torch.sqrt(variance @ self._squares + LEAST_VARIANCE)
        z = safety[0] + safety[1] * self._quantile
        return torch.relu(mean @ self._crossing + z * spread) * self._worth
