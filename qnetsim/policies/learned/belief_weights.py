"""Weights of `belief-net`: one small network for every node pair, and its file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from qnetsim.errors import UsageError
from qnetsim.policies.learned.belief_inputs import input_count
from qnetsim.policies.learned.tensor_file import read_tensors

FORMAT = "qnetsim-belief-net"
#: Ends of a node pair.
ENDS = 2
#: Largest number of past slots and of units of a network that a file may say.
MOST_COUNT = 10**4
#: Outputs of a pair: mean and variance of its next level.
OUTPUTS = 2
#: Gates of a recurrent unit: reset, update, new.
GATES = 3


@dataclass(frozen=True)
class BeliefSpec:
    """What a network of version 1 needs to know about itself; kept with its weights.

    It says mean and variance of each pair's next level.

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
class LawSpec:
    """The same of a network that says a law of each pair's next level (version 3).

    It chooses between levels, and between the slots that are seen: the level that was asked for in
    one of them comes again.

    Attributes
    ----------
    history : int
        Slots that a pair sees besides the last one.
    units, second_units : int
        Of the two layers.
    levels : int
        That it can choose whether they were seen or not; the lowest ones.
    """

    history: int
    units: int
    second_units: int
    levels: int

    @property
    def slots(self) -> int:
        """Slots that are seen."""
        return self.history + 1

    @property
    def choices(self) -> int:
        """Levels, and slots that are seen, the last one first."""
        return self.levels + self.slots

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each tensor by its name."""
        return {
            "own.weight": (self.units, self.slots),
            "own.bias": (self.units,),
            "ends.weight": (self.units, ENDS * self.slots),
            "both.weight": (self.second_units, self.units),
            "both.bias": (self.second_units,),
            "outputs.weight": (self.choices, self.second_units),
            "outputs.bias": (self.choices,),
        }


@dataclass(frozen=True)
class BeliefWeights:
    """A trained network.

    Attributes
    ----------
    tensors : mapping of str to ndarray of float32
        By the names of the spec's ``shapes``.
    spec : BeliefSpec or LawSpec
    card : mapping
        JSON: settings, scenario, topology, what training met, versions.
    sha256 : str
        Of the file.
    """

    tensors: Mapping[str, npt.NDArray[np.float32]]
    spec: BeliefSpec | LawSpec
    card: Mapping[str, object]
    sha256: str = ""


#: What a network knows about itself, by the version of the file. Version 2, which no release had,
#: could not choose slots.
SPECS: dict[int, type[BeliefSpec | LawSpec]] = {1: BeliefSpec, 3: LawSpec}


def packed_belief(weights: BeliefWeights) -> bytes:
    """All bytes of the file that holds a network."""
    from safetensors.numpy import save

    version = {kind: number for number, kind in SPECS.items()}[type(weights.spec)]
    about = {"format": FORMAT, "version": version, "spec": asdict(weights.spec)}
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
    version = about.get("version")
    if type(version) is not int or version not in SPECS:
        raise UsageError(
            f"{path}: has version {version!r}; this qnetsim reads versions "
            f"{', '.join(map(str, SPECS))}"
        )
    card = about.get("card")
    try:
        spec = _spec(about["spec"], SPECS[version])
        _refuse_misfit(file.tensors, spec)
        if not isinstance(card, dict):
            raise ValueError("its card is no table")
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path}: is damaged: {error}; train it anew") from None
    return BeliefWeights(file.tensors, spec, card, file.sha256)


def _spec(stored: object, kind: type[BeliefSpec | LawSpec]) -> BeliefSpec | LawSpec:
    """What stands in a file, checked.

    Raises
    ------
    ValueError, TypeError
    """
    if not isinstance(stored, dict):
        raise ValueError("its spec is no table")
    spec = kind(**stored)
    for name, value in asdict(spec).items():
        least = 0 if name == "history" else 1
        if name == "stores":
            if type(value) is not bool:
                raise ValueError(f"stores is {value!r}")
        elif type(value) is not int or not least <= value <= MOST_COUNT:
            raise ValueError(f"{name} is {value!r}, not a count")
    return spec


def _refuse_misfit(
    tensors: Mapping[str, npt.NDArray[np.float32]], spec: BeliefSpec | LawSpec
) -> None:
    shapes = spec.shapes()
    if tensors.keys() != shapes.keys():
        raise ValueError(f"its tensors are not {', '.join(shapes)}")
    for name, shape in shapes.items():
        tensor = tensors[name]
        if tensor.dtype != np.float32 or tensor.shape != shape:
            raise ValueError(f"{name} is {tensor.dtype} of shape {tensor.shape}")
        if not np.isfinite(tensor).all():
            raise ValueError(f"{name} holds values that are not finite")
