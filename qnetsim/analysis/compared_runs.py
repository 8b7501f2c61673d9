"""Read the traces of a comparison: figures of each run, and what it looks like against time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from qnetsim.analysis.metrics import RunMetrics, run_metrics
from qnetsim.analysis.mixing import refuse_mixed
from qnetsim.analysis.warm_up import WarmUp, may_warm_up, series_of
from qnetsim.arrays import FloatArray
from qnetsim.errors import QnetsimError, TraceError, argument
from qnetsim.plain_text import counted
from qnetsim.trace import open_trace

Found = TypeVar("Found")
#: What is followed against time, by name.
Series = Mapping[str, FloatArray]
#: Figures of runs by policy and replication.
RunsByPolicy = Mapping[str, Mapping[int, RunMetrics]]


class Each(Protocol):
    """Applies a function to each of some files, here or in several processes; in order."""

    def __call__(self, find: Callable[[Path], Found], paths: Sequence[Path], /) -> Iterable[Found]:
        """Results of the function."""


class UnfinishedError(TraceError):
    """A trace among those to be compared is not complete."""


class Seen(NamedTuple):
    """A trace's figures over all slots, and what it looks like against time if it may warm up."""

    metrics: RunMetrics
    series: Series | None


def seen(path: Path) -> Seen | QnetsimError:
    """Read a trace; what is wrong with it is no error before its turn comes."""
    try:
        with open_trace(path, whole=False) as trace:
            if trace.status != "complete":
                raise UnfinishedError(
                    f"{path}: the run is {trace.status} after {counted(trace.slots, 'slot')}; "
                    f"what wrote it completes it with {argument('resume', 'True')}"
                )
            metrics = run_metrics(trace, WarmUp())
            return Seen(metrics, series_of(trace) if may_warm_up(metrics.scenario) else None)
    except QnetsimError as error:
        return error


def runs_by_policy(
    traces: Iterable[tuple[Path, Seen | QnetsimError]],
    complete: set[Path],
    followed: dict[str, list[Series]],
) -> dict[str, dict[int, RunMetrics]]:
    """Figures of the traces by policy and replication, over all slots.

    Notes which of them are complete, and what those that may warm up look like against time.
    """
    table: dict[str, dict[int, RunMetrics]] = {}
    for path, found in traces:
        if isinstance(found, QnetsimError):
            raise found
        metrics = found.metrics
        complete.add(path)
        if found.series is not None:
            followed.setdefault(metrics.policy, []).append(found.series)
        runs = table.setdefault(metrics.policy, {})
        if metrics.replication in runs:
            raise TraceError(
                f"{path}: policy {metrics.policy!r}, replication {metrics.replication} is also "
                f"in {runs[metrics.replication].trace}; give each run once"
            )
        runs[metrics.replication] = metrics
    refuse_mixed(table)
    return table


def follow_others(table: RunsByPolicy, followed: dict[str, list[Series]], each: Each) -> None:
    """What policies look like against time that have nothing to warm up, beside some that do."""
    names = sorted(table.keys() - followed.keys())
    paths = [run.trace for name in names for run in table[name].values()]
    found = iter(each(_series, paths))
    for name in names:
        followed[name] = [next(found) for _ in table[name]]


def _series(path: Path) -> Series:
    """What a trace looks like against time."""
    with open_trace(path) as trace:
        return series_of(trace)


def without_warm_up(
    table: RunsByPolicy, cut: WarmUp, each: Each
) -> dict[str, dict[int, RunMetrics]]:
    """The figures of these runs without their first slots."""
    runs = [run for by_number in table.values() for run in by_number.values()]
    if cut.slots:
        found = iter(each(partial(_metrics, cut=cut), [run.trace for run in runs]))
    else:
        found = (replace(run, warm_up=cut) for run in runs)
    return {
        name: {number: next(found) for number in by_number} for name, by_number in table.items()
    }


def _metrics(path: Path, cut: WarmUp) -> RunMetrics:
    """Figures of a trace without its first slots."""
    with open_trace(path, whole=False) as trace:
        return run_metrics(trace, cut)
