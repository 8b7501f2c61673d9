"""The case and the policy of a job, as its line has them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from pathlib import Path
from typing import Generic, TypeVar

from qnetsim.case import Case, load, open_case
from qnetsim.errors import UsageError
from qnetsim.policies.chosen import ChosenPolicy
from qnetsim.scenario import PolicyTable
from qnetsim.scenario.scenario import split_key
from qnetsim.scenario.tables.scenario import PolicySource
from qnetsim.studies.sweep.manifest import SweepJob

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """What was made last, for the jobs that share it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._made: dict[Key, Value] = {}

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """Return what is kept under a key; made where nothing is."""
        if key not in self._made:
            value = make()
            if len(self._made) >= self._most:
                del self._made[next(iter(self._made))]
            self._made[key] = value
        return self._made[key]


#: Jobs of one scenario share its case.
_cases: Recent[str, Case] = Recent(4)


def case_of_job(job: SweepJob) -> Case:
    """The case of a job.

    Raises
    ------
    UsageError
        Scenario or fibres have changed since the manifest was written.
    """
    case = _cases.get(job.scenario_digest, lambda: _loaded(job))
    if case.network.topology.digest() != job.network_digest:
        raise _changed(job.scenario)
    return case


def _loaded(job: SweepJob) -> Case:
    loaded = load(job.scenario, changes={split_key(k): v for k, v in job.changes.items()})
    scenario = loaded.model_copy(update={"policy": ()})
    if scenario.digest() != job.scenario_digest:
        raise _changed(job.scenario)
    return replace(open_case(loaded), scenario=scenario)


def _changed(reference: str) -> UsageError:
    return UsageError(
        f"{reference}: the scenario has changed since the manifest was written; "
        "`qnetsim sweep plan` writes it anew"
    )


def policy_of_job(folder: Path, job: SweepJob) -> ChosenPolicy:
    """The policy of a job; trained weights lie in the folder of the sweep."""
    stated = job.policy
    options = dict(stated.get("options", {}))
    if trained := stated.get("trained"):
        options["model"] = str(folder / "weights" / f"{trained}.safetensors")
    given = {"name": stated["name"], "label": stated["label"], **options}
    table = PolicyTable.model_validate(given)
    if stated.get("source"):
        table = table.with_source(PolicySource(**stated["source"]))
    return ChosenPolicy(table)
