"""What a file of ours may hold: a closed list of objects and attributes, all of it in the file."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import h5py
import numpy as np

from qnetsim.fibre_loss import LOSSES, stored_losses
from qnetsim.locations import Location
from qnetsim.plain_text import counted
from qnetsim.trace.column import Column
from qnetsim.trace.hdf5.object_headers import foreign_messages, has_type
from qnetsim.trace.hdf5.reading import stored_elsewhere
from qnetsim.trace.schema import WORLD, FileKind

#: Attributes of the root.
ROOT_ATTRIBUTES = frozenset(
    {
        "content_digest",
        "file_digest",
        "filetype",
        "level_bits",
        "policy",
        "provenance",
        "replication",
        "sees_future",
        "slot_s",
        "status",
        "tasks",
        "version",
        "world_digest",
    }
)
#: Types of those that are not text.
ROOT_TYPES = {
    "level_bits": "i8",
    "replication": "i8",
    "sees_future": "i8",
    "slot_s": "f8",
    "version": "i8",
}
#: Those that a recorded world does not have.
RUN_ATTRIBUTES = frozenset({"policy", "sees_future", "tasks"})
#: First format with a file digest.
FIRST_WITH_FILE_DIGEST = (1, 4)
#: Parts of the provenance; a recorded world has no policy and no plan.
PROVENANCE_KEYS = frozenset(
    {
        "counterfactual",
        "environment",
        LOSSES,
        "fibre_names",
        "locations",
        "network_digest",
        "plan",
        "policy",
        "replication",
        "scenario",
        "scenario_digest",
        "seed",
        "software",
    }
)
#: Those that a recorded world does not have.
RUN_KEYS = frozenset({"counterfactual", "plan", "policy"})
#: What is said of software and environment, all of it text; the versions of packages apart.
SOFTWARE_KEYS = frozenset({"name", "version", "packages"})
ENVIRONMENT_KEYS = frozenset({"python", "implementation", "system", "machine"})
#: The one object that is no column.
COMMITTED = "committed_slots"


def foreign_contents(
    file: h5py.File, kind: FileKind, version: tuple[int, int], slots: int, *, closed: bool
) -> Iterator[str]:
    """Name everything that the format does not have, in sentences.

    Parameters
    ----------
    file : h5py.File
    kind : FileKind
    version : (int, int)
        Of the format.
    slots : int
        Committed slots.
    closed : bool
        Whether its writer closed the file; rows beyond the committed slots may stand in one that
        was killed.
    """
    yield from foreign_messages(file, "the root")
    if file.userblock_size:
        yield f"{file.userblock_size} bytes stand ahead of the file's beginning"
    allowed = ROOT_ATTRIBUTES - (RUN_ATTRIBUTES if kind is WORLD else frozenset())
    if version < FIRST_WITH_FILE_DIGEST:
        allowed -= {"file_digest"}
    for name in sorted(file.attrs.keys() - allowed):
        yield f"the root attribute {name} is not one of the format"
    for name in sorted(file.attrs.keys() & allowed):
        if not has_type(file.attrs.get_id(name), ROOT_TYPES.get(name, "str")):
            yield f"the root attribute {name} is not of its type"
    columns = {c.path: c for c in kind.columns_in(version)}
    groups = {c.group for c in columns.values()}
    for name in file:
        if why := stored_elsewhere(file, name):
            yield f"{name} {why}"
        elif name in groups and isinstance(file[name], h5py.Group):
            yield from _foreign_in(file, name, columns, newest=version == kind.version)
        elif name != COMMITTED:
            yield f"{name} is not an object of the format"
    if COMMITTED in file:
        yield from foreign_messages(file[COMMITTED], COMMITTED)
        if len(file[COMMITTED].attrs):
            yield f"{COMMITTED} has attributes"
    for path, column in columns.items():
        if not closed or path not in file or not (column.grows or column.counter):
            continue
        rows, due = file[path].shape[0], slots
        if column.counter:
            due = committed_rows(file, column, slots)
        if rows != due:
            what = "row" if column.counter else "slot"
            committed = counted(due, f"{what} is", f"{what}s are")
            yield f"{path} has {counted(rows, 'row')}, and {committed} committed"


def committed_rows(file: h5py.File, column: Column, slots: int) -> int:
    """Rows of a column with a counter that belong to the committed slots."""
    return int(file[column.counter][slots - 1]) if slots else 0


def foreign_provenance(provenance: Mapping[str, Any], kind: FileKind) -> Iterator[str]:
    """Name what stands in a provenance and is not one of its parts, in sentences."""
    parts = PROVENANCE_KEYS - (RUN_KEYS if kind is WORLD else frozenset())
    name = provenance["software"]["name"]
    if name != "qnetsim":
        yield f"provenance.software.name is {name!r}, not 'qnetsim'"
    for part, found, allowed in (
        ("provenance", provenance, parts),
        ("provenance.software", provenance["software"], SOFTWARE_KEYS),
        ("provenance.environment", provenance["environment"], ENVIRONMENT_KEYS),
    ):
        for key in sorted(found.keys() - allowed):
            yield f"{part}.{key} is not a part of the format"
    packages = provenance["software"].get("packages")
    if not isinstance(packages, dict):
        yield "provenance.software.packages is missing or damaged"
        packages = {}
    if not isinstance(provenance.get("network_digest", ""), str):
        yield "provenance.network_digest is not text"
    source = (provenance.get("policy") or {}).get("source_sha256")
    if source is not None and not re.fullmatch("[0-9a-f]{64}", str(source)):
        yield f"provenance.policy.source_sha256 is {source!r}, not a SHA-256"
    for part, reader in (
        ("locations", stored_locations),
        ("fibre_names", stored_fibre_names),
        (LOSSES, stored_losses),
    ):
        try:
            reader(provenance)
        except ValueError as error:
            yield f"provenance.{part}: {error}"
    if provenance.get("plan") is not None:
        solve_s = provenance["plan"].get("solve_s")
        if type(solve_s) not in {int, float} or not 0 <= solve_s < math.inf:
            yield f"provenance.plan.solve_s is {solve_s!r}, not a number of seconds"
    for key in packages:
        if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", key):
            yield f"provenance.software.packages: {key!r} is not the name of a package"
    words = {
        **{f"environment.{key}": value for key, value in provenance["environment"].items()},
        **packages,
    }
    for key, value in words.items():
        if value is not None and not isinstance(value, str):
            yield f"provenance: {key} is {value!r}, not text"


def stored_locations(provenance: Mapping[str, Any]) -> dict[str, Location]:
    """Places of nodes in a provenance; empty where none are known.

    Raises
    ------
    ValueError
        Naming the node whose place is damaged.
    """
    stored = provenance.get("locations", {})
    if not isinstance(stored, dict):
        raise ValueError("is no table of nodes")
    found = {}
    for node, value in stored.items():
        try:
            found[node] = Location.stored(value)
        except ValueError as error:
            raise ValueError(f"{node}: {error}") from None
    return found


def stored_fibre_names(provenance: Mapping[str, Any]) -> tuple[str, ...]:
    """Own names of the fibres in a provenance, "" for none; empty where no fibre has one.

    Raises
    ------
    ValueError
        They are no list of names.
    """
    stored = provenance.get("fibre_names", [])
    if not isinstance(stored, list) or not all(isinstance(name, str) for name in stored):
        raise ValueError("is no list of names")
    return tuple(stored)


def _foreign_in(
    file: h5py.File, group: str, columns: dict[str, Column], *, newest: bool
) -> Iterator[str]:
    entries = file[group]
    yield from foreign_messages(entries, group)
    for name in sorted(entries.attrs):
        yield f"{group} has an attribute {name}, which the format does not have"
    for name in entries:
        path = f"{group}/{name}"
        if path not in columns:
            yield f"{path} is not an object of the format"
        elif why := stored_elsewhere(entries, name):
            yield f"{path} {why}"
        else:
            column = columns[path]
            yield from foreign_messages(entries[name], path)
            if not has_type(entries[name].id, column.kind):
                yield f"{path} is stored in a type that the format does not have"
            yield from _foreign_attributes(entries[name], column, newest=newest)
            if column.dims == (column.name,):
                yield from _foreign_references(file, entries[name], columns)


def _foreign_attributes(dataset: h5py.Dataset, column: Column, *, newest: bool) -> Iterator[str]:
    """Attributes of a column that say something else than the format does."""
    expected: dict[str, Any] = {}
    if column.units:
        expected["units"] = column.units
    named = {"units", "flag_values", "flag_meanings", "volatile", "long_name"}
    if column.flags and newest:
        expected["flag_values"] = list(range(len(column.flags)))
        expected["flag_meanings"] = " ".join(column.flags)
    if column.volatile:
        expected["volatile"] = 1
    if newest:
        expected["long_name"] = column.meaning
    if column.dims == (column.name,):
        expected |= {"CLASS": b"DIMENSION_SCALE", "NAME": column.name.encode()}
    else:
        expected["DIMENSION_LIST"] = [f"/{column.group}/{dim}" for dim in column.dims]
    named |= expected.keys()
    if column.dims == (column.name,):
        named |= {"REFERENCE_LIST"}
    for name in sorted(dataset.attrs.keys() - named):
        yield f"{column.path} has an attribute {name}, which the format does not have"
    for name, value in expected.items():
        found = _scales(dataset) if name == "DIMENSION_LIST" else _value(dataset, name)
        if found != value:
            yield f"{column.path}: {name} is {found!r}, and the format has {value!r}"


def _foreign_references(
    file: h5py.File, scale: h5py.Dataset, columns: dict[str, Column]
) -> Iterator[str]:
    """Say where a scale does not name the columns that are tied to it, and no others."""
    stored = scale.attrs.get("REFERENCE_LIST", ())
    group, name = scale.name.strip("/").split("/")
    wanted = {
        (f"/{c.path}", axis)
        for c in columns.values()
        for axis, dim in enumerate(c.dims)
        if c.group == group and dim == name and c.dims != (c.name,)
    }
    try:
        found = {(file[reference].name, int(axis)) for reference, axis in stored}
    except (TypeError, ValueError, KeyError):
        found = set()
    if found != wanted:
        yield f"{group}/{name}: REFERENCE_LIST is not that of the format"


def _value(dataset: h5py.Dataset, name: str) -> Any:
    return np.asarray(dataset.attrs.get(name)).tolist()


def _scales(dataset: h5py.Dataset) -> list[str]:
    """Names of the scales that a column's axes are tied to; empty where it does not say so.

    HDF5's own functions for scales crash on attributes of another type, so these are read plainly.
    """
    try:
        stored = dataset.attrs["DIMENSION_LIST"]
        return [dataset.file[reference].name for axis in stored for reference in axis]
    except (TypeError, ValueError, KeyError, RuntimeError, OSError):
        return []
