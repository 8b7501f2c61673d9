"""The report of a comparison: one HTML file that needs nothing else."""

from __future__ import annotations

import html
import json
from pathlib import Path

from qnetsim.analysis.compare import Comparison, PolicyResult
from qnetsim.analysis.key_figures import KEY_COLUMNS, key_cells
from qnetsim.analysis.plots import comparison_figure, save, svg, training_figure
from qnetsim.analysis.training_table import training_columns, training_rows
from qnetsim.errors import TraceError
from qnetsim.trace import open_trace

#: Files that a report consists of.
RESULTS = ("report.html", "comparison.png")
#: Further picture, where FEL tasks were trained.
TRAINING = "training.png"

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { padding: .35rem .6rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child { text-align: left; }
caption { text-align: left; font-weight: 600; padding-bottom: .4rem; }
figure { margin: 1.5rem 0; background: #fff; padding: .8rem; border-radius: 6px; }
figure svg { width: 100%; height: auto; }
code, pre { font-size: .85em; background: var(--soft); overflow-wrap: anywhere; }
pre { padding: .8rem; overflow-x: auto; white-space: pre-wrap; }
@media print { body { max-width: none; margin: 0; } details { display: none; } }
"""


def write_report(comparison: Comparison, folder: Path) -> Path:
    """Write ``report.html`` and ``comparison.png`` into a folder; returns the report's path.

    Raises
    ------
    TraceError
        The folder cannot be written to.
    """
    figure = comparison_figure(comparison, _title(comparison))
    tasks = comparison.policies[0].runs[0].tasks
    training = training_figure(comparison) if tasks else None
    path = folder / RESULTS[0]
    try:
        path.write_text(_page(comparison, svg(figure), svg(training) if training else ""), "utf-8")
    except OSError as error:
        raise TraceError(f"{path}: cannot be written: {error}") from None
    save(figure, folder / RESULTS[1])
    if training:
        save(training, folder / TRAINING)
    return path


def _title(comparison: Comparison) -> str:
    with open_trace(comparison.policies[0].runs[0].trace) as trace:
        scenario = trace.provenance["scenario"]
    demand, network = scenario["demand"], scenario["network"]
    name = Path(network["topology"]).stem if "/" in network["topology"] else network["topology"]
    requests = comparison.policies[0].runs[0].arrived // comparison.slots
    return (
        f"{name}: {requests} requests, {demand['coupling']} {demand['kind']} demand, "
        f"{comparison.slots} slots × {comparison.replications} replications"
    )


def _page(comparison: Comparison, drawing: str, training: str) -> str:
    title = html.escape(_title(comparison))
    with open_trace(comparison.policies[0].runs[0].trace) as trace:
        provenance = trace.provenance
    scenario = html.escape(json.dumps(provenance["scenario"], indent=1))
    software = html.escape(json.dumps(provenance["software"] | provenance["environment"]))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>qnetsim: {title}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>Comparison of allocation policies</h1>
<p>{title}</p>
{_policy_table(comparison)}
<figure>{drawing}</figure>
{_keys_table(comparison)}
{_training(comparison, training)}
{_plan_table(comparison)}
<h2>Worlds</h2>
<p>Every policy met the same worlds: the digests of topology, demand and yields are equal in all
traces, replication by replication. World digest <code>{comparison.world_digest}</code>.</p>
<p>Intervals are paired 95 % t intervals over {comparison.replications} replications.
A policy that sees the future is a bound, not a competitor.</p>
<h2>Provenance</h2>
<p><code>{software}</code></p>
<details><summary>Scenario of the first trace</summary><pre>{scenario}</pre></details>
</body>
</html>
"""


def _policy_table(comparison: Comparison) -> str:
    head = (
        f"<tr><th>policy</th><th>cost per slot</th><th>ratio to "
        f"{html.escape(comparison.reference)}</th><th>paired 95 % interval</th><th>served</th>"
        "<th>blocked</th><th>on demand</th><th>variance reduction</th></tr>"
    )
    rows = "".join(_policy_row(policy) for policy in comparison.policies)
    return f"<table><caption>Cost per slot</caption>{head}{rows}</table>"


def _policy_row(policy: PolicyResult) -> str:
    if policy.ratio_low is None or policy.ratio_high is None:
        interval = "—"
    else:
        interval = f"{policy.ratio_low:.4f} … {policy.ratio_high:.4f}"
    reduction = "—" if policy.variance_reduction is None else f"{policy.variance_reduction:.1f}"
    ratio = "—" if policy.ratio is None else f"{policy.ratio:.4f}"
    name = html.escape(policy.name) + (" (sees the future)" if policy.sees_future else "")
    return (
        f"<tr><td>{name}</td><td>{policy.cost_per_slot:,.0f}</td><td>{ratio}</td>"
        f"<td>{interval}</td><td>{policy.served:.2%}</td><td>{policy.blocked:.2%}</td>"
        f"<td>{policy.on_demand_share:.2%}</td><td>{reduction}</td></tr>"
    )


def _keys_table(comparison: Comparison) -> str:
    head = "".join(f"<th>{html.escape(title)}</th>" for title in ("policy", *KEY_COLUMNS))
    rows = "".join(
        "<tr>"
        + "".join(f"<td>{html.escape(c)}</td>" for c in (policy.name, *key_cells(policy.keys)))
        + "</tr>"
        for policy in comparison.policies
    )
    return f"<table><caption>Keys and waiting</caption><tr>{head}</tr>{rows}</table>"


def _training(comparison: Comparison, drawing: str) -> str:
    """Table and figure of the FEL tasks, where there are any."""
    if not drawing:
        return ""
    head = "".join(f"<th>{html.escape(t)}</th>" for t in training_columns(comparison))
    rows = "".join(
        "<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in cells) + "</tr>"
        for cells in training_rows(comparison)
    )
    caption = "Federated learning: simulated time until trained, mean ± spread over replications"
    return (
        f"<table><caption>{caption}</caption><tr>{head}</tr>{rows}</table>"
        f"<figure>{drawing}</figure>"
    )


def _plan_table(comparison: Comparison) -> str:
    rows = []
    for policy in comparison.policies:
        plan = policy.plan
        if plan is not None:
            gap = "—" if plan["gap"] is None else f"{plan['gap']:.1e}"
            rows.append(
                f"<tr><td>{html.escape(policy.name)}</td><td>{plan['objective']:,.0f}</td>"
                f"<td>{html.escape(plan['status'])}</td><td>{gap}</td>"
                f"<td>{html.escape(plan['solver'])}</td><td>{html.escape(plan['note'])}</td></tr>"
            )
    if not rows:
        return ""
    head = (
        "<tr><th>policy</th><th>expected cost per slot</th><th>status</th><th>gap</th>"
        "<th>found and proved by</th><th>note</th></tr>"
    )
    return f"<table><caption>Plans</caption>{head}{''.join(rows)}</table>"
