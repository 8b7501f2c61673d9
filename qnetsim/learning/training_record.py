"""The curve of a training as a record, and costs of policies that do not learn to compare with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from qnetsim.arrays import FloatArray
from qnetsim.case import Case
from qnetsim.learning.train import Training
from qnetsim.learning.transport import PaddedTransport
from qnetsim.policies.registry import make_policy
from qnetsim.runs.run_context import RunContext, run_case
from qnetsim.trace.files.curve_file import CurveRecord
from qnetsim.trace.provenance import environment, software

#: Policies that a learning curve is compared with. ``perfect`` is a bound: it sees the future.
REFERENCE_POLICIES = ("sip", "empirical", "evf", "random", "perfect")


def training_record(training: Training, transport: object = None) -> CurveRecord:
    """Curve, key ledger and provenance of a training."""
    curve = training.curve
    case = training.case
    none = np.zeros(0, dtype=np.int64)
    padded = isinstance(transport, PaddedTransport)
    ledger: dict[str, npt.NDArray[np.int64]] = {
        f"ledger/{name}": getattr(transport, name) if padded else none
        for name in ("produced", "consumed", "stored")
    }
    columns = {
        "curve/epoch": np.array(curve.epochs),
        "curve/slots": np.array(curve.slots),
        "curve/updates": np.array(curve.updates),
        "curve/cpu_s": np.array(curve.cpu_s),
        "curve/stochastic": np.array(curve.stochastic),
        "curve/deterministic": np.array(curve.deterministic),
        "curve/seed": np.array(training.training_seeds),
        **ledger,
    }
    provenance = {
        "software": software(),
        "environment": environment(),
        "scenario": case.scenario.portable().model_dump(mode="json"),
        "scenario_digest": case.scenario.digest(),
        "policy": training.algorithm,
        "shared_bytes": dict(getattr(transport, "payload", {})),
    }
    more = {"options": training.options.as_json(), "source": training.source}
    provenance |= {name: value for name, value in more.items() if value}
    return CurveRecord(provenance, columns)


def reference_costs(case: Case, best: FloatArray) -> dict[str, float]:
    """Cost over C* of policies that do not learn, simulated in the scenario's first world."""
    found = {}
    for name in REFERENCE_POLICIES:
        totals: list[float] = []
        run_case(
            RunContext(case, name),
            make_policy(name, {}),
            case.realisation(0).chunks(),
            lambda _, block, totals=totals: totals.append(  # type: ignore[misc]
                sum(float(v.sum()) for k, v in block.columns.items() if k.endswith("_cost"))
            ),
        )
        found[name] = sum(totals) / (case.scenario.run.slots * float(best.sum()))
    return found
