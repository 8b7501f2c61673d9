"""Results to look at: as tables of pandas, as figures of matplotlib, and in notebooks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from qnetsim.analysis.compare import Comparison, PolicyResult
from qnetsim.analysis.figures.style import Style
from qnetsim.analysis.html_tables import cost_table, html_table, html_text, paired_table
from qnetsim.analysis.interval_rows import basis
from qnetsim.analysis.mean_intervals import Intervals, over_batches
from qnetsim.analysis.metrics import RunMetrics, run_metrics
from qnetsim.analysis.places import PAGE
from qnetsim.analysis.text_table import TextTable
from qnetsim.api.drawing import Drawable
from qnetsim.api.temporary import TemporaryFolder
from qnetsim.arguments import path_argument
from qnetsim.case import Case
from qnetsim.input_files import inputs_noted
from qnetsim.optimize import Plan
from qnetsim.plain_text import counted
from qnetsim.plans.storage import save_plan
from qnetsim.policies.chosen import ChosenPolicy
from qnetsim.trace import Trace, make_folder, open_trace, refuse_existing
from qnetsim.vocabulary import PlanStatus

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


class RunResult(Drawable, os.PathLike[str]):
    """A run and its trace; stands for the path of the trace wherever a path does.

    ``plot()`` shows the cost per slot over time.

    Attributes
    ----------
    path : Path
        The trace. Where no ``out`` was given it is a temporary file, which is removed when this
        object goes.
    """

    def __init__(self, path: Path, folder: TemporaryFolder | None = None) -> None:
        self.path = path
        self._folder = folder

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        kept = "" if self._folder is None else ", temporary"
        return f"RunResult({str(self.path)!r}{kept})"

    def trace(self) -> Trace:
        """Open the trace; it is closed by ``close`` or at the end of a ``with`` block."""
        trace = open_trace(self.path)
        # a temporary file stays until nobody reads it
        trace.on_close(lambda: self)
        return trace

    @cached_property
    def metrics(self) -> RunMetrics:
        """Figures of the run, over the slots after its warm-up."""
        with open_trace(self.path) as trace:
            return run_metrics(trace)

    @cached_property
    def intervals(self) -> Intervals:
        """95 % intervals of these figures, by batch means."""
        with open_trace(self.path) as trace:
            return over_batches(trace, self.metrics)

    @property
    def cost_per_slot(self) -> float:
        """Mean cost per slot."""
        return self.metrics.cost

    def table(self) -> pandas.DataFrame:
        """One row for each slot: policy, replication, slot, and what the trace says of the slot."""
        with open_trace(self.path) as trace:
            frame = trace.frame("slots").reset_index()
        frame.insert(0, "policy", self.metrics.policy)
        frame.insert(1, "replication", self.metrics.replication)
        return frame

    def _figure(self, style: Style) -> Figure:
        from qnetsim.analysis.figures.run_costs import run_figure

        with open_trace(self.path) as trace:
            return run_figure(trace, style=style)

    def _sources(self) -> tuple[Path, ...]:
        return (self.path,)

    def _repr_html_(self) -> str:
        found, intervals = self.metrics, self.intervals

        def share(name: str, value: float) -> str:
            half = intervals.half(name)
            return f"{value:.2%}" + ("" if half is None else f" ± {half:.2%}")

        half = intervals.half("cost_per_slot")
        rows = (
            ("slots", f"{found.slots:,}"),
            ("cost per slot", f"{found.cost:,.2f}" + ("" if half is None else f" ± {half:,.2f}")),
            ("served", share("served", found.served_share)),
            ("blocked", share("blocked", found.blocked_share)),
            ("on demand", share("on_demand_share", found.on_demand_share)),
        )
        caption = f"{found.policy}, replication {found.replication}"
        told = (found.warm_up.sentence, intervals.sentence)
        notes = "".join(f"<p>{html_text(sentence)}</p>" for sentence in told if sentence)
        return html_table(caption, TextTable(("figure", "value"), rows)) + notes


def _with_ends(intervals: Intervals, name: str, estimate: float) -> dict[str, float | None]:
    """A figure and the ends of its interval, by the names of their columns."""
    found = intervals.of.get(name)
    return {
        name: estimate,
        f"{name}_low": None if found is None else found.low,
        f"{name}_high": None if found is None else found.high,
    }


class ComparisonResult(Drawable):
    """Policies compared in the same worlds, and the traces behind the figures.

    ``plot()`` shows the cost per slot by kind, and the paired ratio to the reference.

    Attributes
    ----------
    comparison : Comparison
    traces : tuple of Path
        Where no ``out`` was given, temporary files, which are removed when this object goes.
    """

    def __init__(
        self,
        comparison: Comparison,
        traces: tuple[Path, ...],
        kept: Sequence[object] = (),
    ) -> None:
        self.comparison = comparison
        self.traces = traces
        # what removes temporary traces when it goes
        self._kept = kept

    def __repr__(self) -> str:
        names = ", ".join(policy.name for policy in self.policies)
        found = self.comparison
        return f"ComparisonResult({names}; {found.replications} × {counted(found.slots, 'slot')})"

    @property
    def policies(self) -> tuple[PolicyResult, ...]:
        """Figures of each policy over all replications."""
        return self.comparison.policies

    @property
    def notes(self) -> tuple[str, ...]:
        """Of what the figures are a part, and why they may not be comparable, in sentences."""
        return (*self.comparison.notes, *self.comparison.warnings)

    def table(self) -> pandas.DataFrame:
        """One row for each policy and replication, over the slots after the warm-up."""
        import pandas

        return pandas.DataFrame(
            [
                {
                    "policy": policy.name,
                    "replication": run.replication,
                    "cost_per_slot": run.cost,
                    "served": run.served_share,
                    "blocked": run.blocked_share,
                    "on_demand_share": run.on_demand_share,
                    **run.cost_by_kind,
                    "sees_future": run.sees_future,
                    "world_digest": run.world_digest,
                    "content_digest": run.content_digest,
                    "status": run.status,
                    "warmup_slots": run.warm_up.slots,
                }
                for policy in self.policies
                for run in policy.runs
            ]
        )

    def summary(self) -> pandas.DataFrame:
        """One row for each policy: means after the warm-up, with 95 % intervals.

        The ends of an interval are ``_low`` and ``_high``; None where there is none.
        """
        import pandas

        return pandas.DataFrame(
            [
                {
                    "policy": policy.name,
                    "cost_per_slot": policy.cost.estimate,
                    "cost_low": policy.cost.low,
                    "cost_high": policy.cost.high,
                    "ratio": policy.ratio,
                    "ratio_low": policy.relative_cost and policy.relative_cost.low,
                    "ratio_high": policy.relative_cost and policy.relative_cost.high,
                    **_with_ends(policy.intervals, "served", policy.served),
                    **_with_ends(policy.intervals, "blocked", policy.blocked),
                    **_with_ends(policy.intervals, "on_demand_share", policy.on_demand_share),
                    "sees_future": policy.sees_future,
                    "warmup_slots": self.comparison.warm_up.slots,
                }
                for policy in self.policies
            ]
        )

    def _figure(self, style: Style) -> Figure:
        from qnetsim.analysis.figures.costs import comparison_figure

        return comparison_figure(self.comparison, "", style=style)

    def _sources(self) -> tuple[Path, ...]:
        return self.traces

    def report(self, out: str | os.PathLike[str], *, force: bool = False) -> Path:
        """Write the report as one page, with its figures beside it.

        Parameters
        ----------
        out : path-like
            Folder.
        force : bool
            Overwrite a report that is there.

        Returns
        -------
        Path
            Of the page.
        """
        from qnetsim.analysis.report import write_report

        folder = path_argument("out", out)
        refuse_existing(folder / PAGE, force)
        make_folder(folder)
        with inputs_noted(self.traces):
            return write_report(self.comparison, folder, force=force)

    def _repr_html_(self) -> str:
        notes = "".join(
            f"<p>{html_text(note)}</p>" for note in (*self.notes, *basis(self.comparison))
        )
        return cost_table(self.comparison) + paired_table(self.comparison) + notes


@dataclass(frozen=True)
class PlanResult(Drawable):
    """What a policy reserves, and what it is expected to cost.

    ``plot()`` shows the channels on each fibre, reserved and expected on demand.

    Attributes
    ----------
    plan : Plan
    case : Case
        The scenario that it was made for, with its network.
    policy : ChosenPolicy
        That made it.
    path : Path or None
        The plan file, where one was asked for.
    """

    plan: Plan
    case: Case
    policy: ChosenPolicy
    path: Path | None = None

    @property
    def objective(self) -> float:
        """Expected cost per slot."""
        return self.plan.objective(self.case.network)

    @property
    def bound(self) -> float | None:
        """What no plan costs less than; None where nothing is proved."""
        return self.plan.bound

    @property
    def gap(self) -> float | None:
        """Relative distance of the objective from the bound."""
        return self.plan.gap(self.case.network)

    @property
    def status(self) -> PlanStatus:
        """Whether the plan is proved to be the best."""
        return self.plan.status

    def table(self) -> pandas.DataFrame:
        """One row for each fibre: what is reserved, and what is expected on demand.

        Where fibres have names of their own, these stand in the column ``label``.
        """
        import pandas

        topology = self.case.network.topology
        labels = {"label": topology.fibre_labels} if topology.fibre_labels else {}
        return pandas.DataFrame(
            {
                "source": [topology.nodes[a] for a, _ in topology.fibres],
                "target": [topology.nodes[b] for _, b in topology.fibres],
                **labels,
                "length_km": topology.lengths_km,
                "qkd_channels": self.plan.qkd_channels,
                "km_wavelengths": self.plan.km_wavelengths,
                "on_demand_channels": self.plan.on_demand_channels,
                "on_demand_wavelengths": self.plan.on_demand_wavelengths,
            }
        )

    def _figure(self, style: Style) -> Figure:
        from qnetsim.analysis.figures.plan_fibres import plan_figure

        topology = self.case.network.topology
        names = [topology.fibre_title(fibre) for fibre in range(len(topology.fibres))]
        return plan_figure(names, self.plan.qkd_channels, self.plan.on_demand_channels, style=style)

    def save(self, out: str | os.PathLike[str], *, force: bool = False) -> Path:
        """Write the plan to a file.

        Raises
        ------
        TraceError, UsageError
            It cannot be written, or exists.
        """
        return save_plan(self.plan, self.case, self.policy, out, force=force)

    def _repr_html_(self) -> str:
        bound = "none" if self.bound is None else f"{self.bound:,.2f}"
        rows = (
            ("expected cost per slot", f"{self.objective:,.2f}"),
            ("bound", bound),
            ("status", str(self.status)),
            ("solver", self.plan.solver),
        )
        return html_table(f"plan of {self.policy.title}", TextTable(("figure", "value"), rows))
