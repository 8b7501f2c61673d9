"""Fig. 4: Taylor loss of the global model against the key rate, for the four data sets.

A key rate of k pays for ⌊k/K_L⌋ quantum-secured channels, so for that many workers at most; each
brings six features of its own. Messages are counted instead of encrypted, which gives the same
parameters as the encrypted run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from qnetsim.analysis.figures.policy_marks import marked_line, policy_colour
from qnetsim.analysis.figures.style import SCREEN, Style, hide_frame, styled
from qnetsim.fel.arithmetic import taylor_loss
from qnetsim.fel.datasets import DATASET_NAMES, Dataset, load_dataset
from qnetsim.fel.encryption_schemes import CountedScheme
from qnetsim.fel.exchange import TaskEncryption
from qnetsim.fel.key_usage import KeyUsageTable, run_flow
from qnetsim.fel.protocol import RoundOutcome, Session
from qnetsim.fel.roles import TaskRoles
from qnetsim.studies.paper.loss_points import KeptLosses, LossPoint
from qnetsim.studies.paper.paper_claims import claims_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Rounds of full-batch gradient descent.
ROUNDS = 30
#: Bits of a Paillier modulus.
KEY_BITS = 2048


def compute(
    seed: int = 1,
    orders: int = 10,
    rounds: int = ROUNDS,
    names: Sequence[str] = DATASET_NAMES,
    progress: Callable[[int], None] = lambda done: None,
    folder: Path | None = None,
) -> list[LossPoint]:
    """Train every data set with every number of workers, and every order of its features.

    Parameters
    ----------
    seed : int
    orders : int
        Random orders that are cut into blocks of six features.
    rounds : int
    names : sequence of str
    progress : callable
        Told of every training that is done.
    folder : Path, optional
        Keeps a file for each point; those that are there are verified, and not trained again.
    """
    kept = None if folder is None else KeptLosses(folder, seed, orders, rounds)
    points = []
    for name in names:
        data = load_dataset(name)
        for workers in range(1, len(data.blocks(seed, 0)) + 1):
            found = kept.read(name, workers) if kept else None
            if found is not None:
                progress(orders)
                points.append(found)
                continue
            runs = []
            for order in range(orders):
                runs.append(_train(data, workers, seed, order, rounds))
                progress(1)
            points.append(_point(name, workers, runs))
            if kept:
                kept.write(points[-1])
    return points


def _point(dataset: str, workers: int, runs: Sequence[_Trained]) -> LossPoint:
    return LossPoint(
        dataset=dataset,
        workers=workers,
        losses=tuple(run.loss for run in runs),
        accuracies=tuple(run.accuracy for run in runs),
        key_bytes=runs[0].key_bytes,
    )


def claim_on(dataset: str) -> str:
    """What the paper says of a curve, paraphrased."""
    own = [c for c in claims_of("fig4") if c.details.get("dataset") == dataset]
    return (own or claims_of("fig4"))[0].says


def total_trainings(orders: int, names: Sequence[str] = DATASET_NAMES) -> int:
    """How many trainings ``compute`` does."""
    return orders * sum(len(load_dataset(name).blocks(1, 0)) for name in names)


class _Trained(NamedTuple):
    """Loss and accuracy at the end, and key bytes of the last round."""

    loss: float
    accuracy: float
    key_bytes: int


def _train(data: Dataset, workers: int, seed: int, order: int, rounds: int) -> _Trained:
    """Train with the first blocks of one order of the features."""
    names = [f"worker {i + 1}" for i in range(workers)]
    blocks = data.blocks(seed, order)[:workers]
    roles = TaskRoles("owner", {"head": names})
    encryption = TaskEncryption(KEY_BITS, lambda _: CountedScheme())
    session = Session(data, blocks, roles, encryption)
    run_flow(session.setup(), KeyUsageTable())
    for _ in range(rounds):
        usage = KeyUsageTable()
        run_flow(session.round(session.workers, RoundOutcome()), usage)
    scores = sum(block.scores() for block in session.blocks.values())
    loss = float(taylor_loss(session.balance.labels, np.asarray(scores)).mean())
    return _Trained(loss, session.accuracy, usage.total.key_bytes)


@styled
def figure(points: Sequence[LossPoint], *, style: Style = SCREEN) -> Figure:
    """Loss against key rate: mean, and one standard deviation either way."""
    drawn = style.canvas(6.4, 3.8)
    axes = drawn.subplots()
    for name in dict.fromkeys(point.dataset for point in points):
        mine = [point for point in points if point.dataset == name]
        rates = [point.workers for point in mine]
        means = np.array([point.mean for point in mine])
        spreads = np.array([point.spread for point in mine])
        label = name.replace("_", " ")
        number = DATASET_NAMES.index(name)
        look = marked_line(number, style) | {"markevery": 1}
        axes.plot(rates, means, label=label, **look)
        band: dict[str, Any] = {"color": policy_colour(number), "alpha": 0.2, "linewidth": 0}
        axes.fill_between(rates, means - spreads, means + spreads, **band)
    axes.set_xlabel("secret-key rate k / K_L (channels held at the same time, one a worker)")
    axes.set_ylabel("Taylor loss")
    hide_frame(axes)
    axes.legend(handlelength=2.8)
    return drawn
