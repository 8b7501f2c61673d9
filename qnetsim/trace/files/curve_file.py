"""Learning curves: how a training went, in HDF5."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from qnetsim.errors import TraceFormatError
from qnetsim.input_files import refuse_irregular
from qnetsim.trace.hdf5.files import built_in_memory, is_hdf5, replacing
from qnetsim.trace.hdf5.reading import damage_refused, filetype_of, open_hdf5, plain_dataset

FILETYPE = "qnetsim-curve"
VERSION = (1, 0)

#: Every column: path, dimension names, type, unit, meaning, whether it differs between machines.
CURVE_COLUMNS: tuple[tuple[str, tuple[str, ...], str, str, str, bool], ...] = (
    ("curve/epoch", ("epoch",), "i8", "1", "epochs done; 0 is the untrained policy", False),
    ("curve/slots", ("epoch",), "i8", "1", "slots that every agent has played", False),
    ("curve/updates", ("epoch",), "i8", "1", "local policy iterations done", False),
    ("curve/cpu_s", ("epoch",), "f8", "s", "CPU time of training, all seeds together", True),
    ("curve/stochastic", ("epoch", "seed"), "f8", "1", "cost over C*, actions drawn", False),
    ("curve/deterministic", ("epoch", "seed"), "f8", "1", "cost over C*, mean actions", False),
    ("curve/seed", ("seed",), "i8", "1", "training seed", False),
    ("ledger/produced", ("fibre",), "i8", "1", "key bits made to protect shared weights", False),
    ("ledger/consumed", ("fibre",), "i8", "1", "key bits used for it", False),
    ("ledger/stored", ("fibre",), "i8", "1", "key bits left", False),
)


@dataclass(frozen=True)
class CurveRecord:
    """What a curve file holds.

    Attributes
    ----------
    provenance : dict
        JSON: software, environment, scenario, policy, bytes shared.
    columns : mapping from path to ndarray
        By the paths of ``CURVE_COLUMNS``; the ledger is empty where weights took no keys.
    """

    provenance: Mapping[str, Any]
    columns: Mapping[str, npt.NDArray[Any]]

    def digest(self) -> str:
        """SHA-256 over all columns that do not differ between machines; hexadecimal."""
        total = hashlib.sha256()
        for path, _, kind, _, _, volatile in CURVE_COLUMNS:
            if not volatile:
                values = np.ascontiguousarray(self.columns[path], dtype=f"<{kind}")
                total.update(f"{path} {values.shape}".encode())
                total.update(values.tobytes())
        return total.hexdigest()


def write_curve(
    path: Path, record: CurveRecord, *, force: bool = False, durable: bool = False
) -> Path:
    """Write a curve file; a file that is there stays until the new one is whole.

    Raises
    ------
    TraceError
        It cannot be written.
    UsageError
        It exists, and ``force`` is not given.
    """
    with replacing(path, force, durable=durable) as fresh, built_in_memory(fresh) as file:
        file.attrs["filetype"] = FILETYPE
        file.attrs["version"] = np.array(VERSION, dtype=np.int64)
        file.attrs["provenance"] = json.dumps(dict(record.provenance))
        file.attrs["content_digest"] = record.digest()
        for name, dims, kind, units, meaning, volatile in CURVE_COLUMNS:
            dataset = file.create_dataset(name, data=record.columns[name], dtype=kind)
            dataset.attrs["long_name"] = meaning
            dataset.attrs["units"] = units
            if volatile:
                dataset.attrs["volatile"] = 1
            for axis, dim in enumerate(dims):
                dataset.dims[axis].label = dim
    return path


def is_curve(path: Path) -> bool:
    """Whether a file says that it is a learning curve."""
    return filetype_of(path) == FILETYPE


def read_curve(path: Path) -> CurveRecord:
    """Read a curve file.

    Raises
    ------
    UsageError
        There is no such file.
    TraceFormatError
        It is no curve, of another version, or damaged.
    """
    refuse_irregular(path, "learning curve")
    if not is_hdf5(path):
        raise TraceFormatError(f"{path}: is not a learning curve; `qnetsim train` writes one")
    with open_hdf5(path) as file, damage_refused(path):
        if str(file.attrs.get("filetype", "")) != FILETYPE:
            raise TraceFormatError(f"{path}: is HDF5, but no learning curve of qnetsim")
        version = np.ravel(np.asarray(file.attrs.get("version", ()))).tolist()
        if len(version) != 2 or version[0] != VERSION[0]:
            raise TraceFormatError(
                f"{path}: has curve format {version!r}; this qnetsim reads {VERSION[0]}.x"
            )
        columns = {}
        for name, dims, kind, *_ in CURVE_COLUMNS:
            dataset = plain_dataset(file, name)
            if dataset.dtype != kind or dataset.ndim != len(dims):
                raise TraceFormatError(
                    f"{path}: is damaged: {name} is {dataset.dtype} of shape {dataset.shape}"
                )
            columns[name] = dataset[...]
        provenance = json.loads(str(file.attrs["provenance"]))
        if not isinstance(provenance, dict):
            raise TraceFormatError(f"{path}: is damaged: its provenance is no table")
        record = CurveRecord(provenance, columns)
        whole = record.digest() == str(file.attrs["content_digest"])
    if not whole:
        raise TraceFormatError(f"{path}: is damaged: its contents do not match their digest")
    _refuse_unequal(path, record)
    return record


def _refuse_unequal(path: Path, record: CurveRecord) -> None:
    """Refuse columns that differ in their epochs, seeds or fibres, or hold no epoch or seed."""
    sizes: dict[str, int] = {}
    for name, dims, *_ in CURVE_COLUMNS:
        shape = record.columns[name].shape
        expected = tuple(sizes.setdefault(d, n) for d, n in zip(dims, shape, strict=False))
        if len(shape) != len(dims) or shape != expected:
            raise TraceFormatError(
                f"{path}: is damaged: {name} has shape {shape}, not one entry for each "
                f"{' and '.join(dims)}"
            )
    for dim in ("epoch", "seed"):
        if not sizes[dim]:
            raise TraceFormatError(f"{path}: is damaged: it holds no {dim}")
