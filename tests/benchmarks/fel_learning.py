"""Federated models on held-out records beside scikit-learn's, and keys of both kinds of tasks.

Run as ``python tests/benchmarks/fel_learning.py``; messages are counted.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from qnetsim.fel.datasets import DATASET_NAMES, load_dataset
from qnetsim.fel.encryption_schemes import CountedScheme
from qnetsim.fel.exchange import TaskEncryption
from qnetsim.fel.horizontal import Averaging, AveragingSession
from qnetsim.fel.key_usage import KeyUsageTable, run_flow
from qnetsim.fel.learning_method import LearningMethod
from qnetsim.fel.preparation import FEATURE_BITS, SPAN_DEVIATIONS, Preparation
from qnetsim.fel.protocol import RoundOutcome, Session
from qnetsim.fel.record_shares import draw_shares
from qnetsim.fel.roles import TaskRoles

SEED = 1
L2 = Fraction(1, 100) / SPAN_DEVIATIONS**2


def learnt(task: Session | AveragingSession, rounds: int) -> str:
    run_flow(task.setup(), KeyUsageTable())
    usage = KeyUsageTable()
    outcome = RoundOutcome()
    for _ in range(rounds):
        usage = KeyUsageTable()
        run_flow(task.round(task.workers, outcome), usage)
    found = task.evaluation
    assert found is not None
    return (
        f"{found.test_accuracy:.1%} {found.test_auc:.4f} ({usage.total.key_bytes:,} bytes a round)"
    )


def main() -> None:
    for name in DATASET_NAMES:
        how = Preparation(standardise=True, intercept=True, test_share=0.25)
        data = load_dataset(name, how, SEED)
        workers = len(data.blocks(SEED, 0))
        roles = TaskRoles("o", {"h": [f"w{i}" for i in range(workers)]})
        encryption = TaskEncryption(2048, lambda _: CountedScheme())
        blocks = data.worker_blocks(SEED, 0, workers)
        for optimiser, rounds in (("gradient_descent", 30), ("conjugate_gradients", 5)):
            method = LearningMethod(optimiser, l2=L2)
            task = Session(data, blocks, roles, encryption, method=method)
            print(name, "vertical", optimiser, rounds, learnt(task, rounds))
        flat = load_dataset(name, Preparation(test_share=0.25), SEED)
        roles = TaskRoles("o", {"h": [f"w{i}" for i in range(5)]})
        averaging = Averaging(10, L2, True, True)
        shares = draw_shares(flat, roles.workers, SEED)
        task = AveragingSession(flat, shares, roles, averaging)
        print(name, "horizontal, 5 workers, 10 local steps", 30, learnt(task, 30))
        x = data.features[:, :-1] / 2**FEATURE_BITS * SPAN_DEVIATIONS
        labels = data.labels
        classes = labels[:, 0] if labels.shape[1] == 1 else np.argmax(labels, axis=1)
        model = LogisticRegression(class_weight="balanced", max_iter=5000)
        model.fit(x[~data.test], classes[~data.test])
        shares = model.predict_proba(x[data.test])
        scores = shares[:, 1] if shares.shape[1] == 2 else shares
        auc = roc_auc_score(classes[data.test], scores, multi_class="ovr")
        print(
            name, "scikit-learn", f"{model.score(x[data.test], classes[data.test]):.1%} {auc:.4f}"
        )


if __name__ == "__main__":
    main()
