"""All rules and learners in the shipped scenarios, and in variants that no training has met.

``make policies``, or ``python -m tests.benchmarks.policy_table --out runs/policies``: the page
docs/background/policy-table.md. Traces that are in the folder are verified and kept, so the same
command goes on; ``--only`` takes some of the scenarios; ``--kept`` runs nothing, and shows what is
there. Learners that are not shipped for a scenario are trained for it first, into ``models/`` in
the folder. Where the weights of a policy were changed, remove its traces
(``rm runs/policies/*/belief-net-r*.h5``); the same command makes these again.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from qnetsim.analysis.paired import paired_ratio
from qnetsim.arrays import FloatArray
from qnetsim.case import load, open_case
from qnetsim.policies.chosen import choose_all
from qnetsim.runs.batch import run_policies
from qnetsim.scenario.lines import Key
from qnetsim.shipped import shipped_scenarios
from qnetsim.trace import open_trace
from tests.support.table_learners import LEARNERS, beside, command, train, weights_of

HEAD = """\
# All policies, in eight scenarios

This page is made by `make policies`. Every rule and learner runs in eight shipped scenarios and in
variants of them, in those in which it can; [policies](policies.md) says what each does and is told.
The other scenarios show parts of the simulator, and are not in the table.

- Cost of all slots over that of `sip` in the same worlds: paired 95 % intervals over {replications}
  worlds of {slots} slots, none left out at the start. The cheapest is bold. `perfect` is told the
  future: a bound.
- No training met a world of this page. Variants lie outside of what the learners were trained for;
  `belief-net`, whose training worlds differ among themselves, met demand like that of most of them
  (up to twice the jobs, periods up to 16, 2 to 10 members, sizes up to 9, delays up to 0.2,
  drop-outs up to 0.3, a background up to 2.5) but for {beyond}.
- `boosted-levels` is fitted to worlds of each variant's own law, before the run; `job-filter`,
  `belief`, `mpc` and `dynamic-program` are told that law, `sip`, `evf` and `base-stock` the
  long-run distribution.
- Learners were trained for each scenario, as it is shipped, with one seed and without a search for
  settings; [the commands](#how-the-learners-were-trained) are at the end. `belief-net` was trained
  on demand of jobs without stores; it has those weights everywhere.
- Numbers behind `level`, `deterministic` and `base-stock` are options, the same in all columns.
- `empirical-window` plans anew in every slot, which takes long where every node pair has a level of
  its own: no row there.
"""
SHIPPED = "The others are shipped, each with its card in `models/`."
#: What runs wherever there are requests, in the order of the rows.
PLANS = (
    "sip",
    "evf",
    "deterministic:level=4,label=deterministic-4",
    "level:level=4,label=level-4",
    "random",
    "base-stock",
)
RULES = (
    "empirical",
    "conditional-quantile",
    "history-quantile",
    "periods",
    "autoregression",
    "hybrid",
    "boosted-levels",
    "belief",
    "dynamic-program",
    "mpc",
)
#: A plan for each slot: takes long where every node pair has a level of its own.
WINDOW = "empirical:window_slots=6,every_slots=1,label=empirical-window"
#: The rule that is told the law of the jobs.
OF_JOBS = "job-filter"
BELIEF_NET = "belief-net"
BOUND = "perfect"
#: What a slot costs.
PARTS = ("qkd_reserved", "qkd_on_demand", "km_reserved", "km_on_demand", "blocking")
BASE = "sip"
#: Why a row has no numbers.
NOT_RUN = "not run"
NO_JOBS = "does not run: the demand has no jobs, whose law it is told"


class Variant(NamedTuple):
    """A scenario with some keys changed; none for the scenario as it is shipped."""

    title: str
    changes: Mapping[Key, object]


class Group(NamedTuple):
    """A shipped scenario and its variants.

    Attributes
    ----------
    scenario : str
    variants : sequence of Variant
    shipped : mapping of str
        The shipped model of a learner that was trained for this scenario, empty for the one that
        it takes by itself; the other learners are trained here.
    more : sequence of str
        Rules with options, for this scenario.
    absent : mapping of str
        Policies that cannot run here, and why.
    """

    scenario: str
    variants: Sequence[Variant]
    shipped: Mapping[str, str] = {}
    more: Sequence[str] = ()
    absent: Mapping[str, str] = {}

    @property
    def trained_here(self) -> list[str]:
        """Learners without shipped weights for this scenario."""
        return [name for name in LEARNERS if name not in self.shipped]

    def policies(self, models: Path) -> list[str]:
        """All policies, in the order of the rows; ``models`` has what is trained here."""
        rows = [*PLANS, *self.more, *RULES, OF_JOBS]
        rows += [self._learner(name, models) for name in LEARNERS]
        rows += [BELIEF_NET, BOUND]
        return [row for row in rows if row.split(":")[0] not in self.absent]

    def _learner(self, name: str, models: Path) -> str:
        model: str | Path = self.shipped.get(name, weights_of(models, self.scenario, name))
        return f"{name}:model={model},label={name}" if model else name


AS_SHIPPED = Variant("as shipped", {})
LESS = Variant("mean 2", {("demand", "mean"): 2.0})
DEARER = Variant("on demand × 2", {("cost", "on_demand_multiplier"): 2.0})
MORE = Variant("14 levels, mean 5", {("demand", "levels"): 14, ("demand", "mean"): 5.0})
PAIRS = Variant("other pairs", {("run", "seed"): 77})
PERIODS = Variant("periods 7, 9 and 12", {("jobs", "periods"): (7, 9, 12)})
MEMBERS = Variant("4 members", {("jobs", "members"): 4})
DELAYS = Variant("more delays", {("jobs", "delay"): 0.2, ("jobs", "drop_out"): 0.3})
MORE_JOBS = Variant("20 jobs", {("jobs", "count"): 20})
#: Beyond what `belief-net` was trained on.
LONGER = Variant("periods 18 and 20", {("jobs", "periods"): (18, 20)})
LOUDER = Variant("background 3", {("demand", "mean"): 3.0})
LARGER = Variant(
    "20 levels, sizes 12 to 18",
    {("demand", "levels"): 20, ("jobs", "sizes"): (12, 14, 16, 18)},
)
BEYOND = (LONGER, LOUDER, LARGER)
GROUPS = (
    Group(
        "nsfnet",
        (AS_SHIPPED, LESS, MORE, DEARER, PAIRS),
        dict.fromkeys(LEARNERS, ""),
        more=(WINDOW,),
        absent={OF_JOBS: NO_JOBS},
    ),
    Group(
        "usnet",
        (AS_SHIPPED, LESS, DEARER),
        dict.fromkeys(LEARNERS, ""),
        more=(WINDOW,),
        absent={OF_JOBS: NO_JOBS},
    ),
    Group(
        "heterogeneous",
        (AS_SHIPPED, LESS, DEARER, PAIRS),
        {"fedsac": "heterogeneous"},
        more=(WINDOW,),
        absent={OF_JOBS: NO_JOBS},
    ),
    Group(
        "regimes",
        (
            AS_SHIPPED,
            Variant("means 2 and 5", {("regimes", "means"): (2.0, 5.0)}),
            Variant("10 slots long", {("regimes", "mean_slots"): 10}),
            Variant("means 1, 4 and 8", {("regimes", "means"): (1.0, 4.0, 8.0)}),
        ),
        {"fedsac": "regimes"},
        more=(WINDOW,),
        absent={OF_JOBS: NO_JOBS},
    ),
    Group(
        "stores",
        (
            AS_SHIPPED,
            Variant("means 1 and 7", {("regimes", "means"): (1.0, 7.0)}),
            Variant("stores of 20", {("key_management", "store_bits"): 20_000}),
            Variant("50 slots long", {("regimes", "mean_slots"): 50}),
        ),
        {"fedsac": "stores"},
        more=("base-stock:level=7,label=base-stock-7", WINDOW),
        absent={OF_JOBS: NO_JOBS},
    ),
    Group(
        "fel-rounds",
        (
            AS_SHIPPED,
            MORE_JOBS,
            PERIODS,
            MEMBERS,
            DELAYS,
            Variant("background 2", {("demand", "mean"): 2.0}),
            *BEYOND,
        ),
    ),
    Group(
        "fel-rounds-stores",
        (AS_SHIPPED, Variant("4 jobs", {("jobs", "count"): 4}), PERIODS, MEMBERS, DELAYS),
        more=("base-stock:level=3,label=base-stock-3",),
    ),
    Group("fel-demand", (AS_SHIPPED, MORE_JOBS, PERIODS)),
)


class Asked(NamedTuple):
    """How much is simulated, and where the traces lie."""

    folder: Path
    slots: int
    replications: int
    workers: int
    kept: bool = False

    @property
    def models(self) -> Path:
        """Where the learners lie that are trained here."""
        return self.folder / "models"

    def column(self, group: Group, variant: Variant) -> Path:
        """Where the traces of a column lie."""
        name = f"{group.scenario}-{variant.title.replace(' ', '-').replace('×', 'x')}"
        return self.folder / f"{name}-{self.replications}x{self.slots}"


def made(group: Group, variant: Variant, asked: Asked) -> list[Path]:
    """Traces of a column: those that are kept, or all of them, run where they are missing."""
    policies = choose_all(group.policies(asked.models))
    folder = asked.column(group, variant)
    if asked.kept:
        each = [
            [folder / f"{policy.title}-r{r:03d}.h5" for r in range(asked.replications)]
            for policy in policies
        ]
        return [path for paths in each if all(p.is_file() for p in paths) for path in paths]
    for learner in group.trained_here:
        train(group.scenario, learner, asked.models)
    changes = {**variant.changes, ("run", "warmup_slots"): 0}
    scenario = load(
        shipped_scenarios()[group.scenario],
        changes=changes,
        slots=asked.slots,
        replications=asked.replications,
    )
    return run_policies(open_case(scenario), policies, folder, workers=asked.workers, resume=True)


def costs(paths: Sequence[Path]) -> dict[str, FloatArray]:
    """Mean cost of a slot in each replication, by policy; no slot is left out."""
    found: dict[str, list[float]] = {}
    for path in paths:
        with open_trace(path) as trace:
            title = json.loads(str(trace.attribute("provenance")))["policy"]["title"]
            parts = [trace.column(f"slots/{part}_cost").mean() for part in PARTS]
        found.setdefault(title, []).append(float(np.sum(parts)))
    return {title: np.array(values) for title, values in found.items()}


def table(group: Group, asked: Asked) -> Iterator[str]:
    """Lines of a table: cost over that of sip, with paired 95 % intervals."""
    runs = {variant.title: made(group, variant, asked) for variant in group.variants}
    columns = {title: found for title, paths in runs.items() if BASE in (found := costs(paths))}
    if not columns:
        return
    yield f"| policy | {' | '.join(columns)} |"
    yield f"|---|{'---|' * len(columns)}"
    for policy in choose_all(group.policies(asked.models)):
        cells = [_cell(policy.title, column) for column in columns.values()]
        yield f"| {policy.title} | {' | '.join(cells)} |"
    blank = " |" * (len(columns) - 1)
    for title, reason in group.absent.items():
        yield f"| {title} | {reason} |{blank}"


def _cell(title: str, column: Mapping[str, FloatArray]) -> str:
    if title not in column:
        return NOT_RUN
    found = paired_ratio(column[title], column[BASE])
    assert found is not None
    if title == BASE or found.low is None or found.high is None:
        text = f"{found.estimate:.3f}"
    else:
        text = f"{found.low:.3f} … {found.high:.3f}"
    best = min(costs.mean() for one, costs in column.items() if one != BOUND)
    # several may decide alike
    cheapest = title != BOUND and column[title].mean() <= best * (1.0 + 1e-9)
    return f"**{text}**" if cheapest else text


def main() -> None:
    """Print the page."""
    names = [group.scenario for group in GROUPS if group.scenario in shipped_scenarios()]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/policies"))
    parser.add_argument("--slots", type=int, default=300)
    parser.add_argument("--replications", type=int, default=10)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", choices=names, nargs="*", default=names)
    parser.add_argument("--kept", action="store_true", help="run nothing")
    given = parser.parse_args()
    asked = Asked(given.out, given.slots, given.replications, given.workers, given.kept)
    beyond = "; ".join(f"*{variant.title}*" for variant in BEYOND)
    print(HEAD.format(replications=given.replications, slots=given.slots, beyond=beyond), end="")
    for group in GROUPS:
        if group.scenario in given.only:
            lines = list(table(group, asked)) or [NOT_RUN]
            print(f"\n## {group.scenario}\n", *lines, sep="\n", flush=True)
    print("\n## How the learners were trained")
    for group in GROUPS:
        if group.scenario in given.only and group.trained_here:
            print(f"\n```\n{command(group.scenario)}\n```\n")
            print(*beside(group.scenario, group.trained_here), sep="\n")
    print(f"\n{SHIPPED}")


if __name__ == "__main__":
    main()
