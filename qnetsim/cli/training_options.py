"""Options of ``qnetsim train`` on how it trains; ``learning.options`` says what they mean."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

#: In the order in which the help shows them.
_OPTIONS = (
    click.option(
        "--train-seed",
        type=click.IntRange(0, 2**63 - 1),
        help="Seed of the training; the scenario's unless given, which draws its requests.",
    ),
    click.option(
        "--worlds",
        type=click.IntRange(1, 10**5),
        default=1,
        show_default=True,
        help="Worlds that each seed plays side by side.",
    ),
    click.option(
        "--evaluate-every",
        type=click.IntRange(1, 10**5),
        default=1,
        show_default=True,
        help="Epochs from one evaluation to the next.",
    ),
    click.option(
        "--keep-best",
        is_flag=True,
        help="Write the policy of the epoch that cost least in held-out worlds, not the last.",
    ),
    click.option(
        "--stop-after",
        type=click.IntRange(0, 10**5),
        default=0,
        help="Stop after so many evaluations without a lower cost; 0 is never.",
    ),
    click.option(
        "--from-traces",
        type=click.Path(path_type=Path),
        multiple=True,
        help="Learn offline from this trace instead of playing; may stand several times.",
    ),
    click.option(
        "--value-weight",
        type=click.FloatRange(0, 10**6),
        help="With --from-traces: weight of the learnt value beside imitation, 2.5 unless given.",
    ),
    click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:N."),
)
_NAMES = (
    *("train_seed", "worlds", "evaluate_every", "keep_best", "stop_after"),
    *("from_traces", "value_weight", "device"),
)


def training_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command, which gets them as one mapping, ``chosen``."""

    @functools.wraps(command)
    def gathered(**given: Any) -> Any:
        chosen = {name: given.pop(name) for name in _NAMES}
        return command(**given, chosen=chosen)

    for option in reversed(_OPTIONS):
        gathered = option(gathered)
    return gathered
