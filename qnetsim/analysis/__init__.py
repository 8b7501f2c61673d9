"""Read traces, compare policies, draw and report. Needs traces only."""

from typing import TYPE_CHECKING

from qnetsim.first_use import on_first_use

if TYPE_CHECKING:
    from qnetsim.analysis.compare import Comparison, PolicyResult, compare_traces
    from qnetsim.analysis.metrics import RunMetrics, run_metrics
else:
    __getattr__ = on_first_use(
        __name__,
        {
            "Comparison": "qnetsim.analysis.compare",
            "PolicyResult": "qnetsim.analysis.compare",
            "RunMetrics": "qnetsim.analysis.metrics",
            "compare_traces": "qnetsim.analysis.compare",
            "run_metrics": "qnetsim.analysis.metrics",
        },
    )

__all__ = ["Comparison", "PolicyResult", "RunMetrics", "compare_traces", "run_metrics"]
