"""The file of a manifest: written whole, and read only where it is what its digest says."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qnetsim.errors import QnetsimError, TraceFormatError, UsageError, argument
from qnetsim.input_files import forget_input, read_text_input
from qnetsim.studies.sweep.manifest import NAME, SCHEMA, Manifest, SweepJob, digest_of
from qnetsim.trace.hdf5.files import make_folder, write_whole


def write_manifest(manifest: Manifest, folder: Path) -> Path:
    """Write the manifest into the folder of a sweep; one that is there is replaced.

    Raises
    ------
    UsageError
        The folder has a file of that name that is no manifest.
    TraceError
        It cannot be written.
    """
    path = folder / NAME
    make_folder(folder)
    if path.exists():
        try:
            read_manifest(folder)
        except QnetsimError as error:
            raise UsageError(f"{error}; give another {argument('folder')}") from None
        forget_input(path)
    text = manifest.text()
    # one that says the same keeps its time, by which Snakemake knows what is new
    if not path.exists() or path.read_text("utf-8") != text:
        write_whole(path, text)
    return path


def is_manifest(folder: Path) -> bool:
    """Whether a folder has a manifest."""
    return (folder / NAME).is_file()


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a folder.

    Raises
    ------
    UsageError
        There is none.
    TraceFormatError
        It is something else, or damaged; names the line.
    """
    path = folder / NAME
    if not path.is_file():
        raise UsageError(f"{folder}: has no {NAME}; `qnetsim sweep plan SWEEP` writes one")
    lines = read_text_input(path, "manifest").splitlines()
    jobs: list[SweepJob] = []
    number = 1
    try:
        head = json.loads(lines[0])
        if head["schema"] != SCHEMA:
            raise ValueError("is not of schema " + SCHEMA)
        known: set[str] = set()
        for line in lines[1:]:
            number += 1
            jobs.append(SweepJob.of_line(line))
            if jobs[-1].digest in known:
                raise ValueError(f"job {jobs[-1].digest} has a line already")
            known.add(jobs[-1].digest)
        made = _manifest(head, jobs)
        number = 1
        if head.pop("digest") != digest_of([head, lines[1:]]):
            raise ValueError("the file is not what its digest says")
        return made
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise TraceFormatError(
            f"{path}:{number}: is no line of a manifest ({error}); `qnetsim sweep plan` "
            "writes it anew once the file is removed"
        ) from None


def _manifest(head: Mapping[str, Any], jobs: Sequence[SweepJob]) -> Manifest:
    if not isinstance(head["replications"], int):
        raise TypeError("replications is no number")
    made = Manifest(
        name=str(head["name"]),
        sweep=str(head["sweep"]),
        design=str(head["design"]),
        factors=tuple(head["factors"]),
        values=tuple(tuple(point) for point in head["values"]),
        policies=tuple(head["policies"]),
        replications=head["replications"],
        reference=str(head["reference"]),
        stopping=head["stopping"],
        jobs=tuple(jobs),
    )
    lacking = next((cell for cell in made.cells() if cell not in made.runs), None)
    if lacking is not None:
        raise ValueError(f"there is no job for {lacking}")
    unknown = {need for job in jobs for need in job.needs} - made.by_digest.keys()
    if unknown:
        raise ValueError(f"there is no job {min(unknown)}, which others need")
    return made
