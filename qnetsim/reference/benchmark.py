"""Prints the page of the benchmark from its worlds and reference rows: ``make docs``."""

from __future__ import annotations

from qnetsim.shipped import benchmark_scenarios, summary_of
from qnetsim.studies.benchmark.reference_rows import Reference, reference
from qnetsim.studies.benchmark.row_file import BenchmarkRow, BoundStatus, WorldRecord

HEAD = """\
# Benchmark

This page is made by `make docs` from the reference rows that are shipped (`make benchmark`); a test
fails where they differ.

Fixed worlds in which every policy meets the same demand and the same failures. Each has a bound
that is proved, so a ratio says how far a policy is from the best that is possible, and not only
who is ahead.

One world, `fel-rounds`, has demand of federated jobs; policies that need `[jobs]` get a row there
only.

```
qnetsim bench list                               # worlds, digests and bounds
qnetsim bench run -p my_policy.py:Mine --out mine.json  # a row for each world
qnetsim bench run -p my_policy.py:Mine --world stores   # for one of them
qnetsim bench check mine.json -p my_policy.py:Mine      # verify the rows: they are run again
```

Every other command takes a world as `benchmark/NAME` (`qnetsim compare benchmark/stores`).

## Bounds

| status | what it is |
|---|---|
"""

BOUNDS: dict[BoundStatus, str] = {
    "optimal plan": "the cost of the optimal plan of `sip` in the same replications. Slots are "
    "independent there, so no policy without foresight costs less in expectation; *expected* is "
    "that proved least cost. In ten replications a policy may be cheaper by chance, and one that "
    "sees the future is cheaper",
    "plan within its gap": "the same where the plan is proved to a gap only: its cost in the same "
    "replications, lowered by that gap. The expectation of this is the proved bound *expected*",
    "wait-and-see bound": "every request is served on its cheapest route at the cheaper of both "
    "prices, or blocked where that is cheaper, as if all slots were foreseen; limits and failures "
    "are left out. It holds in every single replication, also with stores: what is consumed has "
    "been produced. Without foresight a ratio of one is out of reach",
}

REST = """
`bench run` refuses a cost below the wait-and-see bound of any replication, whatever the status:
that would be a mistake in the simulation.

A ratio is mean cost over mean bound, with the 95 % interval over ten replications, paired. Where
limits or failures let requests be blocked, a blocked request has a price (`cost.blocking_cost`):
several times the mean cost of a request, so that costs of policies that block are comparable, and
blocking more is no way to be cheap. In the other worlds every request is to be served: a policy
whose routes block any gets no row.

## What a row says, and what is checked

A row file is JSON: `schema`, the `version` of qnetsim, and `rows` with world, policy and options,
costs and content digests of all replications, ratio and interval, digests of world and settings,
and the SHA-256 of the policy's own code or trained weights. `bench check` compares code and
weights, runs the rows again, and says each value that differs (exit status 4). Code of a
user's own is imported only where `--policy` names it (once for each of several).

`bench run` writes each row as soon as it is made. Stopped or killed, the same command goes on,
unless code or weights have changed. A file that is whole, or of another command, is not
overwritten.

A world whose digest, drawn here, is not the shipped one is an error: its bound would be that of
another world. A row of another version of a world is refused.

A policy is Python, runs in the simulator's process, and worlds are public: nothing keeps code from
drawing them itself, or from changing prices, routes or the simulator in memory. These checks find
mistakes, not malice. A policy that is told the future has to
say so in its class; one that meets another world than the drawn one is refused; and a row without
foresight whose whole interval is below a plan's bound gets a warning, which an honest policy has in
one of 40 rows at most. Read the code of a row that you rely on, and try it in worlds that it cannot
know: `qnetsim compare benchmark/nsfnet -p sip -p my_policy.py:Mine --set run.seed=2` with a seed of
your own.

Of the learned policies each world has those with weights for its network; those of `fedsac` are
shared by all nodes and fit any.

## Worlds
"""


def page() -> str:
    """The page as Markdown."""
    found = reference()
    statuses = [f"| `{status}` | {text} |" for status, text in BOUNDS.items()]
    lines = [
        HEAD + "\n".join(statuses),
        REST,
        "| world | what it is | bound | status | expected | world digest |",
    ]
    lines.append("|---|---|---|---|---|---|")
    lines += [_world_line(world) for world in found.worlds]
    lines += ["", "## Reference rows", ""]
    lines.append(
        f"By qnetsim {found.version}. A policy with * sees the future, and is no competitor."
    )
    for world in found.worlds:
        lines += ["", f"### {world.name}", "", *_rows_of(found, world)]
    return "\n".join(lines) + "\n"


def _world_line(world: WorldRecord) -> str:
    summary = summary_of(benchmark_scenarios()[world.name].read_text("utf-8"))
    expected = "—" if world.expected is None else f"{world.expected:,.2f}"
    cells = [
        f"`{world.name}`",
        summary,
        f"{world.bound:,.2f}",
        world.bound_status,
        expected,
        f"`{world.world_digest[:16]}`",
    ]
    return f"| {' | '.join(cells)} |"


def _rows_of(found: Reference, world: WorldRecord) -> list[str]:
    head = [
        "| policy | cost per slot | ratio | paired 95 % interval | blocked |",
        "|---|---|---|---|---|",
    ]
    rows = sorted((row for row in found.rows if row.world == world.name), key=lambda row: row.ratio)
    return head + [_row_line(row) for row in rows]


def _row_line(row: BenchmarkRow) -> str:
    title = f"`{row.policy}`" + " *" * row.sees_future
    interval = f"{row.low:.4f} … {row.high:.4f}"
    cells = [title, f"{row.cost_per_slot:,.0f}", f"{row.ratio:.4f}", interval, f"{row.blocked:.2%}"]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    print(page(), end="")
