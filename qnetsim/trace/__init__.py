"""The trace: a versioned, self-describing HDF5 file that is the product of every run."""

from typing import TYPE_CHECKING

from qnetsim.first_use import on_first_use
from qnetsim.trace.creation import TraceHeader
from qnetsim.trace.hdf5.files import is_hdf5, make_folder, refuse_existing
from qnetsim.trace.hdf5.reading import is_ours
from qnetsim.trace.hdf5.write_behind import WriteBehind
from qnetsim.trace.reader import Trace, open_trace, open_world
from qnetsim.trace.writer import Block, TraceWriter

if TYPE_CHECKING:
    from qnetsim.trace.files.plan_file import PlanRecord, is_plan, read_plan, write_plan
else:
    __getattr__ = on_first_use(
        __name__,
        dict.fromkeys(
            ("PlanRecord", "is_plan", "read_plan", "write_plan"), "qnetsim.trace.files.plan_file"
        ),
    )

__all__ = [
    "Block",
    "PlanRecord",
    "Trace",
    "TraceHeader",
    "TraceWriter",
    "WriteBehind",
    "is_hdf5",
    "is_ours",
    "is_plan",
    "make_folder",
    "open_trace",
    "open_world",
    "read_plan",
    "refuse_existing",
    "write_plan",
]
