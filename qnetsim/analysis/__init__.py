"""Read traces, compare policies, draw and report. Needs traces only."""

from qnetsim.analysis.compare import Comparison, PolicyResult, compare_traces
from qnetsim.analysis.metrics import RunMetrics, run_metrics

__all__ = ["Comparison", "PolicyResult", "RunMetrics", "compare_traces", "run_metrics"]
