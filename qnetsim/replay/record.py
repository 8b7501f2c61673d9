"""Write a world to a file of its own, with no policy in it."""

from __future__ import annotations

import csv
import os
from contextlib import ExitStack
from pathlib import Path

from qnetsim.arguments import path_argument
from qnetsim.case import Case
from qnetsim.case.case_of import ScenarioLike, case_of
from qnetsim.errors import UsageError, argument
from qnetsim.input_files import inputs_noted
from qnetsim.interrupt import stoppable
from qnetsim.plain_text import spreadsheet_cell
from qnetsim.runs.header import world_header
from qnetsim.runs.resume import UnfinishedFile
from qnetsim.runs.simulate import Progress, world_columns
from qnetsim.trace import Block, TraceWriter
from qnetsim.trace.hdf5.files import replacing
from qnetsim.trace.schema import WORLD
from qnetsim.world.realisation import Realisation


@inputs_noted()
def record_world(
    scenario: ScenarioLike,
    out: str | os.PathLike[str],
    *,
    replication: int = 0,
    force: bool = False,
    resume: bool = False,
    progress: Progress | None = None,
) -> str:
    """Write a world to a file, and return its digest.

    Parameters
    ----------
    scenario : Scenario, Case, path-like or mapping
        As in :func:`qnetsim.case.case_of.case_of`.
    out : path-like
        ``.csv`` for the demand alone, as ``slot,source,target,rate`` with rates in bit/s and an
        apostrophe ahead of names that a spreadsheet would run; any other suffix for the whole
        world in HDF5.
    replication : int
    force : bool
        Overwrite an existing file.
    resume : bool
        Go on with a world that was cut short: its slots are drawn again and must come out as
        they stand. A complete one whose digest fits is left as it is. Not for ``.csv``, which
        appears whole or not at all.
    progress : callable, optional

    Raises
    ------
    TraceError, UsageError
        The file cannot be written, or exists.
    """
    case = case_of(scenario)
    path = path_argument("out", out)
    world = case.realisation(replication)
    with inputs_noted(case.scenario.named_files):
        if path.suffix.lower() == ".csv":
            if resume:
                raise UsageError(
                    f"{path}: a .csv file appears whole or not at all; leave "
                    f"{argument('resume', 'True')} out"
                )
            return _write_csv(case, world, path, force, progress)
        with ExitStack() as stack:
            going_on = resume and path.exists()
            unfinished = stack.enter_context(UnfinishedFile(path, WORLD)) if going_on else None
            return _write_world(case, world, path, unfinished, force=force, progress=progress)


def _write_world(
    case: Case,
    world: Realisation,
    path: Path,
    unfinished: UnfinishedFile | None,
    *,
    force: bool,
    progress: Progress | None,
) -> str:
    header = world_header(case, world)
    completed = 0
    if unfinished is not None:
        unfinished.refuse_other(header.provenance)
        if unfinished.complete:
            unfinished.refuse_changed()
            return unfinished.world_digest
        unfinished.begin(header)
        completed = unfinished.slots
        force = True
    digest = world.digest()
    with (
        stoppable(at_once=True) as check,
        TraceWriter(path, header, force=force, kind=WORLD, instead_of=completed) as writer,
    ):
        for chunk in digest.through(world.chunks()):
            block = Block({}, world_columns(chunk), {})
            if unfinished is not None:
                unfinished.compare(block)
            writer.append([block])
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
        stoppable(at_once=True) as check,
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
