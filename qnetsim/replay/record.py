"""Write a world to a file of its own, with no policy in it."""

from __future__ import annotations

import csv
from pathlib import Path

from qnetsim.case import Case
from qnetsim.interrupt import stoppable
from qnetsim.plain_text import spreadsheet_cell
from qnetsim.runs.header import world_header
from qnetsim.runs.simulate import Progress, world_columns
from qnetsim.trace import Block, TraceWriter
from qnetsim.trace.hdf5.files import replacing
from qnetsim.trace.schema import WORLD
from qnetsim.world.realisation import Realisation


def record_world(
    case: Case,
    out: Path | str,
    *,
    replication: int = 0,
    force: bool = False,
    progress: Progress | None = None,
) -> str:
    """Write a world to a file, and return its digest.

    Parameters
    ----------
    case : Case
    out : path-like
        ``.csv`` for the demand alone, as ``slot,source,target,rate`` with rates in bit/s and an
        apostrophe ahead of names that a spreadsheet would run; any other suffix for the whole
        world in HDF5.
    replication : int
    force : bool
        Overwrite an existing file.
    progress : callable, optional

    Raises
    ------
    TraceError, UsageError
        The file cannot be written, or exists.
    """
    path = Path(out)
    world = case.realisation(replication)
    if path.suffix.lower() == ".csv":
        return _write_csv(case, world, path, force, progress)
    digest = world.digest()
    with (
        stoppable() as check,
        TraceWriter(path, world_header(case, world), force=force, kind=WORLD) as writer,
    ):
        for chunk in digest.through(world.chunks()):
            writer.append([Block({}, world_columns(chunk), {})])
            writer.world_digest = digest.hexdigest()
            if progress:
                progress(chunk.slots)
            check()
    return digest.hexdigest()


def _write_csv(
    case: Case, world: Realisation, path: Path, force: bool, progress: Progress | None
) -> str:
    nodes = case.network.topology.nodes
    group = case.forecast.group
    digest = world.digest()
    cells = [spreadsheet_cell(node) for node in nodes]
    names = [(cells[a], cells[b]) for a, b in case.forecast.pairs]
    rate = case.network.level_bits / case.scenario.run.slot_s
    with (
        stoppable() as check,
        replacing(path, force) as fresh,
        fresh.open("w", encoding="utf-8", newline="") as file,
    ):
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["slot", "source", "target", "rate"])
        rates = [f"{level * rate:.15g}" for level in range(case.forecast.level_count)]
        for chunk in digest.through(world.chunks()):
            for slot, levels in enumerate(chunk.levels[:, group].tolist(), chunk.first_slot):
                rows.writerows(
                    (slot, a, b, rates[k]) for (a, b), k in zip(names, levels, strict=True)
                )
            if progress:
                progress(chunk.slots)
            check()
    return digest.hexdigest()
