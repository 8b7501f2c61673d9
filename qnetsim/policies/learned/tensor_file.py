"""Read safetensors files that others made: numbers and text, or one clear error."""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from qnetsim.errors import UsageError
from qnetsim.input_files import read_input

#: What the libraries raise over headers and tensors that they cannot take.
WRONG = (
    OSError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
)
#: The file begins with the length of its header in bytes.
LENGTH = struct.Struct("<Q")


@dataclass(frozen=True)
class TensorFile:
    """What stands in a safetensors file.

    Attributes
    ----------
    about : dict
        JSON that qnetsim keeps in it; empty where there is none.
    tensors : dict
        By name: ndarray, or torch.Tensor.
    sha256 : str
        Of the file.
    """

    about: dict[str, Any]
    tensors: dict[str, Any]
    sha256: str


def read_tensors(path: Path, noun: str, key: str, framework: Literal["numpy", "pt"]) -> TensorFile:
    """Read a safetensors file.

    Parameters
    ----------
    path : Path
    noun : str
        What it should be, in messages.
    key : str
        Entry of the header's metadata with the JSON.
    framework : {"numpy", "pt"}
        Of the tensors.

    Raises
    ------
    UsageError
        It is not there, no plain file, or no such file of safetensors.
    """
    return tensors_of(path, read_input(path, noun), noun, key, framework)


def tensors_of(
    path: Path, data: bytes, noun: str, key: str, framework: Literal["numpy", "pt"]
) -> TensorFile:
    """What stands in a safetensors file whose bytes are read; the rest as :func:`read_tensors`."""
    from safetensors import SafetensorError, safe_open

    try:
        _refuse_repeats(data)
        with safe_open(path, framework=framework) as file:
            about = json.loads((file.metadata() or {}).get(key, "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, *WRONG) as error:
        reason = " ".join(str(error).split())
        raise UsageError(
            f"{path}: is not a safetensors file, so not the {noun} that is wanted ({reason})"
        ) from None
    sha256 = hashlib.sha256(data).hexdigest()
    return TensorFile(about if isinstance(about, dict) else {}, tensors, sha256)


def _refuse_repeats(data: bytes) -> None:
    """Refuse a header in which a name stands twice: readers differ in which they take."""
    if len(data) < LENGTH.size:
        raise ValueError("it has no header")
    (length,) = LENGTH.unpack_from(data)

    def without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError("a name stands twice in its header")
        return found

    header = data[LENGTH.size : LENGTH.size + length].decode("utf-8")
    json.loads(header, object_pairs_hook=without_repeats)
