"""What the figures of runs rest on, as JSON: slots left out, and intervals."""

from __future__ import annotations

from qnetsim.analysis.mean_intervals import Intervals
from qnetsim.analysis.warm_up import WarmUp


def warm_up_json(found: WarmUp) -> dict[str, object]:
    """JSON form of a warm-up."""
    return {
        "slots": found.slots,
        "method": found.method,
        "at_start": list(found.at_start),
        "unsettled": list(found.unsettled),
        "once": list(found.ends),
        "cut_cost_ratio": found.cut_cost,
        "text": found.sentence,
    }


def intervals_json(found: Intervals) -> dict[str, object]:
    """JSON form of the intervals of a policy or of a run."""
    check = found.check
    return {
        "method": found.method,
        "parts": found.parts,
        "check": check
        and {
            "correlation": check.correlation,
            "correlations": dict(check.correlations),
            "limit": check.limit,
            "passed": check.passed,
        },
        "of": {
            name: {"mean": value.estimate, "low": value.low, "high": value.high}
            for name, value in found.of.items()
        },
        "wait_percentiles_s": {
            name: {"estimate": value.estimate, "low": value.low, "high": value.high}
            for name, value in found.waits_s.items()
        },
    }
