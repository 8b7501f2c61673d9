"""Rules over the [jobs] table and what may stand beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from qnetsim.scenario.lines import Problem


def job_checks(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Demand to which jobs can be added: drawn, with a level for each request by itself."""
    if not isinstance(data.get("jobs"), dict):
        return
    if "recording" in data:
        yield ("jobs",), "is given beside [recording], which has the demand; remove one"
    if "regimes" in data:
        text = "is given beside [regimes], under which all requests have one level; remove one"
        yield ("jobs",), text
    demand = data.get("demand", {})
    if not isinstance(demand, dict):
        return
    coupling = demand.get("coupling", "comonotone")
    if coupling != "independent":
        text = (
            f"is {coupling!r}; jobs ask for some pairs and not for others, so beside [jobs] it is "
            "'independent'"
        )
        yield ("demand", "coupling"), text
