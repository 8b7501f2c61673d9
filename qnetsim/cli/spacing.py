"""``qnetsim spacing``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from qnetsim.case import load, open_case
from qnetsim.cli.set_option import Changes, set_option
from qnetsim.cli.show.boxed_table import print_table
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.output import emit, figure, json_option, scenario_argument, table
from qnetsim.cli.strict_command import StrictCommand
from qnetsim.errors import UsageError
from qnetsim.plans.make import make_plan
from qnetsim.scenario import PolicyTable, Scenario
from qnetsim.studies.spacing import cheapest_spacing


@click.command(cls=StrictCommand)
@scenario_argument
@set_option
@click.option(
    "--choices",
    default="40:320:20",
    show_default=True,
    help="Spacings to choose from, FIRST:LAST:STEP in km.",
)
@json_option
def spacing(scenario: Path, changes: Changes, choices: str, as_json: bool) -> None:
    """Find the cheapest spacing of transmitters on each fibre of SCENARIO."""
    spec = load(scenario, changes=changes)
    found = cheapest_spacing(spec, _choices(choices))
    sip = PolicyTable(name="sip")
    before, after = (_expected_cost(made, sip) for made in (spec, found.scenario))
    network = open_case(spec).network
    spans = [list(entry) for entry in found.scenario.network.fibre_spans]
    if as_json:
        emit("spacing", {"fibre_spans": spans, "objective_before": before, "objective": after})
        return
    rows = table(
        "cheapest spacing L, and the expected cost of one request on the fibre per slot",
        ["fibre", "length km", "L before", "L", "cost before", "cost"],
        first_to_go=["length km", "cost before", "L before"],
    )
    for e, span in enumerate(found.spans_km):
        rows.add_row(
            network.topology.fibre_title(e),
            figure(network.topology.lengths_km[e]),
            figure(float(network.spans_km[e])),
            figure(span),
            figure(found.before[e]),
            figure(found.after[e]),
        )
    print_table(rows)
    if found.left_out:
        listed = ", ".join(f"{span:g}" for span in found.left_out)
        echo(f"no bit in a slot at {listed} km")
    if before is not None and after is not None:
        echo(f"sip, expected cost per slot: {before:,.2f} before, {after:,.2f} with these")
    lines = ",\n".join(f"  {json.dumps(entry, ensure_ascii=False)}" for entry in spans)
    echo(f"put into [network]:\nfibre_spans = [\n{lines},\n]", copied=True)


def _expected_cost(scenario: Scenario, policy: PolicyTable) -> float | None:
    plan = make_plan(scenario, policy)
    return plan.objective(open_case(scenario).network) if plan else None


def _choices(text: str) -> list[float]:
    try:
        first, last, step = (float(part) for part in text.split(":"))
    except ValueError:
        raise UsageError(
            f"--choices {text!r}: give FIRST:LAST:STEP in km, for example 40:320:20"
        ) from None
    if not (0 < first <= last <= 1e6 and step > 0 and (last - first) / step <= 1000):
        raise UsageError(
            f"--choices {text}: needs 0 < FIRST <= LAST <= 1000000, STEP > 0, at most 1000 steps"
        )
    count = int((last - first) / step + 1e-9) + 1
    return [round(first + i * step, 9) for i in range(count)]
