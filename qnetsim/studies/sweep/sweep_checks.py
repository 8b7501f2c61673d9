"""What a sweep file says of its policies, and whether that fits together."""

from __future__ import annotations

from collections.abc import Iterator

from qnetsim.errors import UsageError
from qnetsim.plain_text import counted
from qnetsim.policies.learned.policies import LearnedPolicy
from qnetsim.policies.registry import policy_of
from qnetsim.scenario import PolicyTable
from qnetsim.scenario.labels import refuse_clashing_labels
from qnetsim.scenario.lines import Problem
from qnetsim.studies.sweep.sweep_tables import SweepTable


def across_problems(
    table: SweepTable, policies: tuple[PolicyTable, ...], replications: int
) -> Iterator[Problem]:
    """What does not fit together, once the policies are known."""
    if not policies:
        return
    titles = [policy.title for policy in policies]
    try:
        refuse_clashing_labels(titles)
    except UsageError as error:
        yield ("policies",), str(error)
    learning = [t.name for t in policies if isinstance(policy_of(t), LearnedPolicy)]
    for i, name in enumerate(table.train):
        if name not in learning:
            there = ", ".join(learning) or "none"
            yield ("train", i), f"{name!r} is no learning policy of this sweep; there are: {there}"
    if table.training is not None and not table.train:
        yield ("training",), 'says how policies are trained; name them: train = ["fedsac"]'
    stopping = table.stopping
    if stopping is None:
        return
    if len(titles) < 2:
        yield ("stopping",), "pairs policies, and there is one; give two policies or more"
    if stopping.reference and stopping.reference not in titles:
        what = f"{stopping.reference!r} is no policy of this sweep; there are {', '.join(titles)}"
        yield ("stopping", "reference"), what
    if stopping.block > replications:
        what = f"is more than all {counted(replications, 'replication')}; give a smaller block"
        yield ("stopping", "block"), what
