"""The tables of a report, in HTML."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from qnetsim.analysis.compare import Comparison, ConfidenceInterval, PolicyResult
from qnetsim.analysis.divergence import Divergence
from qnetsim.analysis.figures.costs import LABELS
from qnetsim.analysis.rows import KEY_COLUMNS, key_cells
from qnetsim.analysis.training_table import training_columns, training_rows

DASH = "—"


def html_table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Table of plain texts; everything is escaped here."""

    def line(tag: str, cells: Sequence[str]) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in cells) + "</tr>"

    body = "".join(line("td", cells) for cells in rows)
    return (
        f'<div class="wide"><table><caption>{html.escape(caption)}</caption>'
        f"<thead>{line('th', head)}</thead><tbody>{body}</tbody></table></div>"
    )


def shown(value: ConfidenceInterval | None) -> str:
    """Mean with its interval."""
    if value is None:
        return DASH
    if value.low is None or value.high is None:
        return f"{value.mean:+,.0f}"
    return f"{value.mean:+,.0f} ({value.low:+,.0f} … {value.high:+,.0f})"


def policy_table(comparison: Comparison) -> str:
    """The headline: costs, paired ratios, shares."""
    head = ("policy", "cost per slot", f"ratio to {comparison.reference}", "paired 95 % interval")
    shares = ("served", "blocked", "on demand")
    return html_table("Cost per slot", (*head, *shares), map(_policy_row, comparison.policies))


def _name(policy: PolicyResult) -> str:
    return policy.name + (" (sees the future)" if policy.sees_future else "")


def _policy_row(policy: PolicyResult) -> tuple[str, ...]:
    interval = DASH
    if policy.ratio_low is not None and policy.ratio_high is not None:
        interval = f"{policy.ratio_low:.4f} … {policy.ratio_high:.4f}"
    return (
        _name(policy),
        f"{policy.cost_per_slot:,.0f}",
        DASH if policy.ratio is None else f"{policy.ratio:.4f}",
        interval,
        f"{policy.served:.2%}",
        f"{policy.blocked:.2%}",
        f"{policy.on_demand_share:.2%}",
    )


def paired_table(comparison: Comparison) -> str:
    """Differences per slot, what common worlds are worth, and what knowing more is worth."""
    rows = [
        (
            _name(policy),
            shown(
                ConfidenceInterval(policy.difference, policy.difference_low, policy.difference_high)
            ),
            DASH if policy.variance_reduction is None else f"{policy.variance_reduction:,.1f} ×",
            shown(policy.regret),
        )
        for policy in comparison.policies
    ]
    head = (
        "policy",
        f"cost above {comparison.reference}",
        "variance reduction",
        "regret: cost above perfect information",
    )
    found = html_table("Paired differences per slot, 95 % intervals", head, rows)
    values = (
        ("EVPI, expected value of perfect information (sip − perfect)", comparison.evpi),
        ("VSS, value of the stochastic solution (evf − sip)", comparison.vss),
    )
    known = [(name, shown(value)) for name, value in values if value is not None]
    if known:
        found += html_table("In these worlds, per slot", ("value", "mean and interval"), known)
    return found


def kinds_table(comparison: Comparison) -> str:
    """Cost per slot by kind."""
    kinds = [k for k in LABELS if any(p.cost_by_kind[k] for p in comparison.policies)]
    rows = [
        (policy.name, *(f"{policy.cost_by_kind[kind]:,.0f}" for kind in kinds))
        for policy in comparison.policies
    ]
    return html_table("Cost per slot by kind", ("policy", *(LABELS[k] for k in kinds)), rows)


def keys_table(comparison: Comparison) -> str:
    """What becomes of keys, and how long requests wait."""
    rows = [(policy.name, *key_cells(policy.keys)) for policy in comparison.policies]
    return html_table("Keys and waiting", ("policy", *KEY_COLUMNS), rows)


def partings_table(comparison: Comparison, found: dict[str, Divergence]) -> str:
    """First decision in which each policy differs from the reference, in the first world."""
    rows = []
    for name, divergence in found.items():
        last = divergence.marks[-1].sums
        apart = {key: b - a for key, (a, b) in last.items()}
        rows.append(
            (
                name,
                DASH if divergence.slot is None else f"{divergence.slot:,}",
                _example(divergence),
                f"{apart['cost']:+,.0f}",
                f"{apart['reservation_bits']:+,.0f}",
                f"{apart['on_demand_bits']:+,.0f}",
                f"{apart['blocked']:+,.0f}",
            )
        )
    head = (
        "policy",
        "first slot",
        "what differs there",
        "cost from there",
        "reserved keys used, bit",
        "keys on demand, bit",
        "blocked",
    )
    caption = f"Where policies part from {comparison.reference}, replication "
    return html_table(f"{caption}{comparison.policies[0].runs[0].replication}", head, rows)


def _example(divergence: Divergence) -> str:
    if not divergence.fibres:
        return DASH
    change = divergence.fibres[0]
    a, b = change.qkd_channels
    x, y = change.km_wavelengths
    more = f", and {len(divergence.fibres) - 1} fibres more" if len(divergence.fibres) > 1 else ""
    amount = f"{a} → {b} channels" if a != b else f"{x} → {y} wavelengths"
    return f"{change.source}–{change.target}: {amount}{more}"


def tasks_table(comparison: Comparison) -> str:
    """FEL tasks, policy by policy."""
    caption = "Federated learning: simulated time until trained, mean ± spread over replications"
    return html_table(caption, training_columns(comparison), training_rows(comparison))


def plans_table(comparison: Comparison) -> str:
    """Plans behind the policies: what was proved, and by which solver."""
    rows = []
    for policy in comparison.policies:
        plan = policy.plan
        if plan is not None:
            gap = DASH if plan["gap"] is None else f"{plan['gap']:.1e}"
            rows.append(
                (
                    policy.name,
                    f"{plan['objective']:,.0f}",
                    plan["status"],
                    gap,
                    plan["solver"],
                    plan["note"],
                )
            )
    if not rows:
        return ""
    head = ("policy", "expected cost per slot", "status", "gap", "found and proved by", "note")
    return html_table("Plans", head, rows)
