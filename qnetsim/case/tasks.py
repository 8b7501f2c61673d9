"""FEL tasks of a scenario made concrete: their sessions, what the kernel runs, their world."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from qnetsim import seeds
from qnetsim.arrays import IntArray
from qnetsim.case.task_relays import (
    legs_of,
    refuse_no_message,
    refuse_no_way,
    relay_rule,
    toy_dataset,
)
from qnetsim.fel.batches import Batches
from qnetsim.fel.computing import HERE, Computing
from qnetsim.fel.datasets import Dataset, draw_worker_records, load_dataset
from qnetsim.fel.encryption_schemes import (
    CountedScheme,
    EncryptionMeans,
    EncryptionScheme,
    PaillierScheme,
)
from qnetsim.fel.exchange import TaskEncryption
from qnetsim.fel.intersection_protocols import (
    BlindSignatures,
    CommutativeEncryption,
    RecordIntersection,
)
from qnetsim.fel.privacy import TaskPrivacy, randomised_response
from qnetsim.fel.protocol import LearningMethod, Session
from qnetsim.fel.roles import TaskRoles
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
) -> Session:
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
    dataset = dataset or load_dataset(table.dataset)
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
        dataset.blocks(seed, table.order)[: len(workers)],
        TaskRoles(table.owner, table.clusters, table.key_holder),
        TaskEncryption(table.key_bits, scheme_of_round, table.pad_ciphertexts),
        RecordIntersection(
            protocol(seed if real else None, number, replication, padded=table.pad_ciphertexts),
            {
                name: draw_worker_records(dataset, table.overlap, seed, number, name)
                for name in workers
            },
        ),
        LearningMethod(
            table.optimiser,
            None if table.batch is None else Batches(table.batch, seed, number, replication),
        ),
        TaskPrivacy(
            table.privacy.scores, _learnt_labels(table, dataset, seed, number, replication)
        ),
    )


def _learnt_labels(table: FelTable, dataset: Dataset, seed: int, *name: int) -> IntArray | None:
    """Labels that their holder learns from, where they are not the true ones."""
    epsilon = table.privacy.label_epsilon
    if epsilon is None:
        return None
    return randomised_response(dataset.labels, epsilon, seeds.stream(seed, "fel", "labels", *name))


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
            few = table if table.batch is None else table.model_copy(update={"batch": 1})
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
        dataset = load_dataset(table.dataset)
        data = hashlib.sha256()
        workers = [name for group in table.workers for name in group]
        blocks = dataset.blocks(run.seed, table.order)
        records = [
            draw_worker_records(dataset, table.overlap, run.seed, number, w) for w in workers
        ]
        for values in (dataset.features, dataset.labels, *blocks, *(r.samples for r in records)):
            data.update(repr(values.shape).encode())
            data.update(np.ascontiguousarray(values, dtype="<i8").data)
        attendance = draw_attendance(table, number, run.seed, replication, end)
        found.append(
            {
                "settings": table.model_dump(mode="json", exclude={"mode", "randomness"}),
                "data": data.hexdigest(),
                "attendance": attendance.digest(),
            }
        )
    return found
