"""The trace format: every group and column, with dimensions, type, unit and meaning.

This table feeds the writer, the reader's checks, the kernel's column names and the reference
page, so they cannot differ.
"""

from __future__ import annotations

from dataclasses import dataclass

from qnetsim.trace.column import Column
from qnetsim.trace.request_columns import REQUEST_COLUMNS, SINCE_REQUESTS
from qnetsim.trace.run_columns import COLUMNS, HELD_OUT_COLUMNS, SINCE_HELD_OUT

FILETYPE = "qnetsim-trace"
WORLD_FILETYPE = "qnetsim-world"
#: The newest format; files are of the first one that has all of their columns.
VERSION = SINCE_HELD_OUT
BEFORE_REQUESTS = (1, 4)
#: Rows of a chunk on disk, of a flush, and of a digest block.
CHUNK_ROWS = 1024

BY_PATH = {column.path: column for column in (*COLUMNS, *REQUEST_COLUMNS, *HELD_OUT_COLUMNS)}


@dataclass(frozen=True)
class FileKind:
    """A kind of file: what its ``filetype`` says, its format when it is written, its columns."""

    filetype: str
    noun: str
    version: tuple[int, int]
    columns: tuple[Column, ...]

    @property
    def follows_requests(self) -> bool:
        """Whether requests are followed one by one."""
        return REQUEST_COLUMNS[0] in self.columns

    @property
    def has_held_out(self) -> bool:
        """Whether rounds have figures on records that are held out."""
        return HELD_OUT_COLUMNS[0] in self.columns

    def columns_in(self, version: tuple[int, int]) -> tuple[Column, ...]:
        """Columns of a format."""
        return tuple(column for column in self.columns if column.since <= version)


def _of_the_world(column: Column) -> bool:
    nodes = column.path in {"trust/node", "trust/node_name"}
    return nodes or column.group in {"fibres", "world", "faults"}


#: One run of one policy in one world.
TRACE = FileKind(FILETYPE, "trace", BEFORE_REQUESTS, COLUMNS)
#: The same, with requests that were followed one by one.
TRACE_WITH_REQUESTS = FileKind(FILETYPE, "trace", SINCE_REQUESTS, (*COLUMNS, *REQUEST_COLUMNS))
#: Both, where tasks hold records out of training.
TRACE_WITH_HELD_OUT = FileKind(FILETYPE, "trace", SINCE_HELD_OUT, (*COLUMNS, *HELD_OUT_COLUMNS))
TRACE_WITH_BOTH = FileKind(
    FILETYPE, "trace", SINCE_HELD_OUT, (*COLUMNS, *REQUEST_COLUMNS, *HELD_OUT_COLUMNS)
)
#: A world alone: the same columns, and nothing of any policy.
WORLD = FileKind(
    WORLD_FILETYPE, "recorded world", BEFORE_REQUESTS, tuple(filter(_of_the_world, COLUMNS))
)
#: All kinds of files.
KINDS = (TRACE, TRACE_WITH_REQUESTS, TRACE_WITH_HELD_OUT, TRACE_WITH_BOTH, WORLD)


def trace_kind(*, requests: bool, held_out: bool) -> FileKind:
    """Kind of a trace that follows requests or not, and whose tasks hold records out or not."""
    if held_out:
        return TRACE_WITH_BOTH if requests else TRACE_WITH_HELD_OUT
    return TRACE_WITH_REQUESTS if requests else TRACE


def recorded() -> tuple[Column, ...]:
    """Columns that the kernel fills slot by slot: decisions and slots, without the indices."""
    return tuple(
        c for c in COLUMNS if c.group in {"decisions", "slots"} and c.grows and c.name != "slot"
    )


def totals(kind: FileKind = TRACE) -> tuple[Column, ...]:
    """Columns of running totals, rewritten at every flush."""
    return tuple(column for column in kind.columns if column.running)
