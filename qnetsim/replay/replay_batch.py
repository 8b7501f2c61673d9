"""Many replays: every policy in every recorded world."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from qnetsim.errors import UsageError, argument
from qnetsim.last_message import note_planned
from qnetsim.policies.chosen import ChosenPolicy, PoliciesLike, choose_all
from qnetsim.replay.reopen import recorded_run
from qnetsim.replay.replay import replay
from qnetsim.runs.simulate import Progress
from qnetsim.scenario import Scenario
from qnetsim.scenario.labels import refuse_clashing_labels
from qnetsim.trace import open_world, refuse_existing
from qnetsim.trace.files.planned_traces import planned_traces
from qnetsim.trace.schema import WORLD


@dataclass(frozen=True)
class RecordedFiles:
    """Traces and recorded worlds, and what is known of them together.

    Attributes
    ----------
    paths : tuple of Path
    traces : tuple of Path
        Those that hold a run.
    titles : frozenset of str
        Policies that have a trace among them.
    scenario : Scenario
        Of the first file.
    """

    paths: tuple[Path, ...]
    traces: tuple[Path, ...]
    titles: frozenset[str]
    scenario: Scenario

    def to_replay(self, policies: PoliciesLike) -> tuple[ChosenPolicy, ...]:
        """Those of the policies that have no trace; the scenario's where there is no trace at all.

        Raises
        ------
        UsageError
            There is no policy, or one is given twice.
        """
        chosen = choose_all(policies, self.scenario.policy)
        if not self.traces and not chosen:
            chosen = choose_all(self.scenario.policy)
            if not chosen:
                raise UsageError(f"the worlds name no policy; give {argument('policy', 'NAME')}")
        refuse_clashing_labels([policy.title for policy in chosen])
        return tuple(policy for policy in chosen if policy.title not in self.titles)


def recorded_files(paths: Sequence[Path]) -> RecordedFiles:
    """Look what traces and recorded worlds hold.

    Raises
    ------
    TraceError
        A file is neither.
    """
    traces = []
    titles = set()
    for path in paths:
        with open_world(path) as opened:
            if opened.kind is not WORLD:
                traces.append(path)
                titles.add(opened.policy)
    with open_world(paths[0]) as first:
        scenario = recorded_run(first).case.scenario
    return RecordedFiles(tuple(paths), tuple(traces), frozenset(titles), scenario)


def replay_policies(
    sources: Sequence[Path],
    policies: PoliciesLike,
    out: str | os.PathLike[str],
    *,
    force: bool = False,
    resume: bool = False,
    durable: bool = False,
    progress: Progress | None = None,
) -> list[Path]:
    """Run every policy in every world of these files.

    Parameters
    ----------
    sources : sequence of Path
        Traces and recorded worlds; files of one replication hold the same world.
    policies : sequence, or mapping by title, of str, PolicyTable, class or object of a Policy
        As in :func:`qnetsim.policies.chosen.choose`. An object is copied for every replay.
    out : path-like
        Folder of the traces, ``POLICY-rNNN.h5``.
    force : bool
        Overwrite existing traces.
    resume : bool
        As in ``run_policies``.
    durable : bool
        As in ``simulate``.
    progress : callable, optional
    """
    worlds: dict[int, Path] = {}
    for source in sources:
        with open_world(source) as opened:
            worlds.setdefault(opened.replication, source)
    out = Path(out)
    chosen = choose_all(policies)
    refuse_clashing_labels([policy.title for policy in chosen])
    jobs = [
        (worlds[r], policy, out / f"{policy.title}-r{r:03d}.h5")
        for policy in chosen
        for r in sorted(worlds)
    ]
    for _, _, path in jobs:
        refuse_existing(path, force or resume)
    if not jobs:
        return []
    note_planned(len(jobs))
    with planned_traces(out, [path.name for _, _, path in jobs], keep=True):
        for source, policy, path in jobs:
            replay(
                source,
                policy.alone(),
                path,
                force=force,
                resume=resume,
                durable=durable,
                progress=progress,
            )
    return [path for _, _, path in jobs]
