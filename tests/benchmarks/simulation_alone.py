"""CPU time of the simulation alone, world included, nothing written.

``python -m tests.benchmarks.simulation_alone everything evf 8192``: a world (``everything``,
``comonotone`` or ``independent``), a policy and slots. Run it in turn in two trees to compare them.
"""

from __future__ import annotations

import sys
import time

from qnetsim.case import open_case
from qnetsim.plans.make import planned
from qnetsim.policies.chosen import choose
from qnetsim.runs.run_context import RunContext, run_case
from qnetsim.scenario import PolicyTable, parse_scenario
from tests.support import ROOT

ROUNDS = 12


def main(world: str, policy: str, slots: int) -> None:
    """Print the least time of some rounds, in microseconds of a slot."""
    name = "outages" if world == "everything" else "nsfnet"
    text = (ROOT / "scenarios" / f"{name}.toml").read_text("utf-8")
    text = text.replace('coupling = "comonotone"', f'coupling = "{world}"')
    found = parse_scenario(text)
    case = open_case(
        found.model_copy(update={"run": found.run.model_copy(update={"slots": slots})})
    )
    table = PolicyTable(name=policy)
    plan = planned(choose(table, (table,), None).once(), policy, case)
    spent = []
    for _ in range(ROUNDS):
        started = time.process_time()
        chunks = case.realisation(0).chunks(fast=True)
        runner = choose(table, (table,), None).once()
        context = RunContext(case, policy, kernel="numba")
        run_case(context, runner, chunks, lambda chunk, block: None, plan=plan)
        spent.append(time.process_time() - started)
    print(f"{world}: {1e6 * min(spent) / slots:.2f} µs a slot")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
