"""How good what is learnt from traces is, beside the policies that made the traces.

``python -m tests.benchmarks.offline_learning --out runs/offline``: runs of each set of policies are
recorded on ``nsfnet``, a policy is learnt from each set, and all are run in ten worlds that are in
no trace. Costs over that of `sip` there, with paired 95 % intervals.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from qnetsim.analysis.paired import paired_ratio
from qnetsim.arrays import FloatArray
from qnetsim.case import Case, load, open_case
from qnetsim.learning.checkpoint import weights_of, write_weights
from qnetsim.learning.offline import OfflineTraining, read_for
from qnetsim.learning.options import TrainingOptions
from qnetsim.learning.train import limit_threads
from qnetsim.policies.chosen import choose, choose_all
from qnetsim.runs.batch import run_policies
from qnetsim.runs.simulate import simulate
from qnetsim.scenario.lines import Key
from qnetsim.trace import open_trace

LEVELS = [f"level:level={level},label=level-{level}" for level in (2, 3, 5, 6)]
#: Policies whose runs are learnt from, by the name of the set.
SETS = {
    "sip": ("sip",),
    "mixed": ("sip", "evf", *LEVELS, "random"),
    "random": ("random",),
}
BASE = "sip"
#: Worlds in which policies are compared; those of the traces come after them.
WORLDS = 10
#: What a slot costs.
PARTS = ("qkd_reserved", "qkd_on_demand", "km_reserved", "km_on_demand", "blocking")


def record(case: Case, name: str, slots: int, folder: Path) -> list[Path]:
    """Runs of a set: the same number of slots in all, each policy in a world of its own."""
    policies = SETS[name]
    changes: dict[Key, object] = {("run", "slots"): slots // len(policies)}
    short = open_case(case.scenario.with_changes(changes))
    paths = []
    for place, policy in enumerate(policies):
        path = folder / name / f"{place}.h5"
        path.parent.mkdir(parents=True, exist_ok=True)
        simulate(short, choose(policy), path, replication=WORLDS + place, resume=True)
        paths.append(path)
    return paths


def learn(
    case: Case, algorithm: str, paths: Sequence[Path], weight: float, seeds: int, stem: Path
) -> list[Path]:
    """Weights of each training seed."""
    training = OfflineTraining(
        case,
        algorithm,
        range(seeds),
        read_for(case, algorithm, paths),
        value_weight=weight,
        options=TrainingOptions(evaluate_every=1000),
    )
    training.run()
    made = []
    for seed in range(seeds):
        made.append(stem.with_name(f"{stem.name}-{seed}.safetensors"))
        write_weights(made[-1], weights_of(training, seed))
    return made


def mean_costs(paths: Sequence[Path]) -> FloatArray:
    """Mean cost of a slot in each run."""
    found = []
    for path in paths:
        with open_trace(path) as trace:
            costs = [trace.column(f"slots/{part}_cost").mean() for part in PARTS]
        found.append(float(np.sum(costs)))
    return np.array(found)


def ratio(costs: FloatArray, base: FloatArray) -> str:
    """Paired 95 % interval."""
    found = paired_ratio(costs, base)
    assert found is not None
    if found.low is None or found.high is None:
        return f"{found.estimate:.3f}"
    return f"{found.low:.3f} … {found.high:.3f}"


def lines(case: Case, given: argparse.Namespace) -> Iterator[str]:
    """Rows of the table."""
    yield f"| learnt from | by | α | {' | '.join(f'seed {s}' for s in range(given.seeds))} |"
    yield f"|---|---|---|{'---|' * given.seeds}"
    behaviour = choose_all(SETS["mixed"])
    runs = run_policies(case, behaviour, given.out / "worlds", resume=True)
    costs = mean_costs(runs).reshape(len(behaviour), WORLDS)
    base = costs[[policy.title for policy in behaviour].index(BASE)]
    for policy, own in zip(behaviour, costs, strict=True):
        yield f"| made by {policy.title} | – | – | {ratio(own, base)} |{' |' * (given.seeds - 1)}"
    for name in SETS:
        paths = record(case, name, given.slots, given.out)
        for algorithm in given.policy:
            for weight in given.value_weight:
                stem = given.out / f"{name}-{algorithm}-{weight:g}"
                learnt = learn(case, algorithm, paths, weight, given.seeds, stem)
                trained = [f"{algorithm}:model={p},label=s{k}" for k, p in enumerate(learnt)]
                runs = run_policies(case, trained, given.out / stem.name, force=True)
                own = mean_costs(runs).reshape(given.seeds, WORLDS)
                cells = " | ".join(ratio(row, base) for row in own)
                yield f"| {name} | {algorithm} | {weight:g} | {cells} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/offline"))
    parser.add_argument("--policy", "-p", nargs="+", default=["fedsac", "decsac"])
    parser.add_argument("--value-weight", nargs="+", type=float, default=[0.0, 2.5])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--slots", type=int, default=2100, help="slots of each set of traces")
    given = parser.parse_args()
    limit_threads(1)
    changes: dict[Key, object] = {("run", "warmup_slots"): 0}
    case = open_case(load("nsfnet", changes=changes, slots=300, replications=WORLDS))
    for line in lines(case, given):
        print(line, flush=True)


if __name__ == "__main__":
    main()
