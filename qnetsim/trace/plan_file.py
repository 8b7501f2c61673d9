"""Plan files: a plan in HDF5, whole and checked by its digest."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from qnetsim.errors import TraceError, TraceFormatError, UsageError
from qnetsim.trace.files import is_hdf5, make_folder, refuse_existing

FILETYPE = "qnetsim-plan"
VERSION = (1, 0)

#: Every column: path, dimension names, type, unit, meaning.
PLAN_COLUMNS: tuple[tuple[str, tuple[str, ...], str, str, str], ...] = (
    ("fibres/source", ("fibre",), "str", "", "name of the first end point"),
    ("fibres/target", ("fibre",), "str", "", "name of the second end point"),
    ("fibres/length_km", ("fibre",), "f8", "km", "length of the fibre"),
    ("fibres/qkd_channels", ("fibre",), "f8", "1", "QKD channels reserved, q_e"),
    ("fibres/km_wavelengths", ("fibre",), "f8", "1", "KM wavelengths reserved, x_e"),
    ("fibres/on_demand_channels", ("fibre",), "f8", "1", "QKD channels on demand, expected"),
    ("fibres/on_demand_wavelengths", ("fibre",), "f8", "1", "KM wavelengths on demand, expected"),
    ("requests/source", ("request",), "i8", "1", "source node, by its position"),
    ("requests/target", ("request",), "i8", "1", "target node, by its position"),
    ("requests/route", ("request", "level"), "i8", "1", "route of the request at each level"),
    ("nodes/name", ("node",), "str", "", "name of the node"),
    ("routes/start", ("route",), "i8", "1", "first node; -1 for the way of a blocked request"),
    ("routes/first_hop", ("route",), "i8", "1", "where the route begins in `hops`"),
    ("routes/hops", ("route",), "i8", "1", "fibres of the route"),
    ("hops/fibre", ("hop",), "i8", "1", "fibre of the hop"),
    ("hops/node", ("hop",), "i8", "1", "node that the hop leads to"),
    ("wavelengths/km", ("request", "level"), "i8", "1", "KM wavelength, -1 where there is none"),
    ("wavelengths/qkd_first", ("request", "level"), "i8", "1", "place in `qkd` of the first"),
    ("wavelengths/qkd_count", ("request", "level"), "i8", "1", "QKD wavelengths of the request"),
    ("wavelengths/qkd", ("entry",), "i8", "1", "QKD wavelengths, request by request"),
)

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class PlanRecord:
    """What a plan file holds.

    Attributes
    ----------
    provenance : dict
        JSON: software, environment, scenario, policy, and the plan's summary.
    columns : mapping from path to ndarray
        By the paths of ``PLAN_COLUMNS``; ``wavelengths`` is empty where none were planned.
    """

    provenance: dict[str, Any]
    columns: dict[str, npt.NDArray[Any]]

    def digest(self) -> str:
        """SHA-256 over the provenance and all columns, hexadecimal."""
        total = hashlib.sha256(json.dumps(self.provenance, sort_keys=True).encode())
        for path, _, kind, _, _ in PLAN_COLUMNS:
            values = self.columns[path]
            total.update(f"{path} {values.shape}".encode())
            if kind == "str":
                total.update(json.dumps([str(v) for v in values]).encode())
            else:
                total.update(np.ascontiguousarray(values, dtype=f"<{kind}").tobytes())
        return total.hexdigest()


def write_plan(path: Path, record: PlanRecord, *, force: bool = False) -> Path:
    """Write a plan file.

    Raises
    ------
    TraceError
        It cannot be written; a file that is there already stays as it is.
    UsageError
        It exists, and ``force`` is not given.
    """
    make_folder(path.parent)
    refuse_existing(path, force)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with h5py.File(fresh, "w") as file:
            file.attrs["filetype"] = FILETYPE
            file.attrs["version"] = np.array(VERSION, dtype=np.int64)
            file.attrs["provenance"] = json.dumps(record.provenance)
            file.attrs["content_digest"] = record.digest()
            for name, dims, kind, units, meaning in PLAN_COLUMNS:
                dtype = h5py.string_dtype() if kind == "str" else kind
                dataset = file.create_dataset(name, data=record.columns[name], dtype=dtype)
                dataset.attrs["long_name"] = meaning
                if units:
                    dataset.attrs["units"] = units
                for axis, dim in enumerate(dims):
                    dataset.dims[axis].label = dim
        fresh.replace(path)
    except (OSError, RuntimeError, ValueError) as error:
        fresh.unlink(missing_ok=True)
        reason = " ".join(str(error).split())
        raise TraceError(f"{path}: cannot be written: {reason}") from None
    return path


def is_plan(path: Path) -> bool:
    """Whether a file says that it is a plan."""
    if not is_hdf5(path):
        return False
    try:
        with h5py.File(path, "r") as file:
            return bool(file.attrs.get("filetype") == FILETYPE)
    except (OSError, RuntimeError):
        return False


def read_plan(path: Path) -> PlanRecord:
    """Read a plan file.

    Raises
    ------
    UsageError
        There is no such file.
    TraceFormatError
        It is no plan, of another version, or damaged.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such plan")
    if not is_hdf5(path):
        raise TraceFormatError(f"{path}: is not an HDF5 file, so not a qnetsim plan")
    try:
        with h5py.File(path, "r") as file:
            return _read(path, file)
    except TraceFormatError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise TraceFormatError(f"{path}: is damaged: {reason}") from None


def _read(path: Path, file: h5py.File) -> PlanRecord:
    filetype = file.attrs.get("filetype")
    if filetype != FILETYPE:
        raise TraceFormatError(
            f"{path}: is HDF5 but not a qnetsim plan (filetype is {filetype!r}, must be "
            f"{FILETYPE!r}); `qnetsim plan SCENARIO --out FILE` writes one"
        )
    version = np.ravel(np.asarray(file.attrs.get("version", ()))).tolist()
    if len(version) != 2 or version[0] != VERSION[0]:
        raise TraceFormatError(
            f"{path}: has plan format {version!r}; this version of qnetsim reads {VERSION[0]}.x"
        )
    columns: dict[str, npt.NDArray[Any]] = {}
    for name, dims, kind, _, _ in PLAN_COLUMNS:
        dataset = file[name]
        values = dataset.asstr()[...] if kind == "str" else dataset[...]
        if values.ndim != len(dims):
            raise TraceFormatError(f"{path}: is damaged: {name} has shape {values.shape}")
        columns[name] = values
    record = PlanRecord(dict(json.loads(str(file.attrs["provenance"]))), columns)
    if record.digest() != str(file.attrs["content_digest"]):
        raise TraceFormatError(f"{path}: is damaged: its contents do not match their digest")
    return record
