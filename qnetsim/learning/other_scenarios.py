"""Traces of another scenario than the one that is trained on: what differs between the two.

Network, prices and requests stand in the columns of a trace; this is what only its scenario says.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ValidationError

from qnetsim.case import Case
from qnetsim.errors import UsageError
from qnetsim.scenario import Scenario
from qnetsim.trace import Trace

#: Keys of ``[key_management]`` that say what keys are worth which a slot leaves over.
STORES = ("store_bits", "key_lifetime_slots", "initial_bits", "granularity")
#: What may differ, and the tables and their keys that say so; all keys of a table without any.
SUBJECTS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "demand": {"demand": (), "regimes": (), "jobs": (), "recording": ()},
    "sessions": {"demand": ("holding", "holding_slots")},
    "limits": {"network": ("qkd_wavelengths", "km_wavelengths")},
    "yields": {"yields": ()},
    "faults": {"faults": ()},
    "waits": {
        "key_management": ("patience_s", "on_demand_setup_s", "on_outage", "control_delay_s")
    },
    "penalties": {"cost": ("blocking_cost", "exposure_cost")},
    "slots": {"run": ("slot_s",)},
}
#: Lists of tables that may differ, by what they are of.
LISTS = {"requests": "request", "outages": "outage", "FEL tasks": "fel"}
#: Keys of ``[demand]`` that are no part of the law: which requests there are, which those of a
#: trace show, and how long one lasts.
NO_LAW = ("requests", "pairs", "holding", "holding_slots")


def refuse_other_stores(case: Case, trace: Trace) -> None:
    """Refuse traces in which a key that is left over is worth something else.

    Raises
    ------
    UsageError
        Says which keys differ.
    """
    there, here = _stores(_scenario_of(trace)), _stores(case.scenario)
    if found := _differences("key_management", there, here):
        raise UsageError(
            f"{trace.path}: is no run of this scenario: {'; '.join(found)}; give traces of the "
            "same stores, or train on their scenario"
        )


def differences(case: Case, trace: Trace) -> dict[str, tuple[str, ...]]:
    """What a trace has otherwise than the scenario, by subject, each in a few words."""
    there, here = _scenario_of(trace), case.scenario.portable()
    found: dict[str, tuple[str, ...]] = {}
    for subject, tables in SUBJECTS.items():
        differs: list[str] = []
        for name, keys in tables.items():
            differs += _differences(name, _table(there, name, keys), _table(here, name, keys))
        found[subject] = tuple(differs)
    for subject, name in LISTS.items():
        same = getattr(there, name) == getattr(here, name)
        found[subject] = () if same else (f"[[{name}]] differs",)
    return {subject: differs for subject, differs in found.items() if differs}


def _scenario_of(trace: Trace) -> Scenario:
    try:
        return Scenario.model_validate(trace.provenance["scenario"])
    except (ValidationError, KeyError, TypeError) as error:
        raise UsageError(
            f"{trace.path}: its scenario is not one of this qnetsim, so nobody can tell whether it "
            f"is like the one that is trained on ({type(error).__name__})"
        ) from None


def _stores(scenario: Scenario) -> dict[str, object]:
    """The keys that count; all stores of nothing, or for no slot, are alike."""
    keys = scenario.key_management
    found: dict[str, object] = {name: getattr(keys, name) for name in STORES}
    if not (keys.store_bits and keys.key_lifetime_slots):
        found |= {"store_bits": 0, "key_lifetime_slots": 0}
    return found


def _table(scenario: Scenario, name: str, keys: tuple[str, ...]) -> dict[str, object] | None:
    """Keys of a table as plain values, with the mean that is meant where none is given."""
    table: BaseModel | None = getattr(scenario, name)
    if table is None:
        return None
    if keys:
        return {key: getattr(table, key) for key in keys}
    found = {key: value for key, value in table if key not in NO_LAW}
    if name == "demand" and scenario.demand.kind == "poisson" and found["mean"] is None:
        found["mean"] = float(scenario.demand.levels // 3)
    return found


def _differences(
    table: str, there: Mapping[str, object] | None, here: Mapping[str, object] | None
) -> list[str]:
    """Keys of a table whose values differ; or that one of the two lacks the table."""
    if there is None or here is None:
        if there is here:
            return []
        return [f"[{table}] is {'not there' if there is None else 'there'}, unlike in the scenario"]
    return [
        f"{table}.{key} is {_shown(there[key])}, the scenario's {_shown(value)}"
        for key, value in here.items()
        if there[key] != value
    ]


def _shown(value: object) -> str:
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
