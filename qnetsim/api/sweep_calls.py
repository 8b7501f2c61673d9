"""Vary keys of a scenario: sweeps, and what comes out of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from qnetsim.analysis.html_tables import html_table
from qnetsim.api.drawing import StyleName, drawn
from qnetsim.api.temporary import TemporaryFolder, place_of
from qnetsim.arguments import path_argument, refuse_uncallable, whole_argument
from qnetsim.errors import UsageError, argument
from qnetsim.input_files import inputs_noted
from qnetsim.studies.sweep.collect import collect
from qnetsim.studies.sweep.executors import Crew, ExecutorCrew, LocalCrew
from qnetsim.studies.sweep.job_states import SweepState, state_of
from qnetsim.studies.sweep.manifest import Manifest
from qnetsim.studies.sweep.manifest_file import read_manifest
from qnetsim.studies.sweep.sweep_file import Study, load_sweep, study_of
from qnetsim.studies.sweep.sweep_results import SweepResults
from qnetsim.studies.sweep.work import (
    clear_drafts,
    note_inputs,
    one_runner,
    plan_sweep,
    run_sweep,
)
from qnetsim.trace import refuse_existing

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

#: A sweep file, the folder of a sweep that was planned, or the tables of a sweep file.
SweepLike: TypeAlias = "str | os.PathLike[str] | Mapping[str, Any]"
#: Most processes of a sweep.
MOST_WORKERS = 10**4


class SweepResult:
    """A sweep that was worked off.

    Attributes
    ----------
    folder : Path
        Its traces, records and manifest, as ``qnetsim sweep`` takes them. Where no ``out`` was
        given it is temporary, and removed when this object goes.
    failures : dict from str to str
        Errors of the jobs that failed, by their digests; their rows have no figures.
    """

    def __init__(self, state: SweepState, folder: TemporaryFolder | None = None) -> None:
        self._state = state
        self._kept = folder
        self.folder = state.folder
        self.failures = state.failures

    def __repr__(self) -> str:
        manifest = self._state.manifest
        size = f"{len(manifest.values)} × {len(manifest.policies)} × {manifest.replications}"
        return f"SweepResult({size} runs; {len(self.failures)} failed)"

    @cached_property
    def _columns(self) -> dict[str, list[Any]]:
        return collect(self._state)

    @cached_property
    def _results(self) -> SweepResults:
        return SweepResults.of(self._state.manifest, self._columns)

    def table(self) -> pandas.DataFrame:
        """One row for each point, policy and replication, as ``qnetsim sweep collect`` writes."""
        import pandas

        return pandas.DataFrame(self._columns)

    def best(self) -> pandas.DataFrame:
        """One row for each point: its cheapest policy, and what the next one costs more.

        Compared are the replications that all policies have; a point without any has no row.
        """
        import pandas

        manifest = self._state.manifest
        lead = ("saved", "saved_low", "saved_high")
        columns = (*manifest.factors, "policy", "cost_per_slot", "next", *lead, "replications")
        return pandas.DataFrame(
            [
                {
                    **dict(zip(manifest.factors, manifest.values[one.point], strict=True)),
                    "policy": one.policy,
                    "cost_per_slot": one.cost,
                    "next": one.runner_up,
                    "saved": one.saved and one.saved.estimate,
                    "saved_low": one.saved and one.saved.low,
                    "saved_high": one.saved and one.saved.high,
                    "replications": one.replications,
                }
                for one in self._results.best()
            ],
            columns=columns,
        )

    def plot(
        self,
        factor: str | None = None,
        style: StyleName = "screen",
        out: str | os.PathLike[str] | None = None,
        *,
        force: bool = False,
    ) -> Figure:
        """Cost per slot over a factor: a line a policy with intervals, panels by another factor.

        Parameters
        ----------
        factor : str, optional
            Key of a factor whose values are numbers; the first one unless given.
        style : {"screen", "ieee-column", "ieee-page", "slide"}
            Width, type and marks, as by ``--style`` on the command line.
        out : path-like, optional
            File to write too: .png, .svg or .pdf, in this style's type and resolution.
        force : bool
            Overwrite an existing file.
        """
        from qnetsim.studies.sweep.sweep_figures import factor_figure

        number = self._factor(factor)
        results = self._results
        with self._inputs():
            return drawn(
                lambda look: factor_figure(results, number, style=look), style, out, force=force
            )

    @contextmanager
    def _inputs(self) -> Iterator[None]:
        """Nothing that the sweep is made of is written over."""
        with inputs_noted():
            note_inputs(self._state.manifest, self.folder)
            yield

    def _factor(self, key: str | None) -> int:
        factors = self._state.manifest.factors
        drawable = [i for i in range(len(factors)) if self._results.numbers(i) is not None]
        for i in drawable:
            if key in (None, factors[i]):
                return i
        allowed = ", ".join(factors[i] for i in drawable) or "none, for no factor has numbers"
        raise UsageError(f"{argument('factor', repr(key))}: allowed: {allowed}")

    def report(self, out: str | os.PathLike[str], *, force: bool = False) -> Path:
        """Write the report as one page.

        Parameters
        ----------
        out : path-like
            HTML file.
        force : bool
            Overwrite a page that is there.
        """
        from qnetsim.studies.sweep.sweep_page import write_page

        page = path_argument("out", out)
        with self._inputs():
            refuse_existing(page, force)
            return write_page(page, self._state, self._columns, force=force)

    def _repr_html_(self) -> str:
        from qnetsim.studies.sweep.sweep_page import best_table

        return html_table("Cheapest policy, paired with the next one", best_table(self._results))


@inputs_noted()
def sweep(
    source: SweepLike,
    out: str | os.PathLike[str] | None = None,
    *,
    workers: int = 1,
    executor: Executor | None = None,
    progress: Callable[[int], None] | None = None,
) -> SweepResult:
    """Run policies in all points of a design over keys of a scenario.

    Parameters
    ----------
    source : path-like, str or mapping
        A sweep file, the folder of a sweep that was planned, or the tables of a sweep file:
        ``{"scenario": "nsfnet", "policies": ["sip", "evf"], "factor": [{"key":
        "demand.requests", "values": [10, 20]}]}``.
    out : path-like, optional
        Folder of the results. One that is there is gone on with: what is done is checked and
        kept. Unless given it is temporary, and goes with the result.
    workers : int
        Jobs at the same time, each in a process of its own where there are several; the results
        are the same for any number.
    executor : concurrent.futures.Executor, optional
        What does the jobs, ``workers`` at a time: a pool, or ``get_executor()`` of a Dask client.
        It is left open.
    progress : callable, optional
        Told, with 1, of every job that has ended.

    Returns
    -------
    SweepResult
        ``table()``, ``best()``, ``plot()``, ``report(out)``, ``failures``. A job that fails does
        not stop the others.

    Raises
    ------
    QnetsimError
        Something in the sweep is wrong, with every problem; or its folder cannot be worked on.
    """
    workers = whole_argument("workers", workers, 1, MOST_WORKERS)
    refuse_uncallable("progress", progress)
    if executor is not None and not isinstance(executor, Executor):
        raise UsageError(
            f"{argument('executor')}: is of type {type(executor).__name__}; give a "
            "concurrent.futures.Executor"
        )
    planned, folder, kept = _planned(source, out)
    with one_runner(folder):
        clear_drafts(folder)
        with _crew(executor, workers) as crew:
            run_sweep(planned, folder, crew, tell=lambda record: progress and progress(1))
        clear_drafts(folder)
    return SweepResult(state_of(planned, folder), kept)


def _planned(
    source: SweepLike, out: str | os.PathLike[str] | None
) -> tuple[Manifest, Path, TemporaryFolder | None]:
    """Manifest and folder of a sweep in any form."""
    if isinstance(source, Mapping):
        study: Study = study_of(source)
    else:
        path = path_argument("source", source)
        if path.is_dir():
            if out is not None:
                raise UsageError(
                    f"{argument('out')} goes with a sweep file; {path} is a folder already"
                )
            return read_manifest(path), path, None
        study = load_sweep(path)
    place = place_of(out)
    return plan_sweep(study, place.path), place.path, place.folder


@contextmanager
def _crew(executor: Executor | None, workers: int) -> Iterator[Crew]:
    if executor is not None:
        yield ExecutorCrew(executor, workers)
    elif workers > 1:
        with LocalCrew(workers) as crew:
            yield crew
    else:
        with ThreadPoolExecutor(1) as thread:
            yield ExecutorCrew(thread, 1)
