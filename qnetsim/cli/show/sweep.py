"""How a sweep looks in a terminal, and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qnetsim.analysis.text_table import DASH
from qnetsim.cli.show.boxed_table import print_table
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.output import table
from qnetsim.plain_text import counted, one_line
from qnetsim.studies.sweep.estimate import Estimate
from qnetsim.studies.sweep.job_states import State, SweepState
from qnetsim.studies.sweep.manifest import Kind, Manifest

KINDS: dict[Kind, str] = {"train": "trainings", "plan": "plans", "run": "runs"}
STATES: tuple[State, ...] = ("complete", "failed", "missing", "stopped")
#: Jobs, and failures, that a terminal lists.
LISTED = 10


def show_states(state: SweepState) -> None:
    """Print what a sweep consists of, and how far it is."""
    manifest = state.manifest
    points = counted(len(manifest.values), "point")
    policies = counted(len(manifest.policies), "policy", "policies")
    worlds = counted(manifest.replications, "replication")
    title = f"{manifest.name}: {points}, {policies}, {worlds}"
    heads = ["jobs", "all", *STATES] if manifest.stopping else ["jobs", "all", *STATES[:-1]]
    rows = table(title, heads)
    for kind, name in KINDS.items():
        counts = state.counts(kind)
        if counts:
            shown = [f"{counts[s]:,}" for s in heads[2:]]  # type: ignore[index]
            rows.add_row(name, f"{counts.total():,}", *shown)
    print_table(rows)


def show_jobs(state: SweepState) -> None:
    """List the first jobs, and how many follow."""
    manifest = state.manifest
    heads = ["job", "kind", "policy", *manifest.factors, "replication", "state"]
    gone_first = [*reversed(manifest.factors), "job"]
    rows = table("jobs", heads, text=("kind", "policy", "state"), first_to_go=gone_first)
    for job in manifest.jobs[:LISTED]:
        point = manifest.values[job.points[0]]
        number = str(job.replication) if job.kind == "run" else DASH
        cells = [job.digest[:12], job.kind, job.title, *map(str, point), number]
        rows.add_row(*cells, state.states[job.digest])
    print_table(rows)
    more = len(manifest.jobs) - LISTED
    if more > 0:
        echo(f"and {counted(more, 'more job')}; `qnetsim sweep plan --json` has them all")


def show_failures(manifest: Manifest, failures: Mapping[str, str]) -> None:
    """Say on stderr which jobs failed, and why."""
    for digest, error in list(failures.items())[:LISTED]:
        job = manifest.by_digest[digest]
        what = f"{job.kind} of {job.title}"
        if job.kind == "run":
            what += f", replication {job.replication}"
        values = zip(manifest.factors, manifest.values[job.points[0]], strict=True)
        where = ", ".join(f"{key} = {value}" for key, value in values)
        told = f"{what}{f' with {where}' if where else ''}: {error}"
        echo(f"failed: {one_line(told)}", err=True)
    more = len(failures) - LISTED
    if more > 0:
        echo(f"failed: and {more:,} more; `qnetsim sweep status --json` has them", err=True)


def show_estimate(estimate: Estimate, workers: int) -> None:
    """Say what the jobs that are left take."""
    left = sum(estimate.todo.values())
    if not left:
        echo("nothing is left to do")
        return
    wall = _duration(estimate.cpu_s / workers)
    crowd = counted(workers, "process", "processes")
    echo(f"estimate      {wall} with {crowd} ({_duration(estimate.cpu_s)} of CPU time)")
    echo(f"disk          {_size(estimate.size)} for {counted(left, 'job')}")
    echo(f"known by      {estimate.source}")
    if estimate.unknown:
        echo(f"not estimated {', '.join(estimate.unknown)}: no such job is done yet")


def _duration(seconds: float) -> str:
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds:,.1f} s"


def _size(size: float) -> str:
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if size >= factor:
            return f"{size / factor:,.1f} {unit}"
    return f"{size / 1e3:,.1f} kB"


def state_json(state: SweepState) -> dict[str, Any]:
    """What a sweep consists of, and how far it is, ready for JSON."""
    manifest = state.manifest
    return {
        "name": manifest.name,
        "folder": state.folder,
        "design": manifest.design,
        "factors": list(manifest.factors),
        "points": len(manifest.values),
        "policies": list(manifest.policies),
        "replications": manifest.replications,
        "counts": {kind: dict(state.counts(kind)) for kind in KINDS},
        "complete": state.whole,
    }


def jobs_json(state: SweepState) -> list[dict[str, Any]]:
    """Every job, ready for JSON."""
    return [
        {
            "job": job.digest,
            "kind": job.kind,
            "policy": job.title,
            "replication": job.replication,
            "points": list(job.points),
            "needs": list(job.needs),
            "state": state.states[job.digest],
        }
        for job in state.manifest.jobs
    ]


def estimate_json(estimate: Estimate | None, workers: int) -> dict[str, Any] | None:
    """An estimate, ready for JSON."""
    if estimate is None:
        return None
    return {
        "jobs": estimate.todo,
        "cpu_s": estimate.cpu_s,
        "wall_s": estimate.cpu_s / workers,
        "workers": workers,
        "bytes": estimate.size,
        "recorded_jobs": estimate.recorded,
        "probes": estimate.probed,
        "source": estimate.source,
        "unknown": list(estimate.unknown),
    }
