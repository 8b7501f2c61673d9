"""Results of all figures, as a file: what the page of the reproduction is made of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from qnetsim.analysis.paired import ConfidenceInterval
from qnetsim.studies.paper.cost_figure import Budget
from qnetsim.studies.paper.cost_rows import CostRow, StageCosts
from qnetsim.studies.paper.fig9 import CurveSummary
from qnetsim.studies.paper.loss_points import LossPoint
from qnetsim.studies.paper.openings import OpeningRow
from qnetsim.studies.paper.risk_rows import RiskRow
from qnetsim.trace.hdf5.files import write_whole
from qnetsim.version import __version__

#: Results that come with qnetsim, from which ``docs/background/reproduction.md`` is made.
SHIPPED = Path(__file__).with_name("results.json")


@dataclass(frozen=True)
class PaperResults:
    """What was computed; a figure that was not has no rows.

    Attributes
    ----------
    budget : Budget
        Of the simulated costs.
    costs : mapping
        Rows by figure, ``fig5`` to ``fig8``.
    losses : tuple of LossPoint
        Fig. 4.
    curves : tuple of CurveSummary
        Fig. 9.
    openings : tuple of OpeningRow
        What the readings of open points do to the costs.
    risk : tuple of RiskRow
        A world beyond the paper's in which the dearest slots weigh more.
    changes : mapping
        Values of keys, ``"cost.reserved.receiver"``, in place of those that the paper states.
    version : str
        Of qnetsim.
    """

    budget: Budget
    costs: Mapping[str, tuple[CostRow, ...]] = field(default_factory=dict)
    losses: tuple[LossPoint, ...] = ()
    curves: tuple[CurveSummary, ...] = ()
    openings: tuple[OpeningRow, ...] = ()
    risk: tuple[RiskRow, ...] = ()
    changes: Mapping[str, Any] = field(default_factory=dict)
    version: str = __version__

    @cached_property
    def rows(self) -> Mapping[tuple[str, str, float, str], CostRow]:
        """Rows by figure, topology, value and scheme."""
        return {
            (figure, row.topology, row.value, row.scheme): row
            for figure, rows in self.costs.items()
            for row in rows
        }

    def as_stated(self, figure: str) -> bool:
        """Whether a figure has the parameters that the paper states; Fig. 4 has no scenario."""
        return figure == "fig4" or not self.changes

    def write(self, path: Path) -> None:
        """Write the results as JSON."""
        text = json.dumps(asdict(self), indent=1, ensure_ascii=False)
        write_whole(path, (text + "\n").encode())

    @classmethod
    def read(cls, path: Path = SHIPPED) -> PaperResults:
        """Read results that were written."""
        stored = json.loads(path.read_text("utf-8"))
        return cls(
            budget=Budget(**stored["budget"]),
            costs={
                figure: tuple(_row(entry) for entry in rows)
                for figure, rows in stored["costs"].items()
            },
            losses=tuple(LossPoint(**_tuples(entry)) for entry in stored["losses"]),
            curves=tuple(CurveSummary(**_tuples(entry)) for entry in stored["curves"]),
            openings=tuple(_opening(entry) for entry in stored.get("openings", ())),
            risk=tuple(RiskRow(**_tuples(entry)) for entry in stored.get("risk", ())),
            changes=stored.get("changes", {}),
            version=stored["version"],
        )


def _row(entry: Mapping[str, Any]) -> CostRow:
    intervals = {
        key: None if entry[key] is None else ConfidenceInterval(**entry[key])
        for key in ("first", "second", "total", "simulated_ratio")
    }
    return CostRow(**{**entry, **intervals, "analytic": StageCosts(*entry["analytic"])})


def _opening(entry: Mapping[str, Any]) -> OpeningRow:
    ratios = {key: tuple(ends) for key, ends in entry["ratios"].items()}
    return OpeningRow(**{**entry, "cost": tuple(entry["cost"]), "ratios": ratios})


def _tuples(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(v) if isinstance(v, list) else v for key, v in entry.items()}
