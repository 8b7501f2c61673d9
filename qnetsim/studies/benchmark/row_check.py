"""Check rows of the benchmark: run them again, and say in what they differ."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qnetsim.errors import UsageError, argument
from qnetsim.plain_text import counted
from qnetsim.policies.chosen import ChosenPolicy, choose
from qnetsim.policies.registry import load_policy
from qnetsim.policies.user_code import is_reference, split_reference
from qnetsim.runs.simulate import Progress
from qnetsim.scenario import PolicyTable
from qnetsim.scenario.labels import policy_title
from qnetsim.studies.benchmark.bench_run import ROUNDING, bench_row
from qnetsim.studies.benchmark.benchmark_worlds import BenchmarkWorld, open_world
from qnetsim.studies.benchmark.reference_rows import reference
from qnetsim.studies.benchmark.row_file import BenchmarkRow, RowFile
from qnetsim.studies.benchmark.row_keeper import OF_POLICY
from qnetsim.version import __version__

#: Fields that must come out equal, but for those of :data:`FIGURES` and the digests of traces.
EXACT = ("bound_status", "sees_future", *OF_POLICY)
#: Fields that must come out equal up to rounding.
FIGURES = ("cost_per_slot", "ratio", "low", "high", "bound", "blocked")


@dataclass(frozen=True)
class RowCheck:
    """What came of one row.

    Attributes
    ----------
    row : BenchmarkRow
        As it stands in the file.
    differences : tuple of str
        In what it does not come out again, in sentences; none where it is right.
    same_policy : bool
        Whether name, options, code and weights are those of the row.
    """

    row: BenchmarkRow
    differences: tuple[str, ...]
    same_policy: bool = True


@dataclass(frozen=True)
class _PlannedCheck:
    """A row with what runs it again."""

    row: BenchmarkRow
    world: BenchmarkWorld
    policy: ChosenPolicy


class RowFileCheck:
    """The rows of a file, refused where they cannot be run again.

    Parameters
    ----------
    path : Path
    policies : sequence of str
        Policies of the rows that are not installed ones; with the options of the row where none
        are given.

    Raises
    ------
    UsageError
        It is no row file, of other worlds, or of a policy that is not to be had.
    """

    def __init__(self, path: Path, policies: Sequence[str] = ()) -> None:
        found = RowFile.read(path)
        self.version = found.version
        made = "" if found.version == __version__ else f" (made by qnetsim {found.version})"
        self._checks = []
        for number, row in enumerate(found.rows, start=1):
            place = f"{path}: row {number}"
            world = _world_of(row, f"{place}{made}")
            self._checks.append(_PlannedCheck(row, world, _policy_of(row, policies, place)))
        names = {row.name for row in found.rows}
        for text in policies:
            if choose(text).table.name not in names:
                raise UsageError(
                    f"{path}: has no row of {argument('policy', text)}; its policies: "
                    f"{', '.join(sorted(names))}"
                )

    @property
    def slots(self) -> int:
        """Slots that will be simulated."""
        runs = [check.world.scenario.run for check in self._checks]
        return sum(run.slots * run.replications for run in runs)

    def run(self, *, workers: int = 1, progress: Progress | None = None) -> Iterator[RowCheck]:
        """Run the rows again, one after another.

        Raises
        ------
        QnetsimError
            As :func:`bench_row`.
        """
        for check in self._checks:
            record = reference().world(check.world.name)
            again = bench_row(check.world, record, check.policy, workers=workers, progress=progress)
            same = all(getattr(check.row, name) == getattr(again, name) for name in OF_POLICY)
            yield RowCheck(check.row, tuple(_differences(check.row, again)), same)


def _world_of(row: BenchmarkRow, place: str) -> BenchmarkWorld:
    """World of a row.

    Raises
    ------
    UsageError
        There is none of this name, or it is another one here.
    """
    try:
        world = open_world(row.world)
    except UsageError as error:
        raise UsageError(f"{place}: {error}") from None
    record = reference().world(row.world)
    for what in ("world_digest", "setup_digest"):
        there, here = getattr(row, what), getattr(record, what)
        if there != here:
            raise UsageError(
                f"{place}: is of another version of world {row.world!r}: its {what} is "
                f"{there[:12]}…, and that of qnetsim {__version__} is {here[:12]}…; check it with "
                "the version that made it, or make a new row by `qnetsim bench run`"
            )
    if not len(row.costs) == len(row.content_digests) == len(record.bound_costs):
        raise UsageError(
            f"{place}: has {counted(len(row.costs), 'cost')} and "
            f"{counted(len(row.content_digests), 'content digest')} for "
            f"{counted(len(record.bound_costs), 'replication')}; make a new row by "
            "`qnetsim bench run`"
        )
    return world


def _policy_of(row: BenchmarkRow, given: Sequence[str], place: str) -> ChosenPolicy:
    """Policy of a row; its own code is imported only where the caller names it.

    Raises
    ------
    UsageError
    """
    if no_options := sorted(row.options.keys() & PolicyTable.model_fields.keys()):
        raise UsageError(f"{place}: options.{no_options[0]} is no option of a policy; remove it")
    for text in given:
        reference, options = split_reference(text)
        table = choose(text).table
        if table.name == row.name:
            if reference and not options:
                table = table.model_copy(update=row.options)
            return choose(table, title=row.policy)
    if given and is_reference(row.name):
        raise UsageError(
            f"{place}: is of policy {row.name!r}, not of {argument('policy', ', '.join(given))}"
        )
    if is_reference(row.name):
        raise UsageError(
            f"{place}: policy {row.name!r} is code of somebody's own; give "
            f"{argument('policy', row.name)} to run it"
        )
    try:
        load_policy(row.name)
        label = row.policy if row.policy != policy_title(row.name, None) else None
        return choose(PolicyTable(name=row.name, label=label, **row.options))
    except (UsageError, ValueError) as error:
        raise UsageError(f"{place}: {error}") from None


def _differences(row: BenchmarkRow, again: BenchmarkRow) -> Iterator[str]:
    for name in EXACT:
        there, here = getattr(row, name), getattr(again, name)
        if there != here:
            yield f"{name} is {there!r} in the row and {here!r} here"
    for number, (there, here) in enumerate(zip(row.costs, again.costs, strict=True)):
        if not math.isclose(there, here, rel_tol=ROUNDING):
            yield f"costs[{number}] is {there:,.6f} in the row and {here:,.6f} here"
    for name in FIGURES:
        there, here = getattr(row, name), getattr(again, name)
        if not _close(there, here):
            yield f"{name} is {there!r} in the row and {here!r} here"
    unlike = np.flatnonzero(
        [a != b for a, b in zip(row.content_digests, again.content_digests, strict=True)]
    )
    if unlike.size:
        numbers = ", ".join(map(str, unlike))
        yield f"content digests differ in replication {numbers}"


def _close(there: float | None, here: float | None) -> bool:
    if there is None or here is None:
        return there is here
    return math.isclose(there, here, rel_tol=ROUNDING, abs_tol=ROUNDING)
