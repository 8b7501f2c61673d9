"""What came out of a comparison, in sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from qnetsim.analysis.compare import PERFECT, Comparison, PolicyResult
from qnetsim.analysis.paired import ConfidenceInterval, paired_ratio
from qnetsim.arrays import FloatArray

#: Fewer replications than this make a weak headline.
FEW = 10


def in_words(comparison: Comparison) -> tuple[str, ...]:
    """Say who is cheapest, by how much, what nobody can know would save, and what was blocked.

    Every figure is paired: policies met the same worlds. Ranges are 95 % intervals.

    Parameters
    ----------
    comparison : Comparison
    """
    return tuple(_sentences(comparison))


def _sentences(comparison: Comparison) -> Iterator[str]:
    rivals = sorted(
        (policy for policy in comparison.policies if not policy.sees_future),
        key=lambda policy: (policy.cost_per_slot, policy.name != comparison.reference),
    )
    if rivals:
        yield from _ranking(rivals)
    for policy in comparison.policies:
        if policy.sees_future and rivals:
            yield _knowing(policy, rivals[0])
    yield _blocking(comparison.policies)
    if comparison.replications == 1:
        yield "There is one replication, so no difference has an interval; run at least ten."
    elif comparison.replications < FEW:
        yield f"{comparison.replications} replications are few for a headline; run at least {FEW}."


def _ranking(rivals: Sequence[PolicyResult]) -> Iterator[str]:
    best = rivals[0]
    ratios = {policy.name: _ratio(policy, best) for policy in rivals[1:]}
    same = [p.name for p in rivals[1:] if np.array_equal(_costs(p), _costs(best))]
    level = [name for name, ratio in ratios.items() if name not in same and _contains_one(ratio)]
    dearer = [name for name in ratios if name not in same and name not in level]
    cost = f"{best.cost_per_slot:,.0f} per slot"
    if not ratios:
        yield f"{best.name} costs {cost}."
        return
    alone = "is the cheapest" if not same else f"and {listed(same)} cost the same and the least"
    yield f"{best.name} {alone}: {cost}."
    if level:
        verb = "differ" if len(level) > 1 else "differs"
        shown = listed([f"{name} ({_more(ratios[name])})" for name in level])
        yield f"Not told apart from it: {shown} {verb} by less than chance allows."
    if dearer:
        first, *others = ((name, _more(ratios[name])) for name in dearer)
        told = [f"{first[0]} costs {first[1]}", *(f"{name} {more}" for name, more in others)]
        yield f"{listed(told)}."


def _knowing(policy: PolicyResult, best: PolicyResult) -> str:
    perfect = policy.name == PERFECT
    who = "Perfect information" if perfect else f"{policy.name}, which sees the future,"
    ratio = _ratio(policy, best)
    if ratio is None:
        return f"{who} is a bound, not a competitor."
    saved = f"{_percent(1 - ratio.estimate)}{_range(ratio, lambda x: 1 - x)}"
    tied = "; slots are tied to each other here, so it is no bound" if best.keys.dynamic else ""
    return f"{who} would save {saved} of {best.name}'s cost{tied}."


def _blocking(policies: Sequence[PolicyResult]) -> str:
    shares = [(policy.name, policy.blocked) for policy in policies if policy.blocked > 0]
    if not shares:
        return "No request was blocked."
    if len({share for _, share in shares}) == 1 and len(shares) == len(policies):
        return f"Every policy blocked {_percent(shares[0][1])} of the requests."
    blocked = listed([f"{name} blocked {_percent(share)}" for name, share in shares])
    return f"{blocked} of the requests; costs alone do not rank policies that block unequally."


def _costs(policy: PolicyResult) -> FloatArray:
    return np.array([run.cost for run in policy.runs])


def _ratio(policy: PolicyResult, best: PolicyResult) -> ConfidenceInterval | None:
    return paired_ratio(_costs(policy), _costs(best))


def _contains_one(ratio: ConfidenceInterval | None) -> bool:
    if ratio is None or ratio.low is None or ratio.high is None:
        return False
    return ratio.low <= 1 <= ratio.high


def _more(ratio: ConfidenceInterval | None) -> str:
    if ratio is None:
        return "more"
    return f"{_percent(ratio.estimate - 1)} more{_range(ratio, lambda x: x - 1)}"


def _range(ratio: ConfidenceInterval, change: Callable[[float], float]) -> str:
    if ratio.low is None or ratio.high is None:
        return ""
    low, high = sorted((change(ratio.low), change(ratio.high)))
    return f" ({_number(low)} to {_number(high)})"


def _percent(share: float) -> str:
    return f"{_number(share)} %"


def _number(share: float) -> str:
    """A share in percent, with as many digits as tell it from zero."""
    percent = 100 * share
    digits = 1 if abs(percent) >= 1 or percent == 0 else 2 if abs(percent) >= 0.1 else 3
    return f"{percent:.{digits}f}"


def listed(parts: Sequence[str]) -> str:
    """Parts of a sentence as a list: a, b and c."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
