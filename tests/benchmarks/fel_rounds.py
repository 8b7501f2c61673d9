"""Seconds and key bytes of FEL rounds and trainings at 2048 bits, before and after, in one run.

``make fel-rounds`` prints them for the four data sets and one of 10,000 samples of 50 features.
The rounds are executed with short exponents and buckets, and checked to have the parameters of
counted ones, bit for bit. "Before" is Paillier's own randomness and a power for each product, as
until version 0.2: one operation in ``SAMPLED`` is done that way too, and their time takes the place
of what the operations took. Seconds are CPU seconds, summed over all parties. Step 2 is counted
only: nothing of it has changed.
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
from qnetsim.fel.best_steps import OPTIMISER_NAMES
from qnetsim.fel.computing import Later
from qnetsim.fel.datasets import DATASET_NAMES, Dataset, load_dataset, make_dataset
from qnetsim.fel.encryption_schemes import CountedScheme, EncryptionScheme, PaillierScheme
from qnetsim.fel.exchange import TaskEncryption
from qnetsim.fel.key_usage import KeyUsageTable, run_flow
from qnetsim.fel.learning_method import LearningMethod
from qnetsim.fel.protocol import RoundOutcome, Session
from qnetsim.fel.randomness import FullRandomness
from qnetsim.fel.roles import TaskRoles

KEY_BITS = 2048
#: Rounds of gradient descent whose loss the others have to reach.
ROUNDS = 30
#: A training that has not reached it by then is given up.
MOST_ROUNDS = 400
BATCHES = (32, 128)
#: One operation of so many is also done as it was.
SAMPLED = 16
SchemeOfRound = Callable[[int], EncryptionScheme]


class Watch:
    """CPU seconds of operations, and what they would have taken as they were."""

    def __init__(self) -> None:
        self.encrypting = self.weighing = self.encrypting_before = self.weighing_before = 0.0
        #: Seconds of the measurement itself.
        self.sampling = 0.0

    @property
    def full(self) -> float:
        """Seconds that Paillier's own randomness takes more."""
        return self.encrypting_before - self.encrypting

    @property
    def before(self) -> float:
        """Seconds that all took more."""
        return self.full + self.weighing_before - self.weighing


class WatchedScheme(PaillierScheme):
    """Short exponents and buckets; a part of the operations is also done as it was."""

    def __init__(self, watch: Watch, name: str, number: int) -> None:
        super().__init__(KEY_BITS, 1, "benchmark", name, number)
        self._watch = watch
        self._square = gmpy2.mpz(self.public) ** 2
        self._full = FullRandomness(self.public)

    def encrypt_all(self, values: Sequence[int]) -> Later[list[int]]:
        """Encrypt, and work out rⁿ for some."""
        return self._timed(super().encrypt_all(values), "encrypting", len(values), self._power)

    def add_fresh_all(
        self, columns: Sequence[Sequence[int]], *, by_key_holder: bool = False
    ) -> Later[list[int]]:
        """Add, and work out rⁿ for some."""
        later = super().add_fresh_all(columns, by_key_holder=by_key_holder)
        return self._timed(later, "encrypting", len(columns), self._power)

    def _power(self, number: int) -> None:
        self._full.factor(self.public // 3 + number)

    def weigh_all(
        self, ciphertexts: Sequence[int], columns: Sequence[Sequence[int]]
    ) -> Later[list[int]]:
        """Weigh, and work out some powers one after another."""
        pairs = [(c, f) for column in columns for c, f in zip(ciphertexts, column, strict=True)]

        def weigh(number: int) -> None:
            ciphertext, factor = pairs[number]
            if factor:
                gmpy2.powmod(ciphertext, factor, self._square) * ciphertext % self._square

        later = super().weigh_all(ciphertexts, columns)
        return self._timed(later, "weighing", len(pairs), weigh)

    def _timed(
        self, later: Later[list[int]], kind: str, count: int, before: Callable[[int], None]
    ) -> Later[list[int]]:
        def timed() -> list[int]:
            started = time.process_time()
            found = later()
            taken = time.process_time() - started
            sample = range(0, count, SAMPLED)
            started = time.process_time()
            for number in sample:
                before(number)
            slow = (time.process_time() - started) * count / max(len(sample), 1)
            vars(self._watch)[kind] += taken
            vars(self._watch)[f"{kind}_before"] += slow
            self._watch.sampling += time.process_time() - started
            return found

        return timed


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


def report(data: Dataset) -> None:
    """Print the lines of a data set."""
    plain = LearningMethod()
    counted = train(data, lambda _: CountedScheme(), plain, ROUNDS)
    target = counted.loss
    print(f"{data.name}: {len(counted.session.workers)} workers, loss {target:.4f}", flush=True)
    fast = report_round(data)
    for name in OPTIMISER_NAMES[1:]:
        rounds, same = rounds_to(data, LearningMethod(name), target)
        assert rounds is not None
        seconds = f"{fast.seconds(rounds):,.1f} s"
        if name == "conjugate_gradients":
            real = train(data, partial(short, data.name), LearningMethod(name), rounds)
            require_equal(real, same)
            seconds = f"{real.seconds(rounds):,.1f} s, executed"
        keys = f"{same.round_bytes:,} key bytes a round, {same.key_bytes(rounds):,} in all"
        print(f"  {name}: {rounds} rounds, {seconds}; {keys}", flush=True)
    for size in BATCHES:
        if size < data.samples:
            method = LearningMethod(batches=Batches(size, 1, data.name))
            rounds, same = rounds_to(data, method, target)
            shown = f"more than {MOST_ROUNDS}" if rounds is None else rounds
            keys = f"{same.round_bytes:,} key bytes a round, {same.key_bytes(same.rounds):,} in all"
            print(f"  batches of {size}: {shown} rounds; {keys}", flush=True)


def report_round(data: Dataset) -> Training:
    """Print what set-up and round of gradient descent take, before and after."""
    watches = Watch(), Watch()
    found = train(
        data,
        lambda number: WatchedScheme(watches[min(number, 1)], data.name, number),
        LearningMethod(),
        1,
    )
    require_equal(found, train(data, lambda _: CountedScheme(), LearningMethod(), 1))
    found.setup_s -= watches[0].sampling
    found.rounds_s -= watches[1].sampling
    for label, more in (
        ("before", [watch.before for watch in watches]),
        ("full randomness, buckets", [watch.full for watch in watches]),
        ("short exponents, buckets", [0.0, 0.0]),
    ):
        setup, one = found.setup_s + more[0], found.round_s + more[1]
        print(
            f"  {label}: set-up {setup:.1f} s ({setup / found.setup_s:.1f} ×), round {one:.2f} s "
            f"({one / found.round_s:.1f} ×); {ROUNDS} rounds {setup + ROUNDS * one:,.0f} s, "
            f"{found.round_bytes:,} key bytes a round, {found.key_bytes(ROUNDS):,} in all",
            flush=True,
        )
    return found


def short(name: str, number: int) -> PaillierScheme:
    """Encryption of a round with short exponents."""
    return PaillierScheme(KEY_BITS, 1, "benchmark", name, number)


def main() -> None:
    """Print the lines of the data sets that are named, or of all."""
    for name in sys.argv[1:] or (*DATASET_NAMES, "large"):
        report(large() if name == "large" else load_dataset(name))


if __name__ == "__main__":
    main()
