"""Mutations of HDF5 files by their structure: values, shapes, types, links, attributes, chunks."""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import h5py
import numpy as np

from tests.fuzz.mutate import TEXTS, change_json, mutate_bytes

#: Types that a dataset is made anew with.
TYPES = ("i1", "u1", "i4", "i8", "u8", ">i8", "f2", "f4", "f8", "S3", "c16", "?", "V4")
SHAPES = ((), (0,), (1,), (3,), (2, 2), (0, 3), (1, 1, 1), (10**12,), (2**62, 1))


def _objects(file: h5py.File) -> list[str]:
    found: list[str] = []
    file.visit(found.append)
    return sorted(found)


def _pick(rng: Random, file: h5py.File) -> h5py.Dataset | None:
    names = [name for name in _objects(file) if isinstance(file.get(name), h5py.Dataset)]
    return file[rng.choice(names)] if names else None


def _odd_value(rng: Random, dtype: np.dtype[Any]) -> Any:
    if dtype.kind == "f":
        return rng.choice((np.nan, np.inf, -np.inf, -1.0, 0.0, -0.0, 1e308, 5e-324, 0.5))
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return rng.choice((limits.min, limits.max, 0, 1, 2, 3, 100, limits.max // 2))
    if h5py.check_string_dtype(dtype) is not None:
        return rng.choice((*TEXTS, b"\xff\xfe"))
    return 0


def change_value(rng: Random, file: h5py.File) -> None:
    """Another value in one place, or everywhere."""
    dataset = _pick(rng, file)
    if dataset is None or not dataset.size or dataset.size > 10**6:
        return
    value = _odd_value(rng, dataset.dtype)
    if rng.random() < 0.8:
        dataset[tuple(rng.randrange(n) for n in dataset.shape)] = value
    else:
        dataset[...] = value


def swap_rows(rng: Random, file: h5py.File) -> None:
    """Rows in another order: what should grow does not."""
    dataset = _pick(rng, file)
    if dataset is not None and dataset.ndim and 1 < len(dataset) < 10**6:
        values = dataset[...]
        dataset[...] = values[::-1] if rng.random() < 0.5 else np.roll(values, 1, axis=0)


def change_shape(rng: Random, file: h5py.File) -> None:
    """Fewer or more rows, or another shape; never written where it is new."""
    dataset = _pick(rng, file)
    if dataset is None:
        return
    name, dtype, shape = dataset.name, dataset.dtype, dataset.shape
    if dataset.chunks and rng.random() < 0.5:
        dataset.resize([max(0, n + rng.choice((-1, 0, 1, 5, 10**9, 10**15))) for n in shape])
        return
    attributes = dict(dataset.attrs)
    small = dataset[...] if dataset.size < 10**6 else None
    del file[name]
    if small is not None and small.ndim and rng.random() < 0.6:
        made = file.create_dataset(name, data=small[: rng.randrange(len(small) + 1)], dtype=dtype)
    else:
        shape = rng.choice(SHAPES)
        chunks = tuple(1 for _ in shape) or None
        made = file.create_dataset(name, shape, dtype, chunks=chunks if 0 not in shape else None)
    for key, value in attributes.items():
        if key != "DIMENSION_LIST":
            made.attrs[key] = value


def change_type(rng: Random, file: h5py.File) -> None:
    """The same rows in another type."""
    dataset = _pick(rng, file)
    if dataset is None:
        return
    name, shape = dataset.name, dataset.shape
    del file[name]
    special: Callable[[], Any] = rng.choice(
        (
            lambda: h5py.string_dtype("ascii"),
            lambda: h5py.string_dtype(length=2),
            lambda: h5py.vlen_dtype("i4"),
            lambda: h5py.enum_dtype({"a": 0, "b": 1}),
            lambda: h5py.ref_dtype,
            lambda: np.dtype([("a", "i4"), ("b", "f8")]),
            lambda: np.dtype(("i4", (2,))),
        )
    )
    dtype = special() if rng.random() < 0.4 else rng.choice(TYPES)
    made = file.create_dataset(name, shape, dtype)
    if np.dtype(made.dtype).kind in "iuf" and made.size < 10**6:
        made[...] = 1


def change_object(rng: Random, file: h5py.File) -> None:
    """Remove an object, or put a link, a group or something else in its place."""
    names = _objects(file)
    if not names:
        return
    name = rng.choice(names)
    kind = rng.randrange(9)
    if kind == 0:
        file.move(name, rng.choice(("x", "world/x", "slots/ü", "a/b/c")))
        return
    old = file[name]
    del file[name]
    if kind == 2:
        file.create_group(name)
    elif kind == 3:
        file[name] = h5py.SoftLink(rng.choice((f"/{name}", "/", "/nowhere", f"/{names[0]}")))
    elif kind == 4:
        file[name] = h5py.ExternalLink(rng.choice(("other.h5", "/etc/hostname", "")), "/")
    elif kind == 5:
        file[name] = rng.choice((file["/"], old))
    elif kind == 6:
        file[name] = np.dtype("f8")
    elif kind == 7:
        layout = h5py.VirtualLayout(shape=(4,), dtype="i8")
        layout[:] = h5py.VirtualSource("other.h5", "x", shape=(4,))
        file.create_virtual_dataset(name, layout)
    elif kind == 8:
        outside = [("/etc/hostname", 0, h5py.h5f.UNLIMITED)]
        file.create_dataset(name, (4,), "S1", external=outside)


def _attribute_value(rng: Random) -> Any:
    return rng.choice(
        (
            *(0, -1, 2**40, float("nan"), "", b"\xff", "x" * 5000, "[" * 5000, "{}", "null"),
            *(
                h5py.Empty("f8"),
                h5py.Empty("S1"),
                np.array([1, 99]),
                np.zeros(0),
                np.array(["a"], "S1"),
            ),
            *(
                np.array(True),
                np.arange(4.0),
                np.array([[1, 0]]),
                np.void(b"ab"),
                rng.choice(TEXTS),
            ),
        )
    )


def change_attribute(rng: Random, file: h5py.File) -> None:
    """Remove, add or change an attribute; JSON is changed in one place."""
    owner: Any = file
    names = _objects(file)
    if names and rng.random() < 0.25:
        owner = file.get(rng.choice(names)) or file
    listed = sorted(owner.attrs)
    if not listed:
        owner.attrs["x"] = _attribute_value(rng)
        return
    name = "provenance" if "provenance" in listed and rng.random() < 0.5 else rng.choice(listed)
    old = owner.attrs[name]
    kind = rng.random()
    if kind < 0.1:
        del owner.attrs[name]
    elif kind < 0.7 and isinstance(old, str) and old[:1] == "{":
        owner.attrs[name] = json.dumps(change_json(rng, json.loads(old)))
    else:
        owner.attrs[name] = _attribute_value(rng)


def change_chunk(rng: Random, file: h5py.File) -> None:
    """Damage the stored bytes of a chunk, or the filters that it claims."""
    names = [
        name
        for name in _objects(file)
        if isinstance(file.get(name), h5py.Dataset)
        and file[name].chunks
        and file[name].id.get_num_chunks()
    ]
    if not names:
        return
    dataset = file[rng.choice(names)]
    place = dataset.id.get_chunk_info(rng.randrange(dataset.id.get_num_chunks())).chunk_offset
    mask, raw = dataset.id.read_direct_chunk(place)
    if rng.random() < 0.2:
        mask ^= 1 << rng.randrange(3)
    dataset.id.write_direct_chunk(place, mutate_bytes(rng, bytes(raw), b"\0" * 8), mask)


CHANGES = (
    change_value,
    change_value,
    change_attribute,
    change_attribute,
    swap_rows,
    change_shape,
    change_type,
    change_object,
    change_chunk,
)


def fit_plan(path: Path) -> None:
    """Write the digests of a plan that was changed, as a forger would."""
    from qnetsim.trace.files.plan_file import HEAD_BYTES, MAGIC, PLAN_COLUMNS, PlanRecord

    with h5py.File(path, "r+") as file:
        columns = {}
        for name, _, kind, *_ in PLAN_COLUMNS:
            columns[name] = file[name].asstr()[...] if kind == "str" else file[name][...]
        record = PlanRecord(json.loads(file.attrs["provenance"]), columns)
        file.attrs["content_digest"] = record.digest()
    raw = path.read_bytes()
    head = MAGIC + hashlib.sha256(raw[HEAD_BYTES:]).hexdigest().encode() + b"\n"
    path.write_bytes(head + raw[len(head) :])


def fit_curve(path: Path) -> None:
    """Write the digest of a curve that was changed."""
    from qnetsim.trace.files.curve_file import CURVE_COLUMNS, CurveRecord

    with h5py.File(path, "r+") as file:
        columns = {name: file[name][...] for name, *_ in CURVE_COLUMNS}
        file.attrs["content_digest"] = CurveRecord({}, columns).digest()


def hdf5_mutation(
    fit: Callable[[Path], None] | None = None,
) -> Callable[[Random, bytes, bytes], bytes]:
    """Mutation of HDF5 files.

    Parameters
    ----------
    fit : callable, optional
        Makes the digests of a changed file right again; called for most files, and free to fail.
    """

    def mutated(rng: Random, data: bytes, other: bytes) -> bytes:
        if rng.random() < 0.12:
            return mutate_bytes(rng, data, other)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "x.h5"
            path.write_bytes(data)
            try:
                with h5py.File(path, "r+") as file:
                    for _ in range(rng.choice((1, 1, 2, 3))):
                        rng.choice(CHANGES)(rng, file)
            except Exception:  # noqa: BLE001 - what HDF5 refuses to write is not written
                pass
            if fit is not None and rng.random() < 0.8:
                with contextlib.suppress(Exception):  # it may be no longer what it was
                    fit(path)
            result = path.read_bytes()
        return mutate_bytes(rng, result, other) if rng.random() < 0.08 else result

    return mutated
