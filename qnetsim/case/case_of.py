"""The case behind whatever a caller gives for a scenario."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, TypeAlias

from qnetsim.case.case import Case
from qnetsim.case.make_scenario import make_scenario
from qnetsim.case.open_case import load, open_case
from qnetsim.errors import UsageError
from qnetsim.input_files import note_input
from qnetsim.scenario import Scenario

#: What counts as a scenario in every call that takes one.
ScenarioLike: TypeAlias = "Scenario | Case | str | os.PathLike[str] | Mapping[str, Any]"


def case_of(scenario: ScenarioLike) -> Case:
    """Build the case of a scenario in any form.

    Parameters
    ----------
    scenario : Scenario, Case, path-like, str or mapping
        A path, or the name of a shipped scenario, is loaded; a mapping holds the tables of one.

    Raises
    ------
    QnetsimError
        It is none of these, or wrong in itself.
    """
    case = _built(scenario)
    # a case that is known already may have been built from another file of the same tables
    given = scenario if isinstance(scenario, Scenario) else case.scenario
    for path in given.named_files:
        note_input(path)
    return case


def _built(scenario: ScenarioLike) -> Case:
    if isinstance(scenario, Case):
        return scenario
    if isinstance(scenario, Scenario):
        return open_case(scenario)
    if isinstance(scenario, str | os.PathLike):
        return open_case(load(scenario))
    if isinstance(scenario, Mapping):
        return open_case(make_scenario(scenario))
    raise UsageError(
        f"scenario: give a Scenario, a Case, the path of a scenario file or a mapping of its "
        f"tables, not {type(scenario).__name__}"
    )
