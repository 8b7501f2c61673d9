"""The trace: a versioned, self-describing HDF5 file that is the product of every run."""

from qnetsim.trace.reader import Trace, open_trace
from qnetsim.trace.writer import TraceHeader, TraceWriter, make_folder

__all__ = ["Trace", "TraceHeader", "TraceWriter", "make_folder", "open_trace"]
