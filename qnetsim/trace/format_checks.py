"""What a reader insists on before it trusts a file: each wrong file gets its own error."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from qnetsim.errors import TraceFormatError, argument
from qnetsim.plain_text import counted
from qnetsim.trace.contents import COMMITTED
from qnetsim.trace.hdf5.global_heaps import refuse_broken_heaps
from qnetsim.trace.hdf5.reading import (
    DAMAGE,
    NoHDF5Error,
    damage_refused,
    open_hdf5,
    stored_elsewhere,
)
from qnetsim.trace.hdf5.recover import UnclosedFile, is_marked_open
from qnetsim.trace.run_columns import HELD_OUT_COLUMNS
from qnetsim.trace.schema import (
    CHUNK_ROWS,
    TRACE,
    TRACE_WITH_HELD_OUT,
    TRACE_WITH_REQUESTS,
    VERSION,
    WORLD,
    FileKind,
    trace_kind,
)

#: Least that a chunk of slot numbers takes: its address, size and filter mask in the index.
LEAST_CHUNK_BYTES = 16


def open_file(path: Path, closing: ExitStack) -> h5py.File:
    """Open a file of ours, whole or left open by a killed writer; ``closing`` closes it."""
    try:
        return closing.enter_context(open_hdf5(path, "trace"))
    except NoHDF5Error as error:
        raise TraceFormatError(f"{error}, so not a qnetsim trace") from None
    except TraceFormatError:
        if not is_marked_open(path):
            raise
    with damage_refused(path):
        refuse_broken_heaps(path)
        raw = closing.enter_context(UnclosedFile(path))
        return closing.enter_context(h5py.File(raw, "r"))


def committed_slots(path: Path, file: h5py.File) -> int:
    """Slots that are completely in the file."""
    if COMMITTED not in file:
        raise TraceFormatError(f"{path}: is damaged: {COMMITTED} is missing")
    if why := stored_elsewhere(file, COMMITTED):
        raise TraceFormatError(f"{path}: {COMMITTED} {why}; a trace keeps everything in itself")
    dataset = file[COMMITTED]
    if not isinstance(dataset, h5py.Dataset) or dataset.shape != () or dataset.dtype.kind != "i":
        raise TraceFormatError(f"{path}: committed_slots is damaged")
    slots = int(dataset[()])
    if slots < 0:
        raise TraceFormatError(f"{path}: committed_slots is {slots}")
    held = file.id.get_filesize()
    if slots > held * CHUNK_ROWS // LEAST_CHUNK_BYTES:
        raise TraceFormatError(
            f"{path}: is damaged: {counted(slots, 'slot is', 'slots are')} more than a file of "
            f"{counted(held, 'byte')} holds"
        )
    return slots


#: What the provenance and its parts must hold, and of which type; the whole has no name.
PROVENANCE_PARTS: dict[str, dict[str, type | tuple[type, ...]]] = {
    "": {
        "software": dict,
        "environment": dict,
        "scenario": dict,
        "seed": int,
        "replication": int,
        "policy": dict,
        "plan": (dict, type(None)),
    },
    "policy": {"name": str, "title": str, "sees_future": bool},
    "plan": {
        "objective": (int, float),
        "gap": (int, float, type(None)),
        "status": str,
        "solver": str,
        "note": str,
    },
    "scenario": {"run": dict, "network": dict, "demand": dict},
    "software": {"name": str, "version": str},
    "environment": {"python": str},
}
#: Parts that a world alone does not have.
OF_A_RUN = ("policy", "plan")


def read_provenance(path: Path, file: h5py.File, kind: FileKind) -> dict[str, Any]:
    """Read the provenance and check the parts that readers rely on."""
    try:
        found = json.loads(str(file.attrs["provenance"]), object_pairs_hook=_without_repeats)
    except DAMAGE as error:
        raise TraceFormatError(f"{path}: provenance is damaged: {error}") from None
    for name, keys in PROVENANCE_PARTS.items():
        if kind is WORLD:
            if name in OF_A_RUN:
                continue
            keys = {key: type_ for key, type_ in keys.items() if key not in OF_A_RUN}
        where = f"provenance.{name}" if name else "provenance"
        table = found
        if name:
            table = found.get(name) if isinstance(found, dict) else None
        if table is None and name == "plan":
            continue
        for key, type_ in keys.items():
            value = table.get(key) if isinstance(table, dict) else None
            # true is an integer to Python, but no seed
            truth = isinstance(value, bool) and type_ is not bool
            too_long = isinstance(value, int) and value.bit_length() > 1000
            if not isinstance(table, dict) or not isinstance(value, type_) or truth or too_long:
                raise TraceFormatError(f"{path}: {where} is damaged: {key} is missing or wrong")
    return dict(found)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse keys that stand twice: readers differ in which of them they take."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def check_format(path: Path, file: h5py.File, kinds: tuple[FileKind, ...]) -> FileKind:
    """Kind of a file of ours, in a version that is read here."""
    filetype = file.attrs.get("filetype")
    found = next((kind for kind in (TRACE, WORLD) if kind.filetype == filetype), None)
    if found is None:
        if filetype == "qnetsim-plan":
            raise TraceFormatError(
                f"{path}: is a plan, not a qnetsim trace; a plan is verified with the trace of its "
                f"run: verify TRACE, {argument('plan', str(path))}"
            )
        wanted = " or ".join(repr(kind.filetype) for kind in kinds)
        raise TraceFormatError(
            f"{path}: is HDF5 but not a qnetsim trace (filetype is {filetype!r}, must be {wanted})"
        )
    if found not in kinds:
        raise TraceFormatError(
            f"{path}: is a {found.noun}, not a {kinds[0].noun}; "
            "`qnetsim replay` runs policies in it"
        )
    version = np.asarray(file.attrs.get("version", ())).tolist()
    if (
        not isinstance(version, list)
        or len(version) != 2
        or not all(isinstance(part, int) for part in version)
    ):
        raise TraceFormatError(f"{path}: has no valid format version (got {version!r})")
    major = int(version[0])
    if major > VERSION[0]:
        raise TraceFormatError(
            f"{path}: format {version[0]}.{version[1]} is newer than {VERSION[0]}.x, which this "
            "version of qnetsim reads; install a newer qnetsim"
        )
    if major < VERSION[0]:
        raise TraceFormatError(
            f"{path}: format {version[0]}.{version[1]} is older than {VERSION[0]}.x, which this "
            "version of qnetsim reads; read it with an older qnetsim"
        )
    if found is WORLD:
        return found
    at = major, int(version[1])
    return trace_kind(
        requests=at >= TRACE_WITH_REQUESTS.version and "requests" in file,
        held_out=at >= TRACE_WITH_HELD_OUT.version and HELD_OUT_COLUMNS[0].path in file,
    )
