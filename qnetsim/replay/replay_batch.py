"""Many replays: every policy in every recorded world."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qnetsim.interrupt import note_planned
from qnetsim.policies.chosen import ChosenPolicy, PolicyLike, choose_all
from qnetsim.replay.replay import replay
from qnetsim.runs.simulate import Progress
from qnetsim.scenario.labels import refuse_clashing_labels
from qnetsim.trace import open_world, refuse_existing
from qnetsim.trace.files.planned_traces import write_planned


def replay_policies(
    sources: Sequence[Path],
    policies: Sequence[PolicyLike | ChosenPolicy],
    out: Path | str,
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
    policies : sequence of str, PolicyTable, class or object of a Policy
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
    if jobs:
        write_planned(out, [path.name for _, _, path in jobs], keep=True)
    note_planned(len(jobs))
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
