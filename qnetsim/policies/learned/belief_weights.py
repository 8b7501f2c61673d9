"""Weights of `belief-net`: one recurrent network for every node pair, worked out in numpy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt

from qnetsim.arrays import FloatArray
from qnetsim.errors import UsageError
from qnetsim.policies.learned.belief_inputs import input_count
from qnetsim.policies.learned.tensor_file import read_tensors
from qnetsim.records import dataclass

FORMAT = "qnetsim-belief-net"
VERSION = 1
#: Largest number of past slots and of units of a network that a file may say.
MOST_COUNT = 10**4
#: Outputs of a pair: mean and variance of its next level.
OUTPUTS = 2
#: Gates of a recurrent unit: reset, update, new.
GATES = 3


@dataclass(frozen=True)
class BeliefSpec:
    """What a trained network needs to know about itself; kept with its weights.

    Attributes
    ----------
    history : int
        Slots that a pair sees besides the last one.
    units : int
        Of the recurrent layer.
    stores : bool
        Trained with key stores: what the pools hold is taken off what is reserved.
    """

    history: int
    units: int
    stores: bool

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each tensor by its name."""
        gates = GATES * self.units
        return {
            "inputs.weight": (gates, input_count(self.history)),
            "inputs.bias": (gates,),
            "hidden.weight": (gates, self.units),
            "hidden.bias": (gates,),
            "outputs.weight": (OUTPUTS, self.units),
            "outputs.bias": (OUTPUTS,),
            "safety": (2,),
        }


@dataclass(frozen=True)
class BeliefWeights:
    """A trained network.

    Attributes
    ----------
    tensors : mapping of str to ndarray of float32
        By the names of ``BeliefSpec.shapes``.
    spec : BeliefSpec
    card : mapping
        JSON: settings, scenario, topology, what training met, versions.
    sha256 : str
        Of the file.
    """

    tensors: Mapping[str, npt.NDArray[np.float32]]
    spec: BeliefSpec
    card: Mapping[str, object]
    sha256: str = ""


class PairBelief:
    """The network of all pairs at work, slot by slot.

    Sums are of double precision, so that what is reserved hardly depends on a machine.

    Parameters
    ----------
    weights : BeliefWeights
    pairs : int
    """

    def __init__(self, weights: BeliefWeights, pairs: int) -> None:
        self._tensors: dict[str, FloatArray] = {
            name: tensor.astype(np.float64) for name, tensor in weights.tensors.items()
        }
        self._units = weights.spec.units
        self._hidden: FloatArray = np.zeros((pairs, self._units))

    def see(self, inputs: FloatArray) -> None:
        """Take in what the pairs saw of a slot, shape (pairs, inputs)."""
        t = self._tensors
        seen = inputs @ t["inputs.weight"].T + t["inputs.bias"]
        kept = self._hidden @ t["hidden.weight"].T + t["hidden.bias"]
        n = self._units
        reset = _sigmoid(seen[:, :n] + kept[:, :n])
        update = _sigmoid(seen[:, n : 2 * n] + kept[:, n : 2 * n])
        new = np.tanh(seen[:, 2 * n :] + reset * kept[:, 2 * n :])
        self._hidden = (1.0 - update) * new + update * self._hidden

    def moments(self) -> tuple[FloatArray, FloatArray]:
        """Mean and variance of the next level of each pair, shape (pairs,) each."""
        t = self._tensors
        out = np.logaddexp(0.0, self._hidden @ t["outputs.weight"].T + t["outputs.bias"])
        return out[:, 0], out[:, 1]

    @property
    def safety(self) -> FloatArray:
        """Two numbers a and b: z of a fibre is a, plus b times its normal quantile."""
        return self._tensors["safety"]


def _sigmoid(x: FloatArray) -> FloatArray:
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)))


def packed_belief(weights: BeliefWeights) -> bytes:
    """All bytes of the file that holds a network."""
    from safetensors.numpy import save

    about = {"format": FORMAT, "version": VERSION, "spec": asdict(weights.spec)}
    text = json.dumps({**about, "card": dict(weights.card)}, sort_keys=True)
    tensors = {name: np.ascontiguousarray(t) for name, t in weights.tensors.items()}
    return save(tensors, metadata={FORMAT: text})


def read_belief(path: Path) -> BeliefWeights:
    """Read a network.

    Raises
    ------
    UsageError
        No such file, or it holds no network of `belief-net`.
    """
    file = read_tensors(path, "file of weights", FORMAT, "numpy")
    about = file.about
    if about.get("format") != FORMAT:
        raise UsageError(
            f"{path}: holds no weights of 'belief-net'; give a file of "
            "`qnetsim train SCENARIO --policy belief-net`"
        )
    if about.get("version") != VERSION:
        raise UsageError(
            f"{path}: has version {about.get('version')!r}; this qnetsim reads version {VERSION}"
        )
    card = about.get("card")
    try:
        spec = _spec(about["spec"])
        _refuse_misfit(file.tensors, spec)
        if not isinstance(card, dict):
            raise ValueError("its card is no table")
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path}: is damaged: {error}; train it anew") from None
    return BeliefWeights(file.tensors, spec, card, file.sha256)


def _spec(stored: object) -> BeliefSpec:
    """What stands in a file, checked.

    Raises
    ------
    ValueError, TypeError
    """
    if not isinstance(stored, dict):
        raise ValueError("its spec is no table")
    spec = BeliefSpec(**stored)
    counts = (spec.history, spec.units)
    if not all(type(count) is int and 0 <= count <= MOST_COUNT for count in counts):
        raise ValueError(f"history and units are {counts}, not counts")
    if not spec.units or type(spec.stores) is not bool:
        raise ValueError(f"units is {spec.units!r} and stores {spec.stores!r}")
    return spec


def _refuse_misfit(tensors: Mapping[str, npt.NDArray[np.float32]], spec: BeliefSpec) -> None:
    shapes = spec.shapes()
    if tensors.keys() != shapes.keys():
        raise ValueError(f"its tensors are not {', '.join(shapes)}")
    for name, shape in shapes.items():
        tensor = tensors[name]
        if tensor.dtype != np.float32 or tensor.shape != shape:
            raise ValueError(f"{name} is {tensor.dtype} of shape {tensor.shape}")
        if not np.isfinite(tensor).all():
            raise ValueError(f"{name} holds values that are not finite")
