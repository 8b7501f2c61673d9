"""Mutation check: change a module in one place at a time and see whether its tests notice.

Mutants come from cosmic-ray, which is no dependency of the project: ``pip install cosmic-ray``.
Then, from the repository's root::

    python -m tests.mutation.run                      # every module of MODULES
    python -m tests.mutation.run qnetsim/network/cost.py --most 60

A module is changed in a copy of the repository, never in the checkout. Where a module has more
mutants than ``--most``, a seeded sample of them is tested. What survives is printed as a diff.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from cosmic_ray.commands import init
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import WorkDB, use_db

ROOT = Path(__file__).parents[2]
COPIED = ("qnetsim", "tests", "docs", "scenarios", "models", "traces")
#: Random configurations of the key layer against the reference: two seconds where nothing fails.
UNIT = "tests/unit/kernel"
REFERENCE = f"{UNIT}/test_kernel_reference.py::test_kernel_equals_the_reference"
KERNEL = f"{UNIT}/test_kernel.py"
FROZEN = f"{UNIT}/test_frozen_parts.py"
ROUNDS = f"{UNIT}/test_rounds.py"
#: Each module with the tests that must notice its mutants, the quickest to notice one first.
MODULES = {
    "qnetsim/optimize/newsvendor.py": ("tests/unit/optimize/test_newsvendor.py",),
    "qnetsim/network/cost.py": ("tests/unit/network/test_cost.py",),
    "qnetsim/fel/pads.py": ("tests/unit/fel/test_pads.py",),
    "qnetsim/fel/messages.py": ("tests/unit/fel/test_messages.py",),
    "qnetsim/trace/digest.py": ("tests/unit/trace/test_digest.py",),
    "qnetsim/analysis/paired.py": ("tests/unit/analysis/test_paired.py",),
    "qnetsim/learning/sac.py": ("tests/unit/learning/test_sac.py",),
    "qnetsim/kernel/billing.py": (f"{KERNEL}::test_a_slot_by_hand", REFERENCE),
    "qnetsim/kernel/clock.py": (
        f"{UNIT}/test_clock.py",
        f"{KERNEL}::test_instants_are_ordered_by_priority_then_entity",
        f"{KERNEL}::test_events_do_not_grow_with_requests",
    ),
    "qnetsim/kernel/controllers.py": (
        FROZEN,
        f"{UNIT}/test_decisions.py",
        f"{KERNEL}::test_several_controllers_own_the_fibres",
        f"{KERNEL}::test_bad_decisions_are_refused",
        f"{KERNEL}::test_routes_with_loops_are_refused",
        f"{KERNEL}::test_routes_that_join_other_nodes_are_refused",
        f"{KERNEL}::test_the_largest_reservation_is_allowed",
    ),
    "qnetsim/kernel/key_managers.py": (
        f"{UNIT}/test_exposure.py",
        f"{UNIT}/test_choosing_kernels.py",
        f"{UNIT}/test_whole_slots.py",
        f"{UNIT}/test_waiting.py",
        REFERENCE,
        f"{ROUNDS}::test_every_message_pays_for_its_key_bytes",
        f"{KERNEL}::test_pool_offsets_only_move_forward",
    ),
    "qnetsim/kernel/ledger.py": (
        FROZEN,
        f"{UNIT}/test_conservation.py",
        f"{KERNEL}::test_negative_flows_break_the_ledger",
        f"{KERNEL}::test_the_ledger_names_the_place",
        f"{UNIT}/test_key_layer.py::test_the_ledger_does_not_wrap",
        f"{KERNEL}::test_totals_of_the_ledger_balance",
    ),
    "qnetsim/kernel/relay.py": (
        FROZEN,
        f"{UNIT}/test_relay_pads.py",
        f"{UNIT}/test_deliveries.py",
        f"{UNIT}/test_key_layer.py::test_key_streams_can_be_read_anywhere",
        f"{UNIT}/test_key_layer.py::test_urgent_requests_go_first",
        f"{UNIT}/test_key_layer.py::test_a_bit_cannot_be_spent_twice",
        f"{UNIT}/test_key_layer.py::test_real_relays_can_be_stopped",
        f"{UNIT}/test_key_layer.py::test_real_keys_arrive_and_change_nothing",
    ),
    "qnetsim/kernel/round_table.py": (f"{UNIT}/test_round_records.py",),
    "qnetsim/kernel/rounds.py": (
        FROZEN,
        f"{UNIT}/test_key_requests.py",
        f"{ROUNDS}::test_a_run_that_ends_early_says_so",
        f"{ROUNDS}::test_a_task_waits_for_keys_or_leaves_workers_out",
        f"{ROUNDS}::test_no_key_is_used_before_it_is_there",
        f"{ROUNDS}::test_an_outage_in_the_way_of_a_task",
        f"{ROUNDS}::test_set_up_delay_of_channels_delays_messages",
        f"{ROUNDS}::test_channels_of_its_own_train_a_task_at_once",
        f"{ROUNDS}::test_workers_come_and_go_by_the_world_alone",
        f"{ROUNDS}::test_every_message_pays_for_its_key_bytes",
    ),
    "qnetsim/kernel/simulation.py": (
        f"{UNIT}/test_observations.py",
        f"{ROUNDS}::test_a_task_waits_for_keys_or_leaves_workers_out",
        f"{KERNEL}::test_learning_policies_are_told_the_outcome",
        f"{KERNEL}::test_several_controllers_own_the_fibres",
        f"{KERNEL}::test_pools_and_queue_are_shown_as_they_are",
        f"{KERNEL}::test_meddling_changes_nothing",
        f"{KERNEL}::test_a_decision_that_holds_is_served_in_one_call",
        f"{KERNEL}::test_bad_owners_are_refused",
        REFERENCE,
    ),
    "qnetsim/kernel/serving/intervals.py": (FROZEN, f"{UNIT}/test_order_of_arrival.py", REFERENCE),
    "qnetsim/kernel/serving/jit.py": (f"{UNIT}/test_choosing_kernels.py",),
    "qnetsim/kernel/serving/loop.py": (
        f"{UNIT}/test_whole_slots.py",
        f"{UNIT}/test_sessions.py",
        REFERENCE,
    ),
    "qnetsim/kernel/serving/sessions.py": (f"{UNIT}/test_sessions.py", REFERENCE),
    "qnetsim/kernel/serving/whole.py": (f"{UNIT}/test_whole_slots.py", REFERENCE),
    "qnetsim/kernel/serving/fibre_books.py": (f"{UNIT}/test_whole_slots.py", REFERENCE),
    "qnetsim/kernel/serving/open_slot.py": (
        FROZEN,
        f"{UNIT}/test_open_slots.py",
        f"{ROUNDS}::test_a_task_waits_for_keys_or_leaves_workers_out",
        f"{ROUNDS}::test_set_up_delay_of_channels_delays_messages",
        f"{ROUNDS}::test_channels_of_its_own_train_a_task_at_once",
        f"{ROUNDS}::test_every_message_pays_for_its_key_bytes",
    ),
    "qnetsim/kernel/serving/outages.py": (FROZEN, f"{UNIT}/test_known_outages.py", REFERENCE),
    "qnetsim/kernel/serving/paths.py": (f"{UNIT}/test_whole_slots.py", REFERENCE),
    "qnetsim/kernel/serving/state.py": (REFERENCE,),
    "qnetsim/kernel/serving/vector.py": (f"{UNIT}/test_whole_slots.py", REFERENCE),
    "qnetsim/kernel/serving/wait_bins.py": (
        FROZEN,
        f"{UNIT}/test_choosing_kernels.py",
    ),
}
#: ``|`` stands in annotations only, which nothing evaluates.
LEFT_OUT = "core/ReplaceBinaryOperator_BitOr_"
#: Slow to import and never changed: imported once, before the processes part.
LIBRARIES = (
    "hypothesis",
    "numpy",
    "scipy.stats",
    "h5py",
    "pydantic",
    "networkx",
    "torch",
    "simpy",
    "numba",
)
#: Stop at the first failure; libraries that are imported already are no matter of these tests.
OPTIONS = ("-x", "-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")


def mutations(folder: Path, module: str) -> list[Any]:
    """All mutations of a module that count, in a fixed order."""
    with use_db(folder / "mutants.sqlite", WorkDB.Mode.create) as database:
        init([folder / module], database, {})
        found = [item.mutations[0] for item in database.work_items]
    kept = [m for m in found if not m.operator_name.startswith(LEFT_OUT)]
    return sorted(kept, key=lambda m: (m.start_pos, m.operator_name, m.occurrence))


def outcome(folder: Path, tests: tuple[str, ...], patience_s: int) -> str:
    """Run tests in a process of their own: ``survived``, ``killed`` or ``timeout``."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM:
            return "timeout"
        return "killed" if status else "survived"
    try:
        signal.alarm(patience_s)
        os.chdir(folder)
        sys.path[0] = str(folder)
        for name in [n for n in sys.modules if n.split(".")[0] in {"tests", "qnetsim"}]:
            del sys.modules[name]
        silence = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(silence, stream)
        os._exit(int(pytest.main([*OPTIONS, *tests])))
    finally:
        os._exit(99)


def check(folder: Path, module: str, most: int, patience_s: int) -> str:
    """Print what survives in a module; returns its row of the table."""
    path, tests = folder / module, MODULES[module]
    original = path.read_text("utf-8")
    if outcome(folder, tests, patience_s) != "survived":
        raise SystemExit(f"{' '.join(tests)} fails on {module} as it is")
    every = mutations(folder, module)
    chosen = random.Random(1).sample(every, min(most, len(every)))
    found: Counter[str] = Counter()
    started = time.process_time() + sum(os.times()[2:4])
    for mutation in chosen:
        operator = get_operator(mutation.operator_name)(**mutation.operator_args)
        mutant = mutate_code(original, operator, mutation.occurrence)
        path.write_text(mutant, "utf-8")
        result = outcome(folder, tests, patience_s)
        found[result] += 1
        if result != "killed":
            lines = (text.splitlines() for text in (original, mutant))
            print(
                result,
                *difflib.unified_diff(*lines, module, module, lineterm="", n=1),
                sep="\n",
                flush=True,
            )
    path.write_text(original, "utf-8")
    cpu = time.process_time() + sum(os.times()[2:4]) - started
    killed = found["killed"] + found["timeout"]
    numbers = len(every), len(chosen), killed, found["survived"], found["timeout"]
    row = " | ".join(str(n) for n in numbers)
    return f"| `{module}` | {row} | {killed / len(chosen):.1%} | {cpu:.0f} s |"


def main() -> None:
    """Check the modules named on the command line, or all."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("module", nargs="*", help=f"of {', '.join(MODULES)}; all unless given")
    parser.add_argument("--most", type=int, default=10**6, help="mutants tested for each module")
    parser.add_argument("--patience", type=int, default=60, help="seconds the tests may take")
    arguments = parser.parse_args()
    if unknown := set(arguments.module) - MODULES.keys():
        parser.error(f"no tests are named for {', '.join(sorted(unknown))}")
    sys.dont_write_bytecode = True
    # compiling every mutant takes longer than running it as it stands
    os.environ["NUMBA_DISABLE_JIT"] = "1"
    for library in LIBRARIES:
        importlib.import_module(library)
    rows = ["| module | mutants | tested | killed | survived | timeouts | score | CPU |"]
    rows.append("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in COPIED:
            shutil.copytree(ROOT / part, folder / part)
        shutil.copy(ROOT / "setup.cfg", folder)
        for module in arguments.module or MODULES:
            rows.append(check(folder, module, arguments.most, arguments.patience))
    print(*rows, sep="\n")


if __name__ == "__main__":
    main()
