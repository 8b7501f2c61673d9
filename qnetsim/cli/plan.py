"""``qnetsim plan``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import click
from pydantic import ValidationError

from qnetsim.case import load, open_case
from qnetsim.cli.policy_option import policy_table
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.output import emit, force_option, json_option, scenario_argument, working
from qnetsim.cli.show.plan import plan_json, show_frontier, show_information, show_plan
from qnetsim.errors import UsageError
from qnetsim.optimize.itemise import itemise
from qnetsim.plans.make import information_values, make_plan, risk_frontier
from qnetsim.plans.storage import save_model, save_plan
from qnetsim.scenario import PlanningTable, Scenario
from qnetsim.trace import refuse_existing, refuse_input
from qnetsim.vocabulary import PlanStatus


@click.command()
@scenario_argument
@click.option("--policy", "-p", default="sip", show_default=True, help="NAME or NAME:key=value,…")
@click.option("--out", "-o", type=click.Path(path_type=Path), help="Plan file to write.")
@click.option(
    "--model",
    type=click.Path(path_type=Path),
    help="Model file (.lp or .mps) to write the program of sip to, for another solver.",
)
@click.option(
    "--information/--no-information",
    default=True,
    show_default=True,
    help="After a plan of sip, work out what knowing more is worth: EVPI and VSS.",
)
@click.option("--gap", type=float, help="Relative gap to stop at; else planning.gap.")
@click.option(
    "--round-limit",
    type=int,
    help="Most rounds of column generation of one program; else planning.round_limit.",
)
@click.option(
    "--node-limit", type=int, help="Most nodes of one integer program; else planning.node_limit."
)
@click.option(
    "--frontier",
    is_flag=True,
    help="With planning.risk, plan for weights 0 to 1 and show expected cost against CVaR.",
)
@force_option
@json_option
def plan(
    scenario: Path,
    policy: str,
    out: Path | None,
    model: Path | None,
    information: bool,
    frontier: bool,
    force: bool,
    as_json: bool,
    **limits: float | None,
) -> None:
    """Solve for what a policy reserves in SCENARIO, and what it is expected to cost per slot."""
    spec = _limited(load(scenario), limits)
    chosen = policy_table(policy, spec)
    case = open_case(spec)
    for path in (out, model):
        if path is not None:
            refuse_input(path, scenario)
            refuse_existing(path, force)
    with working(f"planning {chosen.title}") as tell:
        found = make_plan(spec, chosen, tell)
    if model is not None:
        save_model(spec, chosen, model, found)
    if out is not None:
        save_plan(found, spec, chosen, out, force=force)
    items = itemise(found, case.network, case.forecast, spec.cost)
    if not as_json:
        show_plan(found, case, items, chosen.title)
        if out is not None:
            echo(f"plan          {out}")
    # two more plans, which may take longer than the one that was asked for
    proved = found.status in {PlanStatus.OPTIMAL, PlanStatus.FEASIBLE}
    values = None
    # what knowing more is worth is a difference of expected costs
    if information and chosen.name == "sip" and proved and found.risk is None:
        with working("EVPI and VSS") as tell:
            values = information_values(spec, found, tell)
    points = []
    if frontier:
        with working("frontier") as tell:
            points = risk_frontier(spec, chosen, tell)
    if as_json:
        known = asdict(values) if values else {}
        if points:
            known["frontier"] = [asdict(point) for point in points]
        named = {"policy": chosen.title, "plan_file": out}
        emit("plan", named | plan_json(found, case, items) | known)
        return
    if values:
        show_information(values)
    if points:
        show_frontier(points)


def _limited(spec: Scenario, limits: Mapping[str, float | None]) -> Scenario:
    """Scenario with the limits of the solve that were given as options.

    Raises
    ------
    UsageError
        A value that the scenario's key does not take.
    """
    given = {key: value for key, value in limits.items() if value is not None}
    try:
        planning = PlanningTable.model_validate(spec.planning.model_dump() | given)
    except ValidationError as error:
        key = str(error.errors()[0]["loc"][0])
        allowed = PlanningTable.model_fields[key].json_schema_extra
        assert isinstance(allowed, dict)
        option = f"--{key.replace('_', '-')}"
        raise UsageError(f"{option} {given[key]}: must be {allowed['allowed']}") from None
    return spec.model_copy(update={"planning": planning})
