"""Rows of a run that is under way: in the file after each, so that the same command goes on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from qnetsim.errors import UsageError, argument
from qnetsim.input_files import forget_input
from qnetsim.last_message import note_instead
from qnetsim.plain_text import counted
from qnetsim.policies.chosen import ChosenPolicy
from qnetsim.runs.header import policy_provenance
from qnetsim.studies.benchmark.benchmark_worlds import BenchmarkWorld
from qnetsim.studies.benchmark.row_file import BenchmarkRow, RowFile, refuse_present
from qnetsim.trace.hdf5.files import write_whole
from qnetsim.version import __version__

#: A row that is asked for.
Asked: TypeAlias = tuple[BenchmarkWorld, ChosenPolicy]
#: What of a row must be that of the policy at hand, or its code or weights were changed.
OF_POLICY = ("name", "options", "source_sha256", "weights_sha256")


class RowKeeper:
    """Keeps the rows of ``bench run``, and takes up those of the same command that was stopped.

    Parameters
    ----------
    path : Path or None
        Row file; None keeps nothing.
    asked : sequence of (BenchmarkWorld, ChosenPolicy)
        All rows of the command, in order.

    Raises
    ------
    UsageError
        The file is there, and is whole, or not this command's.
    """

    def __init__(self, path: Path | None, asked: Sequence[Asked]) -> None:
        self._path = path
        self._order = [(world.name, policy.title) for world, policy in asked]
        self._rows: dict[tuple[str, str], BenchmarkRow] = {}
        if path is not None and path.is_file() and not path.is_symlink():
            self._take_up(path, asked)
        elif path is not None:
            refuse_present(path)
            if not path.parent.is_dir():
                raise UsageError(f"{path}: cannot be written: there is no folder {path.parent}")
        self._note()

    def _take_up(self, path: Path, asked: Sequence[Asked]) -> None:
        try:
            found = RowFile.read(path)
        except UsageError:
            refuse_present(path)
            raise
        there = {(row.world, row.policy): row for row in found.rows}
        if found.version != __version__ or not there.keys() < set(self._order):
            refuse_present(path)
        for world, policy in asked:
            row = there.get((world.name, policy.title))
            if row is not None and (changed := _changed(row, world, policy)):
                raise UsageError(
                    f"{path}: {changed} of {policy.title!r} has changed since its row of world "
                    f"{world.name!r} was made; give another {argument('out')}"
                )
        self._rows = there
        # it is completed, not written over
        forget_input(path)

    @property
    def rows(self) -> tuple[BenchmarkRow, ...]:
        """What there is, in the order in which it was asked for."""
        return tuple(self._rows[key] for key in self._order if key in self._rows)

    def has(self, world: BenchmarkWorld, policy: ChosenPolicy) -> bool:
        """Whether a row is there already."""
        return (world.name, policy.title) in self._rows

    def add(self, row: BenchmarkRow) -> None:
        """Keep one more row.

        Raises
        ------
        UsageError, TraceError
            The file cannot be written.
        """
        if self._path is None:
            self._rows[row.world, row.policy] = row
            return
        if not self._rows:
            refuse_present(self._path)
        self._rows[row.world, row.policy] = row
        write_whole(self._path, RowFile(rows=self.rows).text())
        self._note()

    def _note(self) -> None:
        done = f"{len(self._rows)} of {counted(len(self._order), 'row')}"
        note_instead(
            f"{done} in {self._path}"
            if self._path
            else f"rows are kept with {argument('out')} only"
        )


def _changed(row: BenchmarkRow, world: BenchmarkWorld, policy: ChosenPolicy) -> str:
    """What of a policy is not what it was; empty where all is."""
    now = policy_provenance(policy.fresh(), policy.table, world.case.network)
    return next((name for name in OF_POLICY if getattr(row, name) != now.get(name)), "")
