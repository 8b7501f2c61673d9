"""What one pair can know of one job: a hidden Markov chain over rounds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from qnetsim.arrays import FloatArray, IntArray
from qnetsim.errors import UsageError
from qnetsim.forecast.job_law import JobLaw

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

#: Most states; beliefs about them are kept for every pair.
MOST_STATES = 50_000


@dataclass(frozen=True, eq=False)
class PairJobStates:
    """States of a pair in a job: none (0), or part, period, size and slots since the round began.

    Attributes
    ----------
    onward : csr_matrix, shape (states, states)
        Transposed steps from slot to slot of a job that is there; the state 0 is where it ends.
    entry : ndarray of float64, shape (states,)
        Distribution of the state in the first slot of a job.
    rate : float
        Jobs of which a pair becomes part, per slot.
    size : ndarray of int64, shape (states,)
        Levels that the pair asks for.
    asks : ndarray of float64, shape (states,)
        Probability that it does.
    """

    onward: csr_matrix
    entry: FloatArray
    rate: float
    size: IntArray
    asks: FloatArray

    @classmethod
    def of(cls, law: JobLaw) -> PairJobStates:
        """States under a law of jobs.

        Raises
        ------
        UsageError
            Periods and sizes make too many.
        """
        from scipy.sparse import csr_matrix

        table = law.table
        periods = Counter(table.periods)
        _refuse_many(law, periods)
        more = table.more_rounds / (1.0 + table.more_rounds)
        parts = (
            (0, table.sizes, table.members, 1.0 - table.drop_out),
            (1, law.owner_sizes, 1, 1.0),
        )
        rows, columns, chances = [0], [0], [1.0]
        entry, size, asks = [0.0], [0], [0.0]
        for asked_at, sizes, times, takes_part in parts:
            each = times / (table.members + 1) / len(table.periods) / len(sizes)
            for (period, often), (levels, as_often) in product(
                periods.items(), Counter(sizes).items()
            ):
                first = len(size)
                for age in range(period + 1):
                    late = 1.0 if age < period - 1 else table.delay if age < period else 0.0
                    steps = ((first + age + 1, late), (first, (1 - late) * more))
                    for target, chance in (*steps, (0, (1 - late) * (1 - more))):
                        if chance > 0.0:
                            rows.append(first + age)
                            columns.append(target)
                            chances.append(chance)
                    entry.append(each * often * as_often if age == 0 else 0.0)
                    size.append(levels)
                    asks.append(takes_part if age == asked_at else 0.0)
        shape = len(size), len(size)
        pairs = len(law.nodes) * (len(law.nodes) - 1) / 2
        starts = float(law.round_rate) / (1.0 + table.more_rounds)
        return cls(
            onward=csr_matrix((chances, (columns, rows)), shape=shape),
            entry=np.array(entry),
            rate=table.count * starts * (table.members + 1) / pairs,
            size=np.array(size),
            asks=np.array(asks),
        )


def _refuse_many(law: JobLaw, periods: Counter[int]) -> None:
    sizes = len(set(law.table.sizes)) + len(set(law.owner_sizes))
    count = 1 + sizes * sum(period + 1 for period in periods)
    if count > MOST_STATES:
        raise UsageError(
            f"job-filter: jobs with these periods and sizes have {count} states on a pair; "
            f"allowed: at most {MOST_STATES}: give [jobs] fewer or shorter periods, or fewer sizes"
        )
