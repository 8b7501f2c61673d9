"""Federated training and its key budget in a terminal and as JSON."""

from __future__ import annotations

from dataclasses import dataclass

from qnetsim.analysis.fel_tasks import TaskRun
from qnetsim.case import Case
from qnetsim.case.task_leaks import open_leaks
from qnetsim.cli.show.boxed_table import print_table
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.output import table
from qnetsim.fel.key_usage import KeyUsageTable
from qnetsim.plain_text import counted
from qnetsim.scenario import FelTable
from qnetsim.studies.key_budget import KeyBudget
from qnetsim.vocabulary import HELD_OUT

#: Most rounds that a table shows.
MOST_ROUNDS = 12


@dataclass(frozen=True)
class TrainingRound:
    """One round of training outside the network.

    Attributes
    ----------
    number, workers : int
    loss : float or None
        Before the step.
    accuracy : float
        After it.
    key_bytes : int
    seconds : float
        Wall-clock time.
    held_out : dict from str to float
        Figures after the step where records are held out: ``auc`` on the training records,
        ``test_loss``, ``test_accuracy`` and ``test_auc``.
    """

    number: int
    workers: int
    loss: float | None
    accuracy: float
    key_bytes: int
    seconds: float
    held_out: dict[str, float]


def _shown_positions(count: int) -> list[int]:
    """Positions that a table of this many rows shows, the last one always."""
    if not count:
        return []
    step = max(1, -(-(count - 1) // (MOST_ROUNDS - 1)))
    return [*range(0, count - 1, step), count - 1]


def show_rounds(title: str, rows: list[TrainingRound]) -> None:
    """Print rounds that were trained outside the network."""
    columns = ["round", "workers", "loss before", "accuracy", "key bytes", "seconds"]
    held_out = any(row.held_out for row in rows)
    if held_out:
        columns += ["AUC", "test loss", "test accuracy", "test AUC"]
    gone = ["seconds", "workers", "test loss", "key bytes", "AUC"]
    shown = table(title, columns, first_to_go=[name for name in gone if name in columns])
    for row in (rows[i] for i in _shown_positions(len(rows))):
        loss = "—" if row.loss is None else f"{row.loss:.4f}"
        cells = (f"{row.accuracy:.1%}", f"{row.key_bytes:,}", f"{row.seconds:.2f}")
        shown.add_row(
            str(row.number), str(row.workers), loss, *cells, *_held_out_cells(row.held_out)
        )
    print_table(shown)


def _held_out_cells(figures: dict[str, float]) -> list[str]:
    return [
        "—" if value != value else f"{value:.1%}" if name == "test_accuracy" else f"{value:.4f}"
        for name, value in figures.items()
    ]


def show_simulated_rounds(title: str, run: TaskRun) -> None:
    """Print the rounds of a task in a simulated network."""
    columns = ["round", "begins, s", "took, s", "waited, s", "workers", "loss before", "accuracy"]
    if run.held_out:
        columns += ["AUC", "test loss", "test accuracy", "test AUC"]
    gone = ["begins, s", "workers", "waited, s", "test loss", "AUC"]
    shown = table(title, columns, first_to_go=[name for name in gone if name in columns])
    for i in _shown_positions(run.done):
        figures = {name: float(run.held_out[name][i]) for name in HELD_OUT if name in run.held_out}
        shown.add_row(
            str(i + 1),
            f"{run.started_s[i]:,.4g}",
            f"{run.ended_s[i] - run.started_s[i]:,.4g}",
            f"{run.waited_s[i]:,.4g}",
            str(run.workers[i]),
            "—" if run.loss[i] != run.loss[i] else f"{run.loss[i]:.4f}",
            f"{run.accuracy[i]:.1%}",
            *_held_out_cells(figures),
        )
    print_table(shown)
    setup = "did not end" if run.setup_s is None else f"took {run.setup_s:,.4g} s"
    echo(f"set-up {setup}; {run.done} of {counted(run.rounds, 'round')} done, {run.lost} lost")
    for sentence in run.ending.sentences(run.name):
        echo(sentence)


def show_budget(case: Case, budget: KeyBudget, channels: int) -> None:
    """Print the keys of the set-up and of a round, and for how many rounds the network has keys."""
    columns = ["step", "purpose", "messages", "payload bytes", "key bytes"]
    for title, usage in (("keys of the set-up", budget.setup), ("keys of a round", budget.round)):
        shown = table(title, columns, left=2)
        lines = [((str(step), purpose), entry) for (step, purpose), entry in usage.by_purpose()]
        for (step, purpose), entry in [*lines, (("", "all"), usage.total)]:
            counts = (entry.messages, entry.payload_bytes, entry.key_bytes)
            shown.add_row(step, purpose, *(f"{count:,}" for count in counts))
        print_table(shown)
    run = case.scenario.run
    worst = budget.bottleneck
    echo(
        f"bottleneck: fibre {case.network.topology.fibre_title(worst)}, "
        f"{counted(int(budget.round_bits[worst]), 'bit')} a round at "
        f"{counted(int(budget.bits_per_slot[worst]), 'bit')} a slot "
        f"({counted(channels, 'channel')})"
    )
    echo(
        f"a round takes the keys of {counted(float(f'{budget.slots_per_round:.3g}'), 'slot')} "
        f"({budget.slots_per_round * run.slot_s:,.3g} s), the set-up those of "
        f"{budget.slots_for_setup:,.3g}; {counted(run.slots, 'slot is', 'slots are')} enough for "
        f"{counted(budget.rounds_in(run.slots), 'round')}, where no key makes a detour"
    )
    for party, seen in budget.round_relayed.items():
        if seen.bits:
            read = f", {seen.readable_bits:,} of which it can read" if seen.readable_bits else ""
            echo(f"party {party} relays {counted(seen.bits, 'key bit')} of others a round{read}")


def show_leaks(table: FelTable) -> None:
    """Say what somebody could learn under a task's settings."""
    for leak in open_leaks(table):
        echo(f"left open: {leak}")


def budget_json(case: Case, budget: KeyBudget) -> dict[str, object]:
    """JSON form of a key budget."""

    def entries(usage: KeyUsageTable) -> list[dict[str, object]]:
        return [
            {"step": step, "purpose": purpose, "source": source, "target": target, **vars(entry)}
            for (step, purpose, source, target), entry in usage.entries.items()
        ]

    topology = case.network.topology
    fibres = [
        {
            "fibre": topology.fibre_name(i),
            "title": topology.fibre_title(i),
            "setup_bits": int(budget.setup_bits[i]),
            "round_bits": int(budget.round_bits[i]),
            "bits_per_slot": int(budget.bits_per_slot[i]),
        }
        for i in range(len(topology.fibres))
    ]
    return {
        "setup_messages": entries(budget.setup),
        "round_messages": entries(budget.round),
        "fibres": fibres,
        "bottleneck": topology.fibre_name(budget.bottleneck),
        "slots_per_round": budget.slots_per_round,
        "slots_for_setup": budget.slots_for_setup,
        "rounds_affordable": budget.rounds_in(case.scenario.run.slots),
        "round_relayed": [
            {"party": party, **vars(seen)} for party, seen in budget.round_relayed.items()
        ],
    }
