"""The warm-up of runs that start empty: found by MSER-5, or as the scenario says it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from qnetsim.arrays import FloatArray
from qnetsim.plain_text import counted
from qnetsim.trace import Trace
from qnetsim.vocabulary import BILL_COLUMNS, POOLS

#: Slots whose mean is one value of MSER-5.
BATCH_SLOTS = 5
#: Values of MSER-5 that are the fewest to say anything.
LEAST_VALUES = 10
#: A cut leaves at least one part of so many: where costs are rare, a short end may hold none of
#: them, and would look as if the run settled there.
KEPT_PART = 4
#: What is followed against time, in words, and the columns that make it.
SERIES: Mapping[str, Sequence[str]] = {
    "cost": BILL_COLUMNS,
    "bits in pools": [f"slots/{pool}_stored_bits" for pool in POOLS],
    "requests waiting or in session": ["slots/waiting", "slots/holding"],
}


@dataclass(frozen=True)
class WarmUp:
    """First slots that the figures leave out.

    Attributes
    ----------
    slots : int
    method : {"none", "mser-5", "given"}
    at_start : tuple of str
        What is at the start as it will not be for long, in words.
    unsettled : tuple of str
        Names of ``SERIES`` that settle in no first half of the run, by policy; nothing is cut
        for them.
    ends : tuple of str
        What happens once in a run, at a time of its own, so that no slot is like another.
    cut_cost : float or None
        Mean cost of the slots left out, over that of the others; mean over the policies. None
        where nothing is cut.
    """

    slots: int = 0
    method: str = "none"
    at_start: tuple[str, ...] = ()
    unsettled: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    cut_cost: float | None = None

    @property
    def sentence(self) -> str:
        """What was left out and why; empty where a run has nothing that could warm up."""
        if self.method == "given":
            cut = "The figures leave out no slot" if not self.slots else _left_out(self.slots)
            return f"{cut}, as run.warmup_slots says."
        if not self.at_start:
            return ""
        start = f"at the start {' and '.join(self.at_start)}"
        if self.method == "none":
            return f"No slot is left out, though {start}: {self._why_none}."
        cut = _left_out(self.slots) if self.slots else "No slot is left out"
        told = f"{cut} as warm-up (MSER-5): {start}."
        if self.cut_cost is not None:
            told += f" A slot of them costs {self.cut_cost:.2f} times one of the others."
        if self.unsettled:
            told += (
                f" Not settled in the first half: {', '.join(self.unsettled)}; give more slots, or "
                "run.warmup_slots."
            )
        return told

    @property
    def _why_none(self) -> str:
        """Why the start was not looked for."""
        if not self.ends:
            return f"MSER-5 needs {counted(LEAST_VALUES * BATCH_SLOTS, 'slot')}"
        verb = "comes" if self.ends == ("recorded demand",) else "come"
        return f"{' and '.join(self.ends)} {verb} once in a run"


def _left_out(slots: int) -> str:
    first = "The first slot is" if slots == 1 else f"The first {counted(slots, 'slot')} are"
    return f"{first} left out"


def at_start(scenario: Mapping[str, Any]) -> tuple[str, ...]:
    """What a recorded scenario begins with, and will not have for long; in words."""
    keys = scenario["key_management"]
    faults = scenario.get("faults", {})
    stores = keys.get("store_bits", 0) > 0 and keys.get("key_lifetime_slots", 0) > 0
    filled = keys.get("initial_bits", 0) > 0
    found = {
        "key stores are empty": stores and not filled,
        "key stores hold their initial bits": stores and filled,
        "no request waits": keys.get("patience_s", 0) > 0,
        "no session is held": scenario["demand"].get("holding_slots", 1) > 1,
        "nothing has failed": any(value is not None for value in faults.values()),
    }
    return tuple(name for name, yes in found.items() if yes)


def one_off(provenance: Mapping[str, Any]) -> tuple[str, ...]:
    """What of a recorded run happens at a time of its own; in words."""
    scenario = provenance["scenario"]
    found = {
        "branches": (provenance.get("counterfactual") or {}).get("from_slot"),
        "federated tasks": scenario.get("fel"),
        "listed outages": scenario.get("outage"),
        "recorded demand": scenario.get("recording"),
    }
    return tuple(name for name, there in found.items() if there)


def mser_5(values: FloatArray) -> int | None:
    """Slots to leave out at the start, by MSER-5; None where the rest never settles.

    The cut is the one that makes the standard error of the mean of the rest smallest, over means of
    ``BATCH_SLOTS`` slots, of which at least a quarter is kept. Where it lies behind the middle,
    there is too little to say where the start ends.

    Parameters
    ----------
    values : ndarray of float64, shape (slots,)
    """
    if _too_short(values):
        return 0
    count = len(values) // BATCH_SLOTS
    means = values[: count * BATCH_SLOTS].reshape(count, BATCH_SLOTS).mean(axis=1)
    # from the mean of what comes late, so that the start does not swallow how little that varies
    centred = (means - means[count // 2 :].mean())[::-1]
    kept = np.arange(1, count + 1)
    squares = np.cumsum(centred**2) - np.cumsum(centred) ** 2 / kept
    errors = (np.maximum(squares, 0) / kept**2)[::-1]
    scale = float(np.abs(means).max())
    errors[errors * count <= (1e-12 * scale) ** 2] = 0.0
    least = -(-count // KEPT_PART)
    cut = int(np.argmin(errors[: count - least + 1]))
    return cut * BATCH_SLOTS if cut <= count // 2 else None


def _too_short(values: FloatArray) -> bool:
    """Whether these slots are too few for MSER-5 to say anything."""
    return len(values) < LEAST_VALUES * BATCH_SLOTS


def series_of(trace: Trace) -> dict[str, FloatArray]:
    """What a run is followed by against time, by the names of ``SERIES``; each has a value a slot.

    Bits are means over the fibres.
    """
    return {name: _sum_of(trace, columns) for name, columns in SERIES.items()}


def blocks_from(trace: Trace, path: str, first: int) -> Iterator[npt.NDArray[Any]]:
    """Blocks of a growing column from a slot on."""
    begin = 0
    for block in trace.blocks(path):
        if begin + len(block) > first:
            yield block[max(first - begin, 0) :]
        begin += len(block)


def _sum_of(trace: Trace, columns: Sequence[str]) -> FloatArray:
    parts = []
    for name in columns:
        path = name if "/" in name else f"slots/{name}"
        blocks = [np.asarray(block, dtype=np.float64) for block in trace.blocks(path)]
        rows = [block if block.ndim == 1 else block.mean(axis=1) for block in blocks]
        parts.append(np.concatenate(rows))
    return reduce(np.add, parts)


def warm_up(
    provenances: Sequence[Mapping[str, Any]], policies: Mapping[str, Mapping[str, FloatArray]]
) -> WarmUp:
    """The warm-up that is common to all policies of a comparison: the longest of theirs.

    Parameters
    ----------
    provenances : sequence of mapping
        Of the runs, as recorded.
    policies : mapping from policy to series
        Means over the replications, as of ``series_of``.
    """
    scenarios = [found["scenario"] for found in provenances]
    empty = tuple(dict.fromkeys(what for found in map(at_start, scenarios) for what in found))
    given = [found["run"].get("warmup_slots") for found in scenarios]
    said = [slots for slots in given if slots is not None]
    if said:
        return WarmUp(max(said), "given", empty, cut_cost=_cut_cost(max(said), policies))
    if not empty:
        return WarmUp()
    ends = tuple(dict.fromkeys(what for found in map(one_off, provenances) for what in found))
    if ends:
        return WarmUp(at_start=empty, ends=ends)
    if all(_too_short(series["cost"]) for series in policies.values()):
        return WarmUp(at_start=empty)
    cuts = {
        (policy, name): mser_5(values)
        for policy, series in policies.items()
        for name, values in series.items()
    }
    slots = max(cut or 0 for cut in cuts.values())
    unsettled = tuple(f"{name} of {policy}" for (policy, name), cut in cuts.items() if cut is None)
    return WarmUp(slots, "mser-5", empty, unsettled, cut_cost=_cut_cost(slots, policies))


def may_warm_up(scenario: Mapping[str, Any]) -> bool:
    """Whether a run of a recorded scenario is to be followed against time."""
    return bool(at_start(scenario)) or scenario["run"].get("warmup_slots") is not None


def given_warm_up(trace: Trace) -> WarmUp:
    """What the scenario says alone: for runs that are paired one by one, as they come.

    A cut that MSER-5 finds in each of them would be none that they have in common.
    """
    said = trace.provenance["scenario"]["run"].get("warmup_slots")
    return WarmUp() if said is None else WarmUp(said, "given")


def warm_up_of(trace: Trace) -> WarmUp:
    """The warm-up of one run alone."""
    scenario = trace.provenance["scenario"]
    if not may_warm_up(scenario) or trace.slots == 0:
        return WarmUp()
    return warm_up([trace.provenance], {trace.policy: series_of(trace)})


def _cut_cost(slots: int, policies: Mapping[str, Mapping[str, FloatArray]]) -> float | None:
    """Cost of a slot left out over one of the others, mean over the policies."""
    found = list(_cost_ratios(slots, policies)) if slots else []
    return float(np.mean(found)) if found else None


def _cost_ratios(slots: int, policies: Mapping[str, Mapping[str, FloatArray]]) -> Iterator[float]:
    for series in policies.values():
        cost = series["cost"]
        kept = float(cost[slots:].mean()) if slots < len(cost) else 0.0
        if kept:
            yield float(cost[:slots].mean()) / kept
