"""Print the page of oracles: ``make theory`` writes it to ``docs/background/theory.md``."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.support.oracles.families import families
from tests.support.oracles.family import WARM_UP
from tests.support.oracles.trial import LEVEL, WORLDS, verdicts

HEAD = f"""# Runs beside theory

This page is made by `make theory`, and `make verify` asks for the same
verdicts (`tests/verification/test_oracles.py`).

Each scenario has an answer in queueing or reliability theory. Answers are exact for slots: the
stationary distribution of each chain is solved when the page is made
(`tests/support/oracles/chains.py`), nothing is typed. *Limit* is the answer of continuous
time that has a name (Erlang B, Kaufman–Roberts, Kelly's product form, Erlang's fixed point); it
differs where slots are coarse, and a simulator of slots must not meet it. That the chains tend to
it as slots become short is a test of its own.

Fibres of one segment yield one key unit a channel-slot, and requests share channels (`granularity
= "bit"`). {WORLDS} worlds each, the first {WARM_UP:,} slots left out. The interval is the 95 %
one of the mean (t). The verdict asks whether theory lies in the {LEVEL:.1%} interval: of so many
verdicts at 95 % two or three would fail by chance.

| scenario | quantity | formula | theory | run | ± 95 % | z | verdict | limit |
|---|---|---|--:|--:|--:|--:|---|---|
"""


def main() -> None:
    """Measure all oracles and print the page."""
    print(HEAD, end="")
    for family in families():
        with tempfile.TemporaryDirectory() as folder:
            for verdict in verdicts(family, Path(folder)):
                oracle = verdict.oracle
                cells = (
                    family.scenario,
                    oracle.quantity,
                    oracle.formula,
                    f"{oracle.theory:.6f}",
                    f"{verdict.measured:.6f}",
                    f"{verdict.half_95:.6f}",
                    f"{verdict.z:+.2f}",
                    "agrees" if verdict.agrees else "**differs**",
                    oracle.limit,
                )
                print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
