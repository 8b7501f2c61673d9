"""Plan files: a plan in HDF5, whole and checked by its digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from qnetsim.errors import TraceFormatError, UsageError
from qnetsim.fibre_loss import LOSSES
from qnetsim.input_files import read_start, refuse_irregular
from qnetsim.plain_text import fibre_name
from qnetsim.trace.files.plan_checks import (
    check_fibre_losses,
    check_fibre_names,
    check_plan_columns,
)
from qnetsim.trace.files.plan_provenance import stored_provenance
from qnetsim.trace.hdf5.files import built_in_memory, plain_reason, replacing
from qnetsim.trace.hdf5.object_headers import foreign_messages, has_type
from qnetsim.trace.hdf5.reading import damage_refused, open_hdf5, plain_dataset, stored_elsewhere

FILETYPE = "qnetsim-plan"
VERSION = (1, 0)
#: A plan file begins with this line, then SHA-256 of all that follows the first 512 bytes, which
#: HDF5 leaves to the user. Every HDF5 reader skips them.
MAGIC = b"qnetsim-plan\n"
HEAD_BYTES = 512

ROOT_ATTRIBUTES = frozenset({"filetype", "version", "provenance", "content_digest"})

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
        JSON: software, environment, scenario, policy, the plan's summary, ``fibre_names`` where
        fibres have names of their own, ``fibre_losses`` where their file gave any.
    columns : mapping from path to ndarray
        By the paths of ``PLAN_COLUMNS``; ``wavelengths`` is empty where none were planned.
    """

    provenance: dict[str, Any]
    columns: dict[str, npt.NDArray[Any]]

    @property
    def fibre_labels(self) -> tuple[str, ...]:
        """Own names of the fibres, "" for none; empty where no fibre has one."""
        return tuple(self.provenance.get("fibre_names", ()))

    def fibre_names(self) -> list[str]:
        """Names of the fibres: their ends, and their own names where they have some."""
        sources, targets = (self.columns[f"fibres/{end}"] for end in ("source", "target"))
        labels = self.fibre_labels or [""] * len(sources)
        return [fibre_name(*both) for both in zip(sources, targets, labels, strict=True)]

    def digest(self) -> str:
        """SHA-256 over what was asked, what was found, and all columns; hexadecimal.

        Software, environment and the time it took do not enter.
        """
        parts = ("scenario", "policy", "fibre_names", LOSSES)
        asked = {part: self.provenance[part] for part in parts if part in self.provenance}
        found = {k: v for k, v in self.provenance["plan"].items() if k != "solve_s"}
        total = hashlib.sha256(json.dumps([asked, found], sort_keys=True).encode())
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
    with replacing(path, force) as fresh:
        with built_in_memory(fresh, HEAD_BYTES) as file:
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
        with fresh.open("r+b") as raw:
            raw.seek(HEAD_BYTES)
            head = MAGIC + hashlib.file_digest(raw, "sha256").hexdigest().encode() + b"\n"
            raw.seek(0)
            raw.write(head)
    return path


def is_plan(path: Path) -> bool:
    """Whether a file begins like a plan."""
    try:
        return read_start(path, len(MAGIC)) == MAGIC
    except UsageError:
        return False


def read_plan(path: Path) -> PlanRecord:
    """Read a plan file.

    The file's own checksum is compared first, so that HDF5 is never given a damaged file.

    Raises
    ------
    UsageError
        There is no such file.
    TraceFormatError
        It is no plan, of another version, or damaged.
    """
    refuse_irregular(path, "plan")
    if not is_plan(path):
        raise TraceFormatError(
            f"{path}: is not a qnetsim plan; `qnetsim plan SCENARIO --out FILE` writes one"
        )
    try:
        with path.open("rb") as raw:
            head = raw.read(HEAD_BYTES)
            found = hashlib.file_digest(raw, "sha256").hexdigest().encode()
    except OSError as error:
        raise TraceFormatError(f"{path}: cannot be read: {plain_reason(error)}") from None
    if head.removeprefix(MAGIC).split(b"\n")[0] != found:
        raise TraceFormatError(f"{path}: is damaged: its checksum does not fit; make it again")
    with open_hdf5(path) as file, damage_refused(path):
        return _read(path, file)


def _objects(file: h5py.File) -> set[str]:
    """Names of all objects of a file but its groups with columns, links among them."""
    found = set[str]()
    groups = {name.split("/")[0] for name, *_ in PLAN_COLUMNS}
    for name in file:
        if (
            name in groups
            and not stored_elsewhere(file, name)
            and isinstance(file[name], h5py.Group)
        ):
            found |= {f"{name}/{inner}" for inner in file[name]}
        else:
            found.add(name)
    return found


def _refuse_foreign(
    dataset: h5py.Dataset, name: str, texts: Mapping[str, str], dims: tuple[str, ...]
) -> None:
    """Refuse what a column says beside its values, where the format does not say it."""
    for message in foreign_messages(dataset, name):
        raise ValueError(message)
    expected = {key: text for key, text in texts.items() if text}
    for key in sorted(dataset.attrs.keys() - expected.keys() - {"DIMENSION_LABELS"}):
        raise ValueError(f"{name} has an attribute {key}, which the format does not have")
    for key, text in expected.items():
        if str(dataset.attrs.get(key)) != text:
            raise ValueError(f"{name}: {key} is not {text!r}")
    # HDF5's own functions for labels crash on an attribute of another type
    labels = np.asarray(dataset.attrs.get("DIMENSION_LABELS")).tolist()
    if labels != list(dims):
        raise ValueError(f"{name}: the labels of its axes are not {', '.join(dims)}")


def _read(path: Path, file: h5py.File) -> PlanRecord:
    for name in sorted(ROOT_ATTRIBUTES - file.attrs.keys()):
        raise ValueError(f"the root attribute {name} is missing")
    version = np.asarray(file.attrs["version"]).tolist()
    if (
        not isinstance(version, list)
        or [type(part) for part in version] != [int, int]
        or version[0] != VERSION[0]
    ):
        raise TraceFormatError(
            f"{path}: has plan format {version!r}; this version of qnetsim reads {VERSION[0]}.x"
        )
    columns: dict[str, npt.NDArray[Any]] = {}
    for name, dims, kind, units, meaning in PLAN_COLUMNS:
        dataset = plain_dataset(file, name)
        _refuse_foreign(dataset, name, {"long_name": meaning, "units": units}, dims)
        if not has_type(dataset.id, kind):
            raise ValueError(f"{name} holds {dataset.dtype}, not {kind}")
        if dataset.shape is None or len(dataset.shape) != len(dims):
            raise ValueError(f"{name} has shape {dataset.shape}, not ({', '.join(dims)})")
        try:
            columns[name] = dataset.asstr()[...] if kind == "str" else dataset[...]
        except (OSError, RuntimeError, ValueError) as error:
            raise ValueError(f"{name} cannot be read: {error}") from None
    for name in file.attrs.keys() - ROOT_ATTRIBUTES:
        raise ValueError(f"the root attribute {name} is not one of the format")
    for name in sorted(_objects(file) - columns.keys()):
        raise ValueError(f"{name} is not an object of the format")
    check_plan_columns(columns, {name: dims for name, dims, *_ in PLAN_COLUMNS})
    record = PlanRecord(stored_provenance(file.attrs["provenance"]), columns)
    check_fibre_losses(record.provenance, columns)
    check_fibre_names(record.provenance, columns)
    if file.attrs["filetype"] != FILETYPE:
        raise ValueError(f"filetype is {file.attrs['filetype']!r}, not {FILETYPE!r}")
    if record.digest() != str(file.attrs["content_digest"]):
        raise TraceFormatError(f"{path}: is damaged: its contents do not match their digest")
    return record
