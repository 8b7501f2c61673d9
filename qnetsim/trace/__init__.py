"""The trace: a versioned, self-describing HDF5 file that is the product of every run."""

from qnetsim.trace.reader import Trace, is_hdf5, open_trace
from qnetsim.trace.writer import TraceHeader, TraceWriter, make_folder, refuse_existing

__all__ = [
    "Trace",
    "TraceHeader",
    "TraceWriter",
    "is_hdf5",
    "make_folder",
    "open_trace",
    "refuse_existing",
]
