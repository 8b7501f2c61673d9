"""What is shipped of the benchmark: its worlds' digests and bounds, and rows of our policies."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from qnetsim.errors import WorldMismatchError
from qnetsim.studies.benchmark.benchmark_worlds import BenchmarkWorld, DrawnWorld
from qnetsim.studies.benchmark.row_file import RowFile, WorldRecord
from qnetsim.version import __version__

#: Written by `python -m qnetsim.studies.benchmark.make_reference`.
REFERENCE_FILE = Path(__file__).with_name("reference_rows.json")


class Reference(RowFile):
    """The shipped worlds and rows.

    Attributes
    ----------
    worlds : tuple of WorldRecord
    """

    form: Literal["qnetsim.benchmark/1"] = Field(  # type: ignore[assignment]
        default="qnetsim.benchmark/1", alias="schema"
    )
    worlds: tuple[WorldRecord, ...]

    def world(self, name: str) -> WorldRecord:
        """What is stored of a world; every shipped one is there."""
        return next(world for world in self.worlds if world.name == name)


@cache
def reference() -> Reference:
    """Read what is shipped."""
    return Reference.read(REFERENCE_FILE)


def refuse_drift(world: BenchmarkWorld, drawn: DrawnWorld, record: WorldRecord) -> None:
    """Refuse a world that is not the one whose bound and rows are shipped.

    Raises
    ------
    WorldMismatchError
    """
    for what, found, stored in (
        ("draws another world here", drawn.digest, record.world_digest),
        ("has other settings here", world.setup_digest, record.setup_digest),
    ):
        if found != stored:
            raise WorldMismatchError(
                f"world {world.name!r} {what} than the one whose bound is shipped (digest "
                f"{found[:12]}…, not {stored[:12]}…), so no row would be comparable; install "
                f"qnetsim {__version__} anew, with the versions of its constraints.txt"
            )
