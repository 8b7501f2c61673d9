"""Discrete-event simulation of quantum-secured federated edge learning.

::

    TOML ─► Scenario ─► Network ─┬─► Forecast ────► Policy
                                 │                  ▲    │
                                 │      Observation │    │ Decision
                                 │                  │    ▼
                                 └─► Realisation ─► Simulation ─► TraceWriter ─► Trace
                                                                                  │
                                                  Comparison, figures, report ◄───┘

=================================  =============================================================
``load``, ``make_scenario``        a scenario from a file, or from keywords; ``Scenario``
``run``, ``compare``, ``plan``     results with ``table()``, ``plot()`` and a view in notebooks
``sweep``                          many runs over factors of a scenario, with the same views
``record_world``, ``replay_world`` a world in a file, and policies in it
``open_trace``, ``verify_trace``   read a trace, and check it; ``Trace``
``Policy``, ``PolicyOptions``      bases of policies of your own; ``Decision``, ``Observation``
``Case``, ``Network``, …           what is behind a scenario: ``open_case``, ``Forecast``, ``Plan``
``QnetsimError``                   every error that a user can cause
=================================  =============================================================

Names are imported on first use, so ``import qnetsim`` costs next to nothing;
``help(qnetsim.run)`` says more of one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qnetsim.first_use import on_first_use
from qnetsim.version import __version__

if TYPE_CHECKING:
    from qnetsim.analysis.compare import Comparison, compare_traces
    from qnetsim.analysis.report import write_report
    from qnetsim.api.calls import compare, plan, replay_world, run
    from qnetsim.api.sweep_calls import sweep
    from qnetsim.case.case import Case
    from qnetsim.case.make_scenario import make_scenario
    from qnetsim.case.open_case import load, open_case
    from qnetsim.errors import QnetsimError
    from qnetsim.forecast import Forecast
    from qnetsim.network import Network
    from qnetsim.optimize import Plan
    from qnetsim.plans.make import make_plan
    from qnetsim.plans.storage import load_plan, save_plan
    from qnetsim.policies.base import (
        Decision,
        Observation,
        Outcome,
        Policy,
        PolicyOptions,
        Setting,
    )
    from qnetsim.replay.record import record_world
    from qnetsim.replay.verify import verify as verify_trace
    from qnetsim.runs.batch import run_policies
    from qnetsim.scenario import PolicyTable, Scenario
    from qnetsim.trace import Trace, open_trace

#: Where each name lives, as above for checkers of types; a test holds the two together.
_HOME = {
    "Case": "qnetsim.case.case",
    "Comparison": "qnetsim.analysis.compare",
    "Decision": "qnetsim.policies.base",
    "Forecast": "qnetsim.forecast",
    "Network": "qnetsim.network",
    "Observation": "qnetsim.policies.base",
    "Outcome": "qnetsim.policies.base",
    "Plan": "qnetsim.optimize",
    "Policy": "qnetsim.policies.base",
    "PolicyOptions": "qnetsim.policies.base",
    "PolicyTable": "qnetsim.scenario",
    "QnetsimError": "qnetsim.errors",
    "Scenario": "qnetsim.scenario",
    "Setting": "qnetsim.policies.base",
    "Trace": "qnetsim.trace",
    "compare": "qnetsim.api.calls",
    "compare_traces": "qnetsim.analysis.compare",
    "load": "qnetsim.case.open_case",
    "load_plan": "qnetsim.plans.storage",
    "make_plan": "qnetsim.plans.make",
    "make_scenario": "qnetsim.case.make_scenario",
    "open_case": "qnetsim.case.open_case",
    "open_trace": "qnetsim.trace",
    "plan": "qnetsim.api.calls",
    "record_world": "qnetsim.replay.record",
    "replay_world": "qnetsim.api.calls",
    "run": "qnetsim.api.calls",
    "run_policies": "qnetsim.runs.batch",
    "save_plan": "qnetsim.plans.storage",
    "sweep": "qnetsim.api.sweep_calls",
    "verify_trace": "qnetsim.replay.verify:verify",
    "write_report": "qnetsim.analysis.report",
}

__all__ = [
    "Case",
    "Comparison",
    "Decision",
    "Forecast",
    "Network",
    "Observation",
    "Outcome",
    "Plan",
    "Policy",
    "PolicyOptions",
    "PolicyTable",
    "QnetsimError",
    "Scenario",
    "Setting",
    "Trace",
    "__version__",
    "compare",
    "compare_traces",
    "load",
    "load_plan",
    "make_plan",
    "make_scenario",
    "open_case",
    "open_trace",
    "plan",
    "record_world",
    "replay_world",
    "run",
    "run_policies",
    "save_plan",
    "sweep",
    "verify_trace",
    "write_report",
]


# checkers of types know the names above, and report all others
if not TYPE_CHECKING:
    __getattr__ = on_first_use(__name__, _HOME, keep=False)
