"""What a file of ours may hold: a closed list of objects and attributes, all of it in the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import h5py
import numpy as np

from qnetsim.trace.hdf5.reading import stored_elsewhere
from qnetsim.trace.schema import Column, FileKind

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
        "version",
        "world_digest",
    }
)
#: Parts of the provenance; a recorded world has no policy and no plan.
PROVENANCE_KEYS = frozenset(
    {
        "counterfactual",
        "environment",
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
#: What is said of software and environment, all of it text; the versions of packages apart.
SOFTWARE_KEYS = frozenset({"name", "version", "packages"})
ENVIRONMENT_KEYS = frozenset({"python", "implementation", "system", "machine"})
#: Attributes by which HDF5 ties a column to its dimensions.
SCALE_ATTRIBUTES = frozenset({"CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST"})
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
    for name in sorted(file.attrs.keys() - ROOT_ATTRIBUTES):
        yield f"the root attribute {name} is not one of the format"
    columns = {c.path: c for c in kind.columns_in(version)}
    groups = {c.group for c in columns.values()}
    for name in file:
        if why := stored_elsewhere(file, name):
            yield f"{name} {why}"
        elif name in groups and isinstance(file[name], h5py.Group):
            yield from _foreign_in(file, name, columns)
        elif name != COMMITTED:
            yield f"{name} is not an object of the format"
    if COMMITTED in file and len(file[COMMITTED].attrs):
        yield f"{COMMITTED} has attributes"
    for path, column in columns.items():
        rows = file[path].shape[0] if column.grows and path in file else slots
        if closed and rows != slots:
            yield f"{path} has {rows:,} rows, and {slots:,} slots are committed"


def foreign_provenance(provenance: Mapping[str, Any]) -> Iterator[str]:
    """Name what stands in a provenance and is not one of its parts, in sentences."""
    for part, found, allowed in (
        ("provenance", provenance, PROVENANCE_KEYS),
        ("provenance.software", provenance["software"], SOFTWARE_KEYS),
        ("provenance.environment", provenance["environment"], ENVIRONMENT_KEYS),
    ):
        for key in sorted(found.keys() - allowed):
            yield f"{part}.{key} is not a part of the format"
    words = {
        **{f"environment.{key}": value for key, value in provenance["environment"].items()},
        **provenance["software"].get("packages", {}),
    }
    for key, value in words.items():
        if value is not None and not isinstance(value, str):
            yield f"provenance: {key} is {value!r}, not text"


def _foreign_in(file: h5py.File, group: str, columns: dict[str, Column]) -> Iterator[str]:
    entries = file[group]
    for name in sorted(entries.attrs):
        yield f"{group} has an attribute {name}, which the format does not have"
    for name in entries:
        path = f"{group}/{name}"
        if path not in columns:
            yield f"{path} is not an object of the format"
        elif why := stored_elsewhere(entries, name):
            yield f"{path} {why}"
        else:
            yield from _foreign_attributes(entries[name], columns[path])


def _foreign_attributes(dataset: h5py.Dataset, column: Column) -> Iterator[str]:
    """Attributes of a column that say something else than the format does."""
    expected: dict[str, Any] = {}
    if column.units:
        expected["units"] = column.units
    if column.flags:
        expected["flag_values"] = list(range(len(column.flags)))
        expected["flag_meanings"] = " ".join(column.flags)
    if column.volatile:
        expected["volatile"] = 1
    # the wording of a meaning may differ between versions
    named = expected.keys() | {"long_name"}
    for name in sorted(dataset.attrs.keys() - SCALE_ATTRIBUTES - named):
        yield f"{column.path} has an attribute {name}, which the format does not have"
    for name, value in expected.items():
        found = np.asarray(dataset.attrs.get(name)).tolist()
        if found != value:
            yield f"{column.path}: {name} is {found!r}, and the format has {value!r}"
