"""What a FEL round costs at 2048 bits: ``make fel`` prints time, keys, and the gain of packing."""

from __future__ import annotations

import sys
import time

import numpy as np

from qnetsim import seeds
from qnetsim.case import load
from qnetsim.case.tasks import open_session
from qnetsim.fel import paillier
from qnetsim.fel.arithmetic import ClassBalance
from qnetsim.fel.datasets import load_dataset
from qnetsim.fel.key_usage import KeyUsageTable, run_flow
from qnetsim.fel.paillier import pack, unpack
from qnetsim.fel.protocol import RoundOutcome
from qnetsim.scenario import FelTable
from tests.support import ROOT

SCENARIO = ROOT / "scenarios" / "fel.toml"
KEY_BITS = 2048
#: Samples that packing is timed on.
SAMPLE = 24


def packing_gain(name: str, samples: int = SAMPLE, features: int = 6) -> float:
    """Time of a gradient by phe's own numbers, one for each class, over that of packed ones.

    Residuals are encrypted, weighed by the features of one block, masked and decrypted: the
    same integers both ways, which must come out equal.
    """
    data = load_dataset(name)
    rows = np.linspace(0, data.samples - 1, samples).astype(int)
    residuals = ClassBalance(data.labels).residuals(np.zeros_like(data.labels))[rows].tolist()
    columns = data.features[rows][:, data.blocks(1, 0)[0][:features]].T.tolist()
    bits = seeds.stream(1, "packing", name)
    public, private = paillier.generate_keys(bits, KEY_BITS)

    started = time.perf_counter()
    cipher = paillier.Cipher(public, bits)
    sealed = [cipher.encrypt(pack(row)) for row in residuals]
    packed = []
    for column in columns:
        mask = cipher.uniform()
        opened = paillier.decrypt(private, cipher.blind(cipher.weigh(sealed, column), mask))
        packed.append(unpack(paillier.signed(opened - mask, cipher.n), data.classes))
    ours = time.perf_counter() - started

    started = time.perf_counter()
    numbers = [[public.encrypt(value) for value in row] for row in residuals]
    plain = []
    for column in columns:
        entries = []
        for c in range(data.classes):
            total = public.encrypt(1)  # the mask
            for number, factor in zip(numbers, column, strict=True):
                total = total + number[c] * factor
            entries.append(private.decrypt(total) - 1)
        plain.append(entries)
    theirs = time.perf_counter() - started
    if packed != plain:
        raise AssertionError(f"{name}: packed and plain gradients differ")
    return theirs / ours


def timed_round(
    table: FelTable, number: int
) -> tuple[float, float, KeyUsageTable, KeyUsageTable, int]:
    """Seconds of the set-up and of one round, their messages, and the workers."""
    real = table.model_copy(update={"mode": "real", "key_bits": KEY_BITS})
    session, setup, one = open_session(real, number, 1), KeyUsageTable(), KeyUsageTable()
    started = time.perf_counter()
    run_flow(session.setup(), setup)
    ready = time.perf_counter()
    run_flow(session.round(session.workers, RoundOutcome()), one)
    return ready - started, time.perf_counter() - ready, setup, one, len(session.workers)


def main() -> None:
    """Print a line for each data set that is named, or for all."""
    wanted = sys.argv[1:]
    for number, table in enumerate(load(SCENARIO).fel):
        if wanted and table.dataset not in wanted:
            continue
        gain = packing_gain(table.dataset)
        setup_s, round_s, setup, one, workers = timed_round(table, number)
        print(f"{table.dataset}: {workers} workers, {KEY_BITS} bits")
        print(f"  set-up {setup_s:.1f} s, round {round_s:.2f} s; packing gains {gain:.1f} ×")
        for title, usage in (("set-up", setup), ("round", one)):
            for (step, purpose), entry in usage.by_purpose():
                each = f"{entry.key_bytes / workers:,.0f} key bytes a worker"
                print(f"  {title} step {step} {purpose}: {each} ({entry.messages} messages)")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
