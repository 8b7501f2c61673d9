"""The trace: a versioned, self-describing HDF5 file that is the product of every run."""

from typing import TYPE_CHECKING

from qnetsim.first_use import on_first_use

if TYPE_CHECKING:
    from qnetsim.trace.block import Block
    from qnetsim.trace.creation import TraceHeader
    from qnetsim.trace.files.plan_file import PlanRecord, is_plan, read_plan, write_plan
    from qnetsim.trace.hdf5.files import is_hdf5, make_folder, refuse_existing
    from qnetsim.trace.hdf5.reading import is_ours
    from qnetsim.trace.hdf5.write_behind import WriteBehind
    from qnetsim.trace.opening import open_trace, open_world
    from qnetsim.trace.reader import Trace
    from qnetsim.trace.writer import TraceWriter
else:
    # a command that makes a folder has no use for HDF5
    __getattr__ = on_first_use(
        __name__,
        {
            "Block": "qnetsim.trace.block",
            "PlanRecord": "qnetsim.trace.files.plan_file",
            "Trace": "qnetsim.trace.reader",
            "TraceHeader": "qnetsim.trace.creation",
            "TraceWriter": "qnetsim.trace.writer",
            "WriteBehind": "qnetsim.trace.hdf5.write_behind",
            "is_hdf5": "qnetsim.trace.hdf5.files",
            "is_ours": "qnetsim.trace.hdf5.reading",
            "is_plan": "qnetsim.trace.files.plan_file",
            "make_folder": "qnetsim.trace.hdf5.files",
            "open_trace": "qnetsim.trace.opening",
            "open_world": "qnetsim.trace.opening",
            "read_plan": "qnetsim.trace.files.plan_file",
            "refuse_existing": "qnetsim.trace.hdf5.files",
            "write_plan": "qnetsim.trace.files.plan_file",
        },
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
