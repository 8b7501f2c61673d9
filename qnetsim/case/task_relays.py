"""Which parties of FEL tasks are kept out of the way of their keys, and whether a way is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from qnetsim.errors import SettingError
from qnetsim.fel.datasets import BLOCK_FEATURES, Dataset, make_dataset
from qnetsim.fel.key_usage import KeyUsageTable, run_flow
from qnetsim.fel.messages import Message, MessageKind
from qnetsim.fel.protocol import RoundOutcome
from qnetsim.fel.relays import Leg, RelayRule
from qnetsim.fel.roles import TaskRoles
from qnetsim.fel.secure_sum import UPDATE_SUM
from qnetsim.fel.task_session import TaskSession
from qnetsim.network import Topology
from qnetsim.scenario import AttackTable, FelTable

MASKED_NUMBERS = UPDATE_SUM.masked.purpose
#: Steps up to this one are the set-up, those after it a round.
LAST_SETUP_STEP = 3


def relay_rule(table: FelTable) -> RelayRule:
    """What the table says of relays."""
    roles = TaskRoles(table.owner, table.clusters, table.key_holder)
    horizontal = table.kind == "horizontal"
    return RelayRule(roles, table.privacy.avoid, table.pad_ciphertexts, horizontal)


def legs_of(session: TaskSession) -> Iterator[Leg]:
    """All messages that a task sends, each kind between its ends once."""
    usage = KeyUsageTable()
    run_flow(session.setup(), usage)
    run_flow(session.round(session.workers, RoundOutcome()), usage)
    if any(purpose == MASKED_NUMBERS for _, purpose, _, _ in usage.entries):
        # where the numbers of a worker do not arrive the others tell their masks with it
        # two of them tell of all: the second one's absence shows what the first one sends
        for worker in session.workers[:2]:
            run_flow(session.round(session.workers, RoundOutcome()), usage, _without(worker))
    for step, purpose, source, target in usage.entries:
        yield Leg(MessageKind(step, purpose), source, target)


def _without(worker: str) -> Callable[[Message], bool]:
    """Whether a message arrives where a worker's masked numbers do not."""
    return lambda message: (message.purpose, message.source) != (MASKED_NUMBERS, worker)


def toy_dataset(workers: int) -> Dataset:
    """The smallest data set from which so many workers can learn."""
    # in a horizontal task each worker needs a record of its own
    records = 4 * max(workers, 1)
    raw = np.repeat(np.arange(records)[:, None] % 4 // 2 * 1.0, BLOCK_FEATURES * workers, axis=1)
    return make_dataset("toy", raw, [i % 2 for i in range(records)])


def refuse_no_way(table: FelTable, legs: Sequence[Leg], topology: Topology, place: int) -> None:
    """Refuse a task whose keys must avoid parties where no other way is left.

    Parameters
    ----------
    table : FelTable
    legs : sequence of Leg
        What the task sends.
    topology : Topology
    place : int
        Number of the table, from 0.

    Raises
    ------
    SettingError
    """
    rule = relay_rule(table)
    for leg in legs:
        barred = rule.barred(leg)
        if barred and not _joined(topology, leg, barred):
            names = ", ".join(repr(name) for name in rule.roles.names if name in barred)
            text = (
                f"keys of {leg.kind.purpose!r} from {leg.source!r} to {leg.target!r} must avoid "
                f"{names}, and no way around is left; move a party, add a fibre, or allow it with "
                "avoid = 'none'"
            )
            raise SettingError([(("fel", place, "privacy", "avoid"), text)])


def refuse_no_message(table: FelTable, legs: Sequence[Leg], place: int) -> None:
    """Refuse attacks that no message of the task can meet.

    Raises
    ------
    SettingError
    """
    purposes = list(dict.fromkeys(leg.kind.purpose for leg in legs))
    for i, attack in enumerate(table.attack):
        where = ("fel", place, "attack", i)
        if attack.purpose is not None and attack.purpose not in purposes:
            allowed = ", ".join(repr(purpose) for purpose in purposes)
            text = f"no message of the task is for {attack.purpose!r}; allowed: {allowed}"
            raise SettingError([((*where, "purpose"), text)])
        if attack.last_round is not None and attack.last_round < attack.first_round:
            text = f"{attack.last_round} is ahead of first_round, {attack.first_round}"
            raise SettingError([((*where, "last_round"), f"{text}; allowed: first_round or later")])
        if attack.first_round > table.rounds:
            text = f"{attack.first_round} is after the last round, {table.rounds}"
            raise SettingError([((*where, "first_round"), f"{text}; allowed: 0 .. rounds")])
        if not any(_meets(attack, leg) for leg in legs):
            kind = "" if attack.purpose is None else f" {attack.purpose!r}"
            sent = f"from {attack.source or 'anybody'!r} to {attack.target or 'anybody'!r}"
            text = f"the task sends nothing{kind} {sent}; name two ends that exchange messages"
            raise SettingError([(where, text)])
        if not any(_meets(attack, leg) and _in_time(attack, leg) for leg in legs):
            text = "what it attacks is sent in the set-up alone; first_round = 0 is the set-up"
            if attack.first_round == 0:
                text = (
                    "what it attacks is sent in rounds alone; the set-up, round 0, has none of it"
                )
            raise SettingError([(where, text)])


def _in_time(attack: AttackTable, leg: Leg) -> bool:
    """Whether a message is sent in rounds that an attack is about."""
    if leg.kind.step <= LAST_SETUP_STEP:
        return attack.first_round == 0
    return attack.last_round is None or attack.last_round > 0


def _meets(attack: AttackTable, leg: Leg) -> bool:
    """Whether an attack is about messages of a kind between two ends, whatever the round."""
    return (
        attack.purpose in (None, leg.kind.purpose)
        and attack.source in (None, leg.source)
        and attack.target in (None, leg.target)
    )


def _joined(topology: Topology, leg: Leg, barred: frozenset[str]) -> bool:
    """Whether a path joins two parties that passes none of the others."""
    nodes = topology.nodes
    closed = {nodes.index(name) for name in barred}
    goal = nodes.index(leg.target)
    reached = {nodes.index(leg.source)}
    border = list(reached)
    while border:
        here = border.pop()
        for there, _ in topology.neighbours[here]:
            if there not in reached and there not in closed:
                reached.add(there)
                border.append(there)
    return goal in reached
