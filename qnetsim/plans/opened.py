"""A plan file opened: its record, and the scenario and the policy that it was made for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from qnetsim.errors import TraceFormatError
from qnetsim.scenario import PolicyTable, Scenario
from qnetsim.trace import PlanRecord, read_plan


class OpenedPlan(NamedTuple):
    """A plan file whose every field is checked.

    Attributes
    ----------
    record : PlanRecord
    scenario : Scenario
        That it was made for; settings that came later have their defaults.
    policy : PolicyTable
        That made it; it need not be installed.
    """

    record: PlanRecord
    scenario: Scenario
    policy: PolicyTable


def open_plan(path: Path) -> OpenedPlan:
    """Read a plan file and the settings in it.

    Raises
    ------
    UsageError
        There is no such file.
    TraceFormatError
        It is no plan, or one of its fields is wrong.
    """
    record = read_plan(path)
    provenance = record.provenance
    where = "provenance.scenario"
    try:
        scenario = Scenario.model_validate(provenance["scenario"])
        where = "provenance.policy"
        policy = stored_policy(provenance["policy"])
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, (where, *first["loc"])))
        raise TraceFormatError(f"{path}: is damaged: {place}: {first['msg']}") from None
    return OpenedPlan(record, scenario, policy)


def stored_policy(stored: Mapping[str, Any]) -> PolicyTable:
    """Policy table of the ``policy`` part of a provenance.

    Raises
    ------
    pydantic.ValidationError
        Its name, title or options are none.
    """
    options = {k: v for k, v in stored["options"].items() if v is not None}
    label = None if stored["title"] == stored["name"] else stored["title"]
    return PolicyTable.model_validate({**options, "name": stored["name"], "label": label})
