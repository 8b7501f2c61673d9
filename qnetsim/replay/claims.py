"""What a trace claims of policy, plan and departure, held against the run made again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from qnetsim.scenario.tables.portable import without_folders
from qnetsim.trace import Trace
from qnetsim.trace.rerun_check import Difference

#: What a plan claims that other versions of a solver may give otherwise.
BY_SOLVER = frozenset({"solver", "variables", "rows", "nodes", "rounds", "wavelength_prices"})
#: Claims that files of the same format from before may lack.
LATER = frozenset({"uncoloured", "estimate", "wavelength_prices"})
#: Claims that every format has.
OLD_CLAIMS = frozenset({"objective", "bound", "gap", "status", "weights_sha256"})
#: Files of formats up to this one may tell nothing of their FEL tasks.
LAST_WITHOUT_TASKS = (1, 4)
#: Wall-clock times, which nobody can work out again.
WALL_CLOCK = frozenset({"solve_s"})
#: Relative difference of costs that is rounding.
ROUNDING = 1e-9


def other_attribute(trace: Trace, found: Mapping[str, Any]) -> Difference | None:
    """First root attribute that is not the run's."""
    for name, value in found.items():
        if trace.attribute(name) != str(value):
            return Difference(name, {}, "", trace.attribute(name), value)
    return None


def other_tasks(trace: Trace, found: str) -> Difference | None:
    """What is told of FEL tasks, where it is not what the run gives.

    Parameters
    ----------
    trace : Trace
    found : str
        Of the run made again; only a complete trace tells anything.
    """
    stored = trace.attribute("tasks")
    wanted = found if trace.status == "complete" else ""
    if stored == wanted or (not stored and trace.version <= LAST_WITHOUT_TASKS):
        return None
    return Difference("tasks", {}, "", stored or "missing", wanted or "missing")


def other_claim(trace: Trace, found: Mapping[str, Any]) -> Difference | None:
    """First claim about policy, plan or departure that does not come out again.

    Parameters
    ----------
    trace : Trace
    found : mapping
        Provenance of the run made again.
    """
    # older versions kept the folders of weights
    stored = {
        key: without_folders(part) if key in {"policy", "counterfactual"} else part
        for key, part in trace.provenance.items()
    }
    departed = "counterfactual"
    if stored.get(departed) != found.get(departed):
        what = f"provenance.{departed}"
        return Difference(what, {}, "", stored.get(departed), found.get(departed))
    left_out = WALL_CLOCK if stored["software"] == found["software"] else WALL_CLOCK | BY_SOLVER
    for part in ("policy", "plan"):
        there, here = stored[part], found[part]
        if there is None or here is None:
            if there is not here:
                return Difference(f"provenance.{part}", {}, "", there, here)
            continue
        keys = there.keys() | here.keys()
        if trace.version != trace.kind.version:
            # formats before this one claimed less, and put it in other words
            keys &= OLD_CLAIMS
        for key in sorted(keys - left_out - (LATER - there.keys())):
            if key == "options" and isinstance(there.get(key), dict):
                # options that came later have their defaults where they are not said
                here = {**here, key: {k: v for k, v in here[key].items() if k in there[key]}}
            if not same_claim(there.get(key), here.get(key)):
                where = f"provenance.{part}.{key}"
                return Difference(where, {}, "", there.get(key), here.get(key))
    return None


def unlike_solver(trace: Trace, found: Mapping[str, Any]) -> list[str]:
    """Claims of a plan that differ, as they may with other versions of a solver."""
    there, here = trace.provenance["plan"], found["plan"]
    if there is None or here is None or trace.version != trace.kind.version:
        return []
    claimed = BY_SOLVER - (LATER - there.keys())
    return [key for key in sorted(claimed) if not same_claim(there.get(key), here.get(key))]


def same_claim(there: Any, here: Any) -> bool:
    """Whether two claims are equal, up to rounding in numbers."""
    if isinstance(there, bool) or isinstance(here, bool):
        return there is here
    if isinstance(there, int | float) and isinstance(here, int | float):
        return math.isclose(there, here, rel_tol=ROUNDING, abs_tol=ROUNDING)
    if isinstance(there, Mapping) and isinstance(here, Mapping):
        return there.keys() == here.keys() and all(same_claim(there[k], here[k]) for k in there)
    if isinstance(there, list) and isinstance(here, list) and len(there) == len(here):
        return all(same_claim(one, other) for one, other in zip(there, here, strict=True))
    return bool(there == here)
