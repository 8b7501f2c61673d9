"""A line of four nodes, so small that everything on it can be counted by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qnetsim.case import Case, open_case
from qnetsim.kernel.context import SimulationContext
from qnetsim.scenario import parse_scenario

#: Three fibres a–b, b–c and c–d of three, one and two segments; requests from a to c.
LINE = """
[run]
slots = {slots}
slot_s = {slot_s}
[network]
topology = {topology!r}
span_km = 100
key_rate_bps = {rate}
[demand]
levels = 2
pairs = [{pairs}]
{more}
"""


def line_case(
    folder: Path,
    *,
    fibres: str = "a,b,250 b,c,80 c,d,160",
    pairs: str = '["a", "c"]',
    slots: int = 6,
    slot_s: float = 1.0,
    rate: float = 1000.0,
    more: str = "",
) -> Case:
    """The line as a case, or other fibres and pairs; ``more`` ends the scenario."""
    path = folder / "line.csv"
    path.write_text("\n".join(["source,target,length_km", *fibres.split()]) + "\n")
    return open_case(
        parse_scenario(
            LINE.format(
                slots=slots,
                slot_s=slot_s,
                topology=str(path),
                rate=rate,
                pairs=pairs,
                more=more,
            )
        )
    )


def context_of(case: Case, **more: Any) -> SimulationContext:
    """What a simulation of the case goes by; the check never stops it unless one is given."""
    return SimulationContext(
        setting=case.setting,
        key_management=case.scenario.key_management,
        title="test",
        **{"check": lambda: None, **more},
    )
