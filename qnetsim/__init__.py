"""Discrete-event simulation of quantum-secured federated edge learning.

::

    TOML ─► Scenario ─► Network ─┬─► Forecast ────► Policy
                                 │                  ▲    │
                                 │      Observation │    │ Decision
                                 │                  │    ▼
                                 └─► Realisation ─► Simulation ─► TraceWriter ─► Trace
                                                                                  │
                                                  Comparison, figures, report ◄───┘

Names are imported on first use, so ``import qnetsim`` costs next to nothing.
"""

from __future__ import annotations

from qnetsim.first_use import on_first_use
from qnetsim.version import __version__

#: Where each name lives; a function with the name of its module gets another one here.
_HOME = {
    "Case": "qnetsim.case",
    "Comparison": "qnetsim.analysis",
    "Decision": "qnetsim.policies",
    "Forecast": "qnetsim.forecast",
    "Network": "qnetsim.network",
    "Observation": "qnetsim.policies",
    "Plan": "qnetsim.optimize",
    "Policy": "qnetsim.policies",
    "Scenario": "qnetsim.scenario",
    "Trace": "qnetsim.trace",
    "compare_traces": "qnetsim.analysis",
    "load": "qnetsim.case",
    "load_plan": "qnetsim.plans.storage",
    "make_plan": "qnetsim.plans.make",
    "open_case": "qnetsim.case",
    "open_trace": "qnetsim.trace",
    "record_world": "qnetsim.replay.record",
    "replay_world": "qnetsim.replay.replay:replay",
    "run": "qnetsim.runs.simulate:simulate",
    "run_policies": "qnetsim.runs.batch",
    "save_plan": "qnetsim.plans.storage",
    "verify_trace": "qnetsim.replay.verify:verify",
    "write_report": "qnetsim.analysis.report",
}

__all__ = ["__version__", *_HOME]

__getattr__ = on_first_use(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
