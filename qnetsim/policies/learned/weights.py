"""Trained weights as files: safetensors, which hold numbers and text and nothing that runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from qnetsim.arrays import IntArray
from qnetsim.errors import UsageError
from qnetsim.input_files import read_input
from qnetsim.network import Topology
from qnetsim.policies.learned.features import Float32Array
from qnetsim.policies.learned.spec import Spec
from qnetsim.policies.learned.tensor_file import tensors_of
from qnetsim.policies.learned.trained_network import TrainedAgents, parsed_graph, trained_agents

FORMAT = "qnetsim-policy"
VERSION = 1
#: What such a file is called in messages.
NOUN = "file of weights"
#: Largest number of past slots, channels or wavelengths that a spec may say.
MOST_COUNT = 10**6


@dataclass(frozen=True)
class Weights:
    """A trained policy: the layers of its mean action, and where it comes from.

    Attributes
    ----------
    layers : tuple of (ndarray, ndarray)
        Matrix of shape (policies, in, out) and bias of shape (policies, 1, out) of each layer;
        the last one gives mean and logarithm of the deviation. One policy where it is shared.
    spec : Spec
    card : dict
        JSON: algorithm, settings, scenario, topology, versions.
    sha256 : str
        Of the file.
    """

    layers: tuple[tuple[Float32Array, Float32Array], ...]
    spec: Spec
    card: Mapping[str, object]
    sha256: str = ""

    @property
    def policies(self) -> int:
        """Number of policies: one where all units share it."""
        return len(self.layers[0][0])

    def of(self, units: IntArray) -> Weights:
        """Weights of these units alone; the same ones where the policy is shared."""
        if self.policies == 1:
            return self
        return replace(self, layers=tuple((w[units], b[units]) for w, b in self.layers))

    def agents_in(self, topology: Topology) -> TrainedAgents | None:
        """Agents that own the policies, in a network in use.

        Returns
        -------
        TrainedAgents or None
            None where a policy is shared, or where only the network's name is known.

        Raises
        ------
        UsageError
            The policies are those of another network.
        """
        return trained_agents(self.card, self.policies, self.spec.decide_by, topology)

    def forward(self, seen: Float32Array) -> tuple[Float32Array, Float32Array]:
        """Mean and logarithm of the deviation, before squashing, Eq (37).

        Parameters
        ----------
        seen : ndarray of float32, shape (policies or units, batch, inputs)
        """
        x = seen
        for weight, bias in self.layers[:-1]:
            x = np.maximum(np.matmul(x, weight) + bias, np.float32(0))
        weight, bias = self.layers[-1]
        out = np.matmul(x, weight) + bias
        half = out.shape[-1] // 2
        return out[..., :half], np.clip(out[..., half:], *LOG_DEVIATION)


#: Bounds of the logarithm of a policy's standard deviation.
LOG_DEVIATION = (np.float32(-20.0), np.float32(2.0))


def packed(weights: Weights) -> bytes:
    """All bytes of the file that holds a policy."""
    from safetensors.numpy import save

    tensors: dict[str, npt.NDArray[np.float32]] = {}
    for i, (weight, bias) in enumerate(weights.layers):
        tensors[f"{i}.weight"] = np.ascontiguousarray(weight)
        tensors[f"{i}.bias"] = np.ascontiguousarray(bias)
    about = {"format": FORMAT, "version": VERSION, "spec": weights.spec.as_json()}
    text = json.dumps({**about, "card": dict(weights.card)}, sort_keys=True)
    return save(tensors, metadata={FORMAT: text})


def read_weights(path: Path) -> Weights:
    """Read a policy.

    Raises
    ------
    UsageError
        No such file, or it is not a policy of qnetsim.
    """
    if not path.exists():
        raise UsageError(
            f"{path}: no such file of weights; a trace names it without its folder: put it beside "
            "the trace or into the current folder, or give its path (`verify --weights FILE`, or "
            "`--policy NAME:model=FILE`)"
        )
    data = read_input(path, NOUN)
    return _weights_in(_Content(path, hashlib.sha256(data).digest(), data))


@dataclass(frozen=True)
class _Content:
    """A file as it was read; equal to one of the same name whose bytes are the same."""

    path: Path
    sha256: bytes
    data: bytes = field(compare=False)


@lru_cache(maxsize=8)
def _weights_in(content: _Content) -> Weights:
    """Weights in a file, which the runs of a comparison take apart once."""
    path = content.path
    file = tensors_of(path, content.data, NOUN, FORMAT, "numpy")
    about = file.about
    if about.get("format") != FORMAT:
        raise UsageError(f"{path}: holds no policy of qnetsim; give a file of `qnetsim train`")
    if about.get("version") != VERSION:
        raise UsageError(
            f"{path}: has version {about.get('version')!r}; this qnetsim reads version {VERSION}"
        )
    card = about.get("card", {})
    try:
        spec = _spec(about["spec"])
        layers = _layers(file.tensors, spec)
        if not isinstance(card, dict):
            raise ValueError("its card is no table")
        if card.get("graph") is not None:
            parsed_graph(card["graph"])
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path}: is damaged: {error}; train it anew") from None
    return Weights(layers, spec, card, file.sha256)


def _spec(stored: object) -> Spec:
    """What stands in a file, checked.

    Raises
    ------
    ValueError, TypeError, KeyError
    """
    if not isinstance(stored, dict) or not isinstance(stored.get("observe"), list):
        raise ValueError("its spec is no table with a list 'observe'")
    spec = Spec(**{**stored, "observe": tuple(stored["observe"])})
    counts = (spec.history, spec.most_channels, spec.pairs)
    if not all(type(count) is int and 0 <= count <= MOST_COUNT for count in counts):
        raise ValueError(f"history, most_channels and pairs are {counts}, not counts")
    most = spec.most_wavelengths
    if type(most) not in {int, float} or not 0 <= most <= MOST_COUNT:
        raise ValueError(f"most_wavelengths is {most!r}")
    if spec.km_action not in {"share", "around_one"}:
        raise ValueError(f"km_action is {spec.km_action!r}")
    if spec.km_action == "around_one" and most < 1:
        raise ValueError(f"most_wavelengths is {most!r}, below the one that km_action is around")
    if spec.channels_by not in {"request", "fibre"}:
        raise ValueError(f"channels_by is {spec.channels_by!r}")
    if spec.decide_by not in {"agent", "fibre"}:
        raise ValueError(f"decide_by is {spec.decide_by!r}")
    if len(set(spec.observe)) < len(spec.observe):
        raise ValueError("a block is observed twice")
    return spec


def _layers(
    tensors: Mapping[str, npt.NDArray[np.float32]], spec: Spec
) -> tuple[tuple[Float32Array, Float32Array], ...]:
    found = []
    inputs = spec.size
    names = {f"{i}.{part}" for i in range(len(tensors) // 2) for part in ("weight", "bias")}
    if names != tensors.keys():
        raise ValueError("its tensors are not N.weight and N.bias of layers 0, 1, …")
    for i in range(len(tensors) // 2):
        weight = tensors[f"{i}.weight"]
        bias = tensors[f"{i}.bias"]
        if weight.dtype != np.float32 or bias.dtype != np.float32 or weight.ndim != 3:
            raise ValueError(f"layer {i} is {weight.dtype} of shape {weight.shape}")
        policies = weight.shape[0]
        outputs = weight.shape[-1]
        if policies != tensors["0.weight"].shape[0] or not (policies and outputs):
            raise ValueError(f"layer {i} has shape {weight.shape}")
        if weight.shape != (policies, inputs, outputs) or bias.shape != (policies, 1, outputs):
            raise ValueError(f"layer {i} has shapes {weight.shape} and {bias.shape}")
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise ValueError(f"layer {i} holds values that are not finite")
        found.append((weight, bias))
        inputs = outputs
    if len(found) < 2 or inputs != 4:
        raise ValueError("the last layer gives no mean and deviation of two actions")
    return tuple(found)
