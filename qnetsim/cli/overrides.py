"""Options that override a scenario's [run] table."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from qnetsim.errors import UsageError
from qnetsim.scenario import Scenario
from qnetsim.simulate import load


def load_with(path: Path, **changes: int | None) -> Scenario:
    """Read a scenario and apply ``--slots``, ``--seed``, ``--replications``.

    Raises
    ------
    UsageError
        A value is out of range.
    """
    scenario = load(path)
    try:
        return scenario.with_run(**changes)
    except ValidationError as error:
        detail = error.errors()[0]
        name = str(detail["loc"][0])
        raise UsageError(f"--{name} {detail['input']}: {detail['msg'].lower()}") from None
