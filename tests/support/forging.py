"""Forge files: change what is in them, then write digests and a checksum that fit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py

from qnetsim.trace import PlanRecord, open_world
from qnetsim.trace.files.plan_file import HEAD_BYTES, MAGIC, PLAN_COLUMNS


def forged_plan(honest: Path, path: Path, change: Callable[[h5py.File], object]) -> Path:
    """Copy of a plan file with a change, and everything in it that fits the change."""
    path.write_bytes(honest.read_bytes())
    with h5py.File(path, "r+") as file:
        change(file)
        try:
            columns = {
                name: file[name].asstr()[...] if kind == "str" else file[name][...]
                for name, _, kind, _, _ in PLAN_COLUMNS
            }
            record = PlanRecord(json.loads(file.attrs["provenance"]), columns)
            file.attrs["content_digest"] = record.digest()
        except Exception:  # noqa: BLE001 - too odd to have a digest; the reader says so first
            file.attrs["content_digest"] = 64 * "0"
    with path.open("r+b") as raw:
        raw.seek(HEAD_BYTES)
        head = MAGIC + hashlib.file_digest(raw, "sha256").hexdigest().encode() + b"\n"
        raw.seek(0)
        raw.write(head)
    return path


def in_plan(*where: str, value: object) -> Callable[[h5py.File], None]:
    """Set a value of the provenance by its keys; ``...`` takes it away."""

    def change(file: h5py.File) -> None:
        provenance: dict[str, Any] = json.loads(file.attrs["provenance"])
        *tables, key = where
        table = provenance
        for name in tables:
            table = table[name]
        if value is ...:
            del table[key]
        else:
            table[key] = value
        file.attrs["provenance"] = json.dumps(provenance)

    return change


def with_fitting_digests(path: Path) -> None:
    """What a careful forger writes last."""
    with open_world(path) as trace:
        digest = trace.digest()
    with h5py.File(path, "r+") as file:
        file.attrs["content_digest"] = digest.hexdigest()
        file.attrs["file_digest"] = digest.file_hexdigest(file.attrs)


def in_provenance(change: Callable[[dict[str, Any]], object]) -> Callable[[h5py.File], None]:
    def forge(file: h5py.File) -> None:
        provenance = json.loads(file.attrs["provenance"])
        change(provenance)
        file.attrs["provenance"] = json.dumps(provenance)

    return forge


def claim(part: str, key: str, value: object) -> Callable[[h5py.File], None]:
    return in_provenance(lambda provenance: provenance[part].update({key: value}))
