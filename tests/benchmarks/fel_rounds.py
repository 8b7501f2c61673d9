"""Seconds and key bytes of FEL rounds and trainings at 2048 bits, before and after, in one run.

``make fel-rounds`` prints them for the four data sets and one of 10,000 samples of 50 features.
"Before" is Paillier's own randomness and a power for each product, which the parties' cryptography
was until version 0.2; parameters are checked to be equal, bit for bit, to those of counted rounds.
Seconds are CPU seconds, summed over all parties. Step 2 is counted only: nothing of it has changed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import gmpy2
import numpy as np

from qnetsim import seeds
from qnetsim.fel.arithmetic import taylor_loss
from qnetsim.fel.batches import Batches
from qnetsim.fel.computing import Later
from qnetsim.fel.datasets import DATASET_NAMES, Dataset, load_dataset, make_dataset
from qnetsim.fel.directions import OPTIMISER_NAMES
from qnetsim.fel.encryption_schemes import (
    CountedScheme,
    EncryptionMeans,
    EncryptionScheme,
    PaillierScheme,
)
from qnetsim.fel.exchange import TaskEncryption
from qnetsim.fel.key_usage import KeyUsageTable, run_flow
from qnetsim.fel.protocol import LearningMethod, RoundOutcome, Session
from qnetsim.fel.roles import TaskRoles

KEY_BITS = 2048
#: Rounds of gradient descent whose loss the others have to reach.
ROUNDS = 30
#: A training that has not reached it by then is given up.
MOST_ROUNDS = 400
BATCHES = (32, 128)
SchemeOfRound = Callable[[int], EncryptionScheme]


class SlowScheme(PaillierScheme):
    """Paillier encryption as it was: rⁿ mod n² for all, and a power for each product."""

    def add_fresh_all(
        self, columns: Sequence[Sequence[int]], *, by_key_holder: bool = False
    ) -> Later[list[int]]:
        """Nobody works modulo p² and q²."""
        return super().add_fresh_all(columns)

    def weigh_all(
        self, ciphertexts: Sequence[int], columns: Sequence[Sequence[int]]
    ) -> Later[list[int]]:
        """One power after another."""
        square = self.public * self.public

        def weighed(column: Sequence[int]) -> int:
            total = gmpy2.mpz(1)
            for ciphertext, factor in zip(ciphertexts, column, strict=True):
                if factor:
                    total = total * gmpy2.powmod(ciphertext, factor, square) % square
            return int(total)

        return lambda: list(map(weighed, columns))


@dataclass
class Training:
    """What a training took.

    Attributes
    ----------
    setup_s, rounds_s : float
    setup_bytes, round_bytes : int
        Of keys; a round's is the mean.
    rounds : int
    session : Session
    """

    session: Session
    setup_s: float
    setup_bytes: int
    rounds: int = 0
    rounds_s: float = 0.0
    rounds_bytes: int = 0

    @property
    def loss(self) -> float:
        """Loss of the model on the training data."""
        scores = sum(block.scores() for block in self.session.blocks.values())
        return float(taylor_loss(self.session.balance.labels, np.asarray(scores)).mean())

    @property
    def round_s(self) -> float:
        """Seconds of a round."""
        return self.rounds_s / self.rounds

    @property
    def round_bytes(self) -> int:
        """Key bytes of a round."""
        return self.rounds_bytes // self.rounds

    def seconds(self, rounds: int) -> float:
        """Seconds of the set-up and so many rounds."""
        return self.setup_s + rounds * self.round_s

    def key_bytes(self, rounds: int) -> int:
        """Key bytes of the set-up and so many rounds."""
        return self.setup_bytes + rounds * self.round_bytes


def begin(data: Dataset, scheme_of_round: SchemeOfRound, method: LearningMethod) -> Training:
    """A training after its set-up."""
    blocks = data.blocks(1, 0)
    names = [f"worker {i}" for i in range(len(blocks))]
    roles = TaskRoles("owner", {"head": names})
    encryption = TaskEncryption(KEY_BITS, scheme_of_round)
    session = Session(data, blocks, roles, encryption, method=method)
    usage = KeyUsageTable()
    started = time.process_time()
    run_flow(session.setup(), usage)
    return Training(session, time.process_time() - started, usage.total.key_bytes)


def go_on(training: Training) -> None:
    """One more round."""
    usage = KeyUsageTable()
    started = time.process_time()
    run_flow(training.session.round(training.session.workers, RoundOutcome()), usage)
    training.rounds_s += time.process_time() - started
    training.rounds += 1
    training.rounds_bytes += usage.total.key_bytes


def train(
    data: Dataset, scheme_of_round: SchemeOfRound, method: LearningMethod, rounds: int
) -> Training:
    """A training of some rounds."""
    training = begin(data, scheme_of_round, method)
    for _ in range(rounds):
        go_on(training)
    return training


def rounds_to(data: Dataset, method: LearningMethod, loss: float) -> tuple[int | None, Training]:
    """Counted rounds until a loss is reached; None where ``MOST_ROUNDS`` do not reach it."""
    training = begin(data, lambda _: CountedScheme(), method)
    while training.rounds < MOST_ROUNDS:
        go_on(training)
        if training.loss <= loss:
            return training.rounds, training
    return None, training


def require_equal(one: Training, other: Training) -> None:
    """Check that two trainings have the same parameters and took the same keys."""
    for worker, block in one.session.blocks.items():
        np.testing.assert_array_equal(block.parameters, other.session.blocks[worker].parameters)
    assert (one.setup_bytes, one.rounds_bytes) == (other.setup_bytes, other.rounds_bytes)


def large(samples: int = 10_000, features: int = 50) -> Dataset:
    """Two classes that a linear model tells apart in three cases of four."""
    bits = seeds.stream(1, "benchmark", "large")
    raw = seeds.normal(bits, samples * features).reshape(samples, features)
    noise = seeds.normal(bits, samples)
    model = seeds.normal(bits, features)
    target = raw @ model + noise * np.sqrt(features) > 0
    return make_dataset("10,000 × 50", raw, target.astype(int).tolist())


def scheme(kind: type[PaillierScheme], name: str, randomness: str, number: int) -> PaillierScheme:
    """Encryption of a round."""
    means = EncryptionMeans(randomness)  # type: ignore[arg-type]
    return kind(KEY_BITS, 1, "benchmark", name, number, means=means)


def report(data: Dataset) -> None:
    """Print the lines of a data set."""
    plain = LearningMethod()
    counted = train(data, lambda _: CountedScheme(), plain, ROUNDS)
    target = counted.loss
    print(f"{data.name}: {len(counted.session.workers)} workers, loss {target:.4f}", flush=True)
    one = train(data, lambda _: CountedScheme(), plain, 1)
    timed: dict[str, Training] = {}
    for label, kind, randomness in (
        ("before", SlowScheme, "full"),
        ("full randomness", PaillierScheme, "full"),
        ("short exponents", PaillierScheme, "short"),
    ):
        found = train(data, partial(scheme, kind, data.name, randomness), plain, 1)
        require_equal(found, one)
        timed[label] = found
        before = timed["before"]
        print(
            f"  {label}: set-up {found.setup_s:.1f} s ({before.setup_s / found.setup_s:.1f} ×), "
            f"round {found.round_s:.2f} s ({before.round_s / found.round_s:.1f} ×); "
            f"{ROUNDS} rounds {found.seconds(ROUNDS):,.0f} s, "
            f"{found.key_bytes(ROUNDS):,} key bytes",
            flush=True,
        )
    fast = timed["short exponents"]
    for name in OPTIMISER_NAMES[1:]:
        method = LearningMethod(name)
        rounds, same = rounds_to(data, method, target)
        assert rounds is not None
        if name == "conjugate_gradients":
            real = train(data, partial(scheme, PaillierScheme, data.name, "short"), method, rounds)
            require_equal(real, same)
            seconds = f"{real.seconds(rounds):,.1f} s, executed"
        else:
            seconds = f"{fast.seconds(rounds):,.1f} s"
        keys = f"{same.round_bytes:,} key bytes a round, {same.key_bytes(rounds):,} in all"
        print(f"  {name}: {rounds} rounds, {seconds}; {keys}", flush=True)
    for size in BATCHES:
        if size < data.samples:
            method = LearningMethod(batches=Batches(size, 1, data.name))
            rounds, same = rounds_to(data, method, target)
            shown = f"more than {MOST_ROUNDS}" if rounds is None else rounds
            keys = f"{same.round_bytes:,} key bytes a round, {same.key_bytes(same.rounds):,} in all"
            print(f"  batches of {size}: {shown} rounds; {keys}", flush=True)


def main() -> None:
    """Print the lines of the data sets that are named, or of all."""
    for name in sys.argv[1:] or (*DATASET_NAMES, "large"):
        report(large() if name == "large" else load_dataset(name))


if __name__ == "__main__":
    main()
