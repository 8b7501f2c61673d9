"""What became of each job: one small file a job, replaced whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from qnetsim.studies.sweep.manifest import SweepJob
from qnetsim.trace.hdf5.files import write_whole

ROOM = "records"
#: A longer record is none of ours.
MOST_BYTES = 2**20


@dataclass(frozen=True)
class JobRecord:
    """What became of a job.

    Attributes
    ----------
    job : str
        Its digest.
    status : {"complete", "failed"}
    error : str
        Why it failed.
    wall_s, cpu_s : float
        What it took.
    size : int
        Bytes of its result; 0 where it leaves no file.
    sha256 : str
        Of its result.
    kept : bool
        Whether the result was there already; no part of the file.
    """

    job: str
    status: Literal["complete", "failed"]
    error: str = ""
    wall_s: float = 0.0
    cpu_s: float = 0.0
    size: int = 0
    sha256: str = ""
    kept: bool = False


def record_place(folder: Path, digest: str) -> Path:
    """File of a job's record."""
    return folder / ROOM / f"{digest}.json"


def write_record(folder: Path, record: JobRecord) -> None:
    """Write a record over the one that is there.

    Raises
    ------
    TraceError
        It cannot be written.
    """
    data = asdict(record)
    del data["kept"]
    write_whole(record_place(folder, record.job), json.dumps(data))


def read_record(folder: Path, digest: str) -> JobRecord | None:
    """Record of a job; None where it has none that can be read."""
    with suppress(OSError, ValueError, TypeError, RecursionError):
        raw = record_place(folder, digest).read_bytes()[:MOST_BYTES]
        data = json.loads(raw)
        if data["job"] == digest and data["status"] in {"complete", "failed"}:
            return JobRecord(**data)
    return None


def read_records(folder: Path, jobs: Mapping[str, SweepJob]) -> dict[str, JobRecord]:
    """Records of the jobs that have one, by their digests."""
    names = {path.stem for path in (folder / ROOM).glob("*.json")}
    found = {digest: read_record(folder, digest) for digest in jobs if digest in names}
    return {digest: record for digest, record in found.items() if record is not None}


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
