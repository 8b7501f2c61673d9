"""The folder of a sweep that a command names, and what it holds."""

from __future__ import annotations

from pathlib import Path

from qnetsim.cli.default_path import default_path
from qnetsim.cli.show.output import working
from qnetsim.errors import UsageError
from qnetsim.input_files import note_input
from qnetsim.studies.sweep.job_states import SweepState, state_of
from qnetsim.studies.sweep.manifest import Manifest
from qnetsim.studies.sweep.manifest_file import is_manifest, read_manifest
from qnetsim.studies.sweep.work import note_inputs, plan_sweep


def folder_of(sweep: Path, folder: Path | None) -> Path:
    """Folder of a sweep that was given by its file or by the folder itself.

    Raises
    ------
    UsageError
    """
    if sweep.is_dir():
        if folder is not None:
            raise UsageError("--folder goes with a sweep file; SWEEP is a folder already")
        return sweep
    note_input(sweep)
    return folder or default_path(sweep.stem)


def manifest_in(sweep: Path, folder: Path) -> Manifest:
    """Manifest of the folder; planned anew where a sweep file is given.

    Raises
    ------
    QnetsimError
    """
    if sweep.is_dir():
        return read_manifest(folder)
    with working("planning the sweep"):
        return plan_sweep(sweep, folder)


def require_manifest(sweep: Path, folder: Path) -> None:
    """Refuse a sweep that was not planned, and what is none.

    Raises
    ------
    UsageError
    """
    if is_manifest(folder):
        return
    if sweep.is_dir():
        raise UsageError(
            f"{sweep}: is no folder of a sweep, it has no manifest; give a sweep file, or the "
            "folder that `qnetsim sweep plan` made of one"
        )
    if not sweep.exists():
        raise UsageError(f"{sweep}: no such sweep file, and {folder} has no manifest of one")
    raise UsageError(f"{folder}: has no manifest; `qnetsim sweep plan {sweep}` writes one")


def known(sweep: Path, folder: Path | None) -> SweepState:
    """State of a sweep that was planned.

    Raises
    ------
    UsageError
        It was not.
    """
    place = folder_of(sweep, folder)
    require_manifest(sweep, place)
    manifest = read_manifest(place)
    note_inputs(manifest, place)
    return state_of(manifest, place)
