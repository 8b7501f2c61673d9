"""FEL tasks of a scenario made concrete: their sessions, what the kernel runs, their world."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from qnetsim import seeds
from qnetsim.arrays import IntArray
from qnetsim.case.task_data import dataset_of, shares_of
from qnetsim.case.task_relays import (
    legs_of,
    refuse_no_message,
    refuse_no_way,
    relay_rule,
    toy_dataset,
)
from qnetsim.errors import SettingError, UsageError
from qnetsim.fel.batches import Batches
from qnetsim.fel.computing import HERE, Computing
from qnetsim.fel.datasets import Dataset, draw_worker_records
from qnetsim.fel.encryption_schemes import (
    CountedScheme,
    EncryptionMeans,
    EncryptionScheme,
    PaillierScheme,
)
from qnetsim.fel.exchange import TaskEncryption
from qnetsim.fel.horizontal import Averaging, AveragingSession
from qnetsim.fel.intersection_protocols import (
    BlindSignatures,
    CommutativeEncryption,
    RecordIntersection,
)
from qnetsim.fel.learning_method import LearningMethod
from qnetsim.fel.own_data import data_sha256
from qnetsim.fel.preparation import SPAN_DEVIATIONS
from qnetsim.fel.privacy import TaskPrivacy, randomised_response
from qnetsim.fel.protocol import Session
from qnetsim.fel.record_shares import draw_shares
from qnetsim.fel.roles import TaskRoles
from qnetsim.fel.secure_sum import Masking
from qnetsim.fel.task_session import TaskSession
from qnetsim.kernel.running_tasks import Task
from qnetsim.kernel.task_attacks import TaskAttacks
from qnetsim.network import Topology
from qnetsim.scenario import FelTable, Scenario
from qnetsim.units import seconds_to_ticks
from qnetsim.world.attendance import draw_attendance


def open_session(
    table: FelTable,
    number: int,
    seed: int,
    replication: int = 0,
    *,
    counted: bool = False,
    dataset: Dataset | None = None,
    computing: Computing = HERE,
) -> TaskSession:
    """Build the session of a task; its parties have the names of their nodes.

    Parameters
    ----------
    table : FelTable
    number : int
        Which ``[[fel]]`` table, from 0.
    seed, replication : int
    counted : bool
        Leave the cryptography out whatever the table says.
    dataset : Dataset, optional
        Learn from this one; that of the table unless given.
    computing : Computing, optional
        Where the parties' cryptography is computed; in this process unless given.
    """
    real = table.mode == "real" and not counted
    if table.kind == "horizontal":
        return _averaging(table, dataset, number, seed, replication, real=real)
    dataset = dataset or dataset_of(table, seed)
    workers = [name for group in table.workers for name in group]

    means = EncryptionMeans(table.randomness, computing)

    def scheme_of_round(round_number: int) -> EncryptionScheme:
        name = number, replication, round_number
        return PaillierScheme(table.key_bits, seed, *name, means=means) if real else CountedScheme()

    protocol = (
        BlindSignatures if table.intersection == "blind_signatures" else CommutativeEncryption
    )
    return Session(
        dataset,
        dataset.worker_blocks(seed, table.order, len(workers)),
        TaskRoles(table.owner, table.clusters, table.key_holder),
        TaskEncryption(table.key_bits, scheme_of_round, table.pad_ciphertexts),
        RecordIntersection(
            protocol(seed if real else None, number, replication, padded=table.pad_ciphertexts),
            {
                name: draw_worker_records(dataset, _overlap(table), seed, number, name)
                for name in workers
            },
        ),
        LearningMethod(
            table.optimiser,
            None if table.batch is None else Batches(table.batch, seed, number, replication),
            penalty_weight(table),
        ),
        TaskPrivacy(
            table.privacy.scores, _learnt_labels(table, dataset, seed, number, replication)
        ),
    )


def _overlap(table: FelTable) -> float:
    """Share of a worker's records that all hold.

    Records that only one worker has stand for no row of the data, so a worker alone has none where
    that matters; a bundled data set of which nothing is held out keeps them, as its traces do.
    """
    alone = sum(map(len, table.workers)) == 1
    return 1.0 if alone and (table.data is not None or table.test_share) else table.overlap


def _learnt_labels(table: FelTable, dataset: Dataset, seed: int, *name: int) -> IntArray | None:
    """Labels that their holder learns from, where they are not the true ones."""
    epsilon = table.privacy.label_epsilon
    if epsilon is None:
        return None
    return randomised_response(dataset.labels, epsilon, seeds.stream(seed, "fel", "labels", *name))


def _averaging(
    table: FelTable,
    given: Dataset | None,
    number: int,
    seed: int,
    replication: int,
    *,
    real: bool,
) -> AveragingSession:
    """Session of a horizontal task."""
    roles = TaskRoles(table.owner, table.clusters)
    if given is None:
        dataset = dataset_of(table, seed)
        shares = shares_of(table, dataset, seed)
    else:
        dataset = given
        shares = draw_shares(dataset, roles.workers, seed)
    return AveragingSession(
        dataset,
        shares,
        roles,
        Averaging(table.local_steps, penalty_weight(table), table.standardise, table.intercept),
        Masking(seed if real else None, (number, replication), table.pad_ciphertexts),
    )


def penalty_weight(table: FelTable) -> Fraction:
    """Weight of the penalty by the parameters of the features as the task holds them."""
    weight = Fraction(table.l2).limit_denominator(10**6)
    # features in units of so many deviations have parameters that are as much larger
    return weight / SPAN_DEVIATIONS**2 if table.standardise else weight


def refuse_misfits(scenario: Scenario) -> None:
    """Refuse tasks whose own data do not go with their settings, ahead of any run.

    Raises
    ------
    SettingError
    """
    for number, table in enumerate(scenario.fel):
        if table.data is None:
            continue
        try:
            open_session(table, number, scenario.run.seed, counted=True)
        except UsageError as error:
            raise SettingError([(("fel", number), str(error))]) from None


def open_tasks(scenario: Scenario, nodes: Sequence[str], replication: int) -> list[Task]:
    """Tasks of a run as the kernel takes them, in the order of their tables."""
    run = scenario.run
    tasks = []
    end = run.slots * seconds_to_ticks(run.slot_s)
    for number, table in enumerate(scenario.fel):
        session = open_session(table, number, run.seed, replication)
        attendance = draw_attendance(table, number, run.seed, replication, end)
        patience = None if table.patience_s is None else seconds_to_ticks(table.patience_s)
        tasks.append(
            Task(
                session=session,
                nodes={name: nodes.index(name) for name in session.parties},
                rounds=table.rounds,
                patience=patience,
                on_demand_channels=table.on_demand_channels,
                compute=dict(zip(session.parties, attendance.compute.T, strict=True)),
                away=dict(zip(session.workers, attendance.away, strict=True)),
                real=table.mode == "real",
                horizontal=table.kind == "horizontal",
                relays=relay_rule(table),
                missing=attendance.missing,
                attacks=_attacks(table, number, run.seed, replication),
            )
        )
    return tasks


def _attacks(table: FelTable, number: int, seed: int, replication: int) -> TaskAttacks | None:
    if not table.attack:
        return None
    return TaskAttacks(table.attack, seeds.stream(seed, "fel", "attack", replication, number))


def refuse_unfit(scenario: Scenario, topology: Topology) -> None:
    """Refuse keys that must avoid parties and cannot, and attacks on messages that do not exist.

    Raises
    ------
    SettingError
    """
    for number, table in enumerate(scenario.fel):
        if table.attack or not relay_rule(table).idle:
            toy = toy_dataset(sum(map(len, table.workers)))
            # few records may have one class left where labels are drawn
            exact = table.privacy.model_copy(update={"label_epsilon": None})
            few = table.model_copy(update={"privacy": exact, "batch": table.batch and 1})
            session = open_session(few, number, 0, counted=True, dataset=toy)
            legs = list(legs_of(session))
            refuse_no_way(table, legs, topology, number)
            refuse_no_message(table, legs, number)


def task_world(scenario: Scenario, replication: int) -> list[dict[str, object]]:
    """What the world's digest covers of the tasks: data, orders, drop-outs and compute times.

    Whether the cryptography is run changes nothing of it.
    """
    run = scenario.run
    found: list[dict[str, object]] = []
    end = run.slots * seconds_to_ticks(run.slot_s)
    for number, table in enumerate(scenario.fel):
        attendance = draw_attendance(table, number, run.seed, replication, end)
        found.append(
            {
                "settings": table.portable().model_dump(
                    mode="json", exclude={"mode", "randomness"}
                ),
                "data": _data_digest(table, number, run.seed, replication),
                "attendance": attendance.digest(),
            }
        )
    return found


def _data_digest(table: FelTable, number: int, seed: int, replication: int) -> str:
    """SHA-256 of what a task learns from.

    That of a user's file stands for all that is drawn from it: a world is checked without the file.
    """
    if table.data is not None:
        return table.sha256 or data_sha256(Path(table.data))
    dataset = dataset_of(table, seed)
    data = hashlib.sha256()
    workers = [name for group in table.workers for name in group]
    if table.kind == "horizontal":
        parts: list[IntArray] = [*shares_of(table, dataset, seed).values()]
    else:
        records = [draw_worker_records(dataset, _overlap(table), seed, number, w) for w in workers]
        parts = [*dataset.blocks(seed, table.order), *(r.samples for r in records)]
        drawn = _learnt_labels(table, dataset, seed, number, replication)
        parts += [] if drawn is None else [drawn]
    # none where none are held out, so that no digest of before changes
    parts += [dataset.test.astype(np.int64)] if len(dataset.test) else []
    for values in (dataset.features, dataset.labels, *parts):
        data.update(repr(values.shape).encode())
        data.update(np.ascontiguousarray(values, dtype="<i8").data)
    return data.hexdigest()
