"""``qnetsim plan``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
from pydantic import ValidationError

from qnetsim.analysis.figures.style import STYLES, Style
from qnetsim.case import Case, load, open_case
from qnetsim.cli.figure_option import refuse_figure, style_option
from qnetsim.cli.set_option import Changes, set_option
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.output import (
    POLICY_HELP,
    emit,
    force_option,
    json_option,
    scenario_argument,
    working,
)
from qnetsim.cli.show.plan import plan_json, show_frontier, show_information, show_plan
from qnetsim.cli.show.recording import say_recording
from qnetsim.cli.show.wavelengths import show_wavelengths, wavelengths_json
from qnetsim.cli.strict_command import StrictCommand
from qnetsim.errors import UsageError
from qnetsim.optimize import Plan
from qnetsim.optimize.itemise import itemise
from qnetsim.optimize.plan import RiskFigures
from qnetsim.plans.make import InformationValues, information_values, make_plan, risk_frontier
from qnetsim.plans.wavelengths_worth import WavelengthsWorth, worth_of_wavelengths
from qnetsim.policies.chosen import policy_table
from qnetsim.scenario import PlanningTable, PolicyTable, Scenario
from qnetsim.trace import make_folder, refuse_existing
from qnetsim.vocabulary import PlanStatus


@click.command(cls=StrictCommand)
@scenario_argument
@set_option
@click.option(
    "--policy",
    "-p",
    default="sip",
    show_default=True,
    help=POLICY_HELP,
)
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
@click.option(
    "--sensitivity",
    metavar="KEY=FROM:TO:N",
    help="Plan for N values of a scenario key instead, and show cost, bound and status of each.",
)
@click.option(
    "--figure",
    type=click.Path(path_type=Path),
    help="Figure (.png, .svg or .pdf) of --sensitivity or --frontier to write.",
)
@style_option
@force_option
@json_option
def plan(
    scenario: Path,
    changes: Changes,
    policy: str,
    out: Path | None,
    model: Path | None,
    information: bool,
    frontier: bool,
    sensitivity: str | None,
    figure: Path | None,
    style: str,
    force: bool,
    as_json: bool,
    **limits: float | None,
) -> None:
    """Solve for what a policy reserves in SCENARIO, and what it is expected to cost per slot."""
    if figure is not None:
        if sensitivity is None and not frontier:
            raise UsageError("--figure draws --sensitivity or --frontier; give one of them")
        refuse_figure(figure, force=force)
    if sensitivity is not None:
        if out is not None or model is not None or frontier:
            raise UsageError(
                "--sensitivity makes many plans; leave out --out, --model and --frontier"
            )
        from qnetsim.cli.sensitivity_option import plan_over
        from qnetsim.studies.sensitivity import scenarios_of, sweep_of

        sweep = sweep_of(sensitivity)
        specs = [_limited(spec, limits) for spec in scenarios_of(scenario, sweep, changes)]
        plan_over(sweep, specs, policy, figure, STYLES[style], as_json=as_json)
        return
    spec = _limited(load(scenario, changes=changes), limits)
    say_recording(spec)
    chosen = policy_table(policy, spec.policy)
    case = open_case(spec)
    found = _planned(spec, chosen, out, model, force=force)
    items = itemise(found, case.network, case.forecast, spec.cost)
    if not as_json:
        show_plan(found, case, items, chosen.title)
        if out is not None:
            echo(f"plan          {out}")
    # more plans, which may take longer than the one that was asked for
    beside = _beside(spec, chosen, found, information=information, frontier=frontier)
    if figure is not None:
        _draw_frontier(beside.points, figure, STYLES[style])
    if as_json:
        named = {"policy": chosen.title, "plan_file": out}
        drawn = {} if figure is None else {"figure_file": figure}
        emit("plan", named | plan_json(found, case, items) | beside.as_json(case) | drawn)
        return
    beside.show(case)
    if figure is not None:
        echo(f"figure        {figure}")


def _planned(
    spec: Scenario, chosen: PolicyTable, out: Path | None, model: Path | None, *, force: bool
) -> Plan:
    """Make the plan, and write the files that are asked for."""
    for path in (out, model):
        if path is not None:
            refuse_existing(path, force)
    if model is not None:
        from qnetsim.optimize.export import refuse_other_suffix

        refuse_other_suffix(model.suffix)
    with working(f"planning {chosen.title}") as tell:
        found = make_plan(spec, chosen, tell)
    if model is not None:
        from qnetsim.plans.model_file import save_model

        save_model(spec, chosen, model, found)
    if out is not None:
        from qnetsim.plans.storage import save_plan

        save_plan(found, spec, chosen, out, force=force)
    return found


class _Beside(NamedTuple):
    """What is worked out beside a plan, where it is asked for and has a meaning."""

    values: InformationValues | None
    worth: WavelengthsWorth | None
    points: list[RiskFigures]

    def as_json(self, case: Case) -> dict[str, object]:
        """Fields of the JSON document."""
        found: dict[str, object] = {} if self.values is None else asdict(self.values)
        if self.worth is not None:
            found |= wavelengths_json(self.worth, case)
        if self.points:
            found["frontier"] = [asdict(point) for point in self.points]
        return found

    def show(self, case: Case) -> None:
        """Print it."""
        if self.values:
            show_information(self.values)
        if self.worth is not None:
            show_wavelengths(self.worth, case)
        if self.points:
            show_frontier(self.points)


def _beside(
    spec: Scenario, chosen: PolicyTable, found: Plan, *, information: bool, frontier: bool
) -> _Beside:
    values = None
    worth = None
    points: list[RiskFigures] = []
    proved = found.status in {PlanStatus.OPTIMAL, PlanStatus.FEASIBLE}
    # what knowing more is worth is a difference of expected costs
    if information and chosen.name == "sip" and proved and found.risk is None:
        with working("EVPI and VSS") as tell:
            values = information_values(spec, found, tell)
    if information and chosen.name == "sip":
        with working("three more wavelengths") as tell:
            worth = worth_of_wavelengths(spec, found, tell)
    if frontier:
        with working("frontier") as tell:
            points = risk_frontier(spec, chosen, tell)
    return _Beside(values, worth, points)


def _draw_frontier(points: Sequence[RiskFigures], figure: Path, style: Style) -> None:
    from qnetsim.analysis.figures.plan_costs import frontier_figure
    from qnetsim.analysis.figures.style import save

    make_folder(figure.parent)
    save(
        frontier_figure(
            [point.weight for point in points],
            np.array([point.expected_cost for point in points]),
            np.array([point.cvar for point in points]),
            points[0].level,
            style=style,
        ),
        figure,
        style,
    )


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
