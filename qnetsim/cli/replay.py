"""``qnetsim replay``."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from qnetsim.analysis import run_metrics
from qnetsim.case import load, open_case
from qnetsim.cli.policy_option import policy_table
from qnetsim.cli.show.metrics import metrics_json, show_metrics
from qnetsim.cli.show.output import emit, force_option, json_option, progress
from qnetsim.errors import UsageError
from qnetsim.replay.departure import WhatIf, forced_reservation
from qnetsim.replay.reopen import recorded_run
from qnetsim.replay.replay import replay as replay_in
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable, RecordingTable
from qnetsim.trace import is_hdf5, is_ours, open_trace, open_world, refuse_input

RATE_UNITS = list(get_args(RecordingTable.model_fields["rate_unit"].annotation))


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--policy", "-p", help="NAME or NAME:key=value,…; the trace's own unless given.")
@click.option("--from-slot", type=click.IntRange(0), help="Follow the trace to this slot.")
@click.option(
    "--set",
    "forced",
    multiple=True,
    metavar="FIBRE:…",
    help="From that slot on: SOURCE-TARGET:qkd_channels=N,km_wavelengths=N.",
)
@click.option("--for", "slots", type=click.IntRange(1), help="Slots for which --set stands.")
@click.option("--scenario", type=click.Path(path_type=Path), help="Network of a demand file.")
@click.option("--rate-unit", type=click.Choice(RATE_UNITS), help="Of a demand file.")
@click.option("--slot-s", type=float, help="Length of a slot of a demand file, in seconds.")
@click.option("--forecast-slots", type=int, default=0, help="Of a demand file; see [recording].")
@click.option("--out", "-o", type=click.Path(path_type=Path), help="Trace to write.")
@force_option
@json_option
def replay(
    source: Path,
    policy: str | None,
    from_slot: int | None,
    forced: tuple[str, ...],
    slots: int | None,
    scenario: Path | None,
    rate_unit: str | None,
    slot_s: float | None,
    forecast_slots: int,
    out: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Run a policy in the world of SOURCE.

    SOURCE is a trace, a world that `qnetsim demand` recorded, or demand of your own: a .csv or .h5
    file with slot, source, target, rate, which needs --scenario, --rate-unit and --slot-s.

    With --from-slot the trace is followed to that slot; from there on --policy decides, or the
    policy of the trace with the reservations that --set forces.
    """
    if source.suffix.lower() == ".csv" or (is_hdf5(source) and not is_ours(source)):
        if from_slot is not None or forced:
            raise UsageError(f"{source}: holds no decisions to follow; give a trace")
        path = _demand_file(source, policy, scenario, rate_unit, slot_s, forecast_slots, out, force)
    else:
        for option, value in (
            ("--scenario", scenario),
            ("--rate-unit", rate_unit),
            ("--slot-s", slot_s),
            ("--forecast-slots", forecast_slots),
        ):
            if value:
                raise UsageError(f"{option} goes with a demand file; {source} says it itself")
        path = _recorded(source, policy, from_slot, forced, slots, out, force)
    with open_trace(path) as trace:
        metrics = run_metrics(trace)
    if as_json:
        emit("replay", metrics_json(metrics))
    else:
        show_metrics(metrics)


def _recorded(
    source: Path,
    policy: str | None,
    from_slot: int | None,
    forced: tuple[str, ...],
    slots: int | None,
    out: Path | None,
    force: bool,
) -> Path:
    if from_slot is None and (forced or slots):
        raise UsageError("--set and --for go with --from-slot")
    if from_slot is not None and not (policy or forced):
        raise UsageError("--from-slot needs --policy or --set, to say what is different from there")
    if slots and not forced:
        raise UsageError("--for goes with --set")
    with open_world(source) as trace:
        run = recorded_run(trace)
        length, own = run.case.scenario.run.slots, run.policy
    chosen: PolicyTable | None = None
    if policy is not None:
        chosen = policy_table(policy, run.case.scenario)
    what_if = None
    if from_slot is not None:
        what_if = WhatIf(
            from_slot,
            chosen,
            tuple(forced_reservation(text, run.case, from_slot, slots) for text in forced),
        )
    deciding = chosen or own
    title = deciding.title if deciding else "none"
    name = title if what_if is None else f"{title}-from-{from_slot}"
    path = out or Path("runs") / f"{source.stem}-replay-{name}.h5"
    refuse_input(path, source)
    with progress(f"replaying {name}", length) as advance:
        return replay_in(
            source,
            None if what_if else chosen,
            path,
            what_if=what_if,
            force=force,
            progress=advance,
        )


def _demand_file(
    source: Path,
    policy: str | None,
    scenario: Path | None,
    rate_unit: str | None,
    slot_s: float | None,
    forecast_slots: int,
    out: Path | None,
    force: bool,
) -> Path:
    given = {
        "--scenario": scenario,
        "--rate-unit": rate_unit,
        "--slot-s": slot_s,
        "--policy": policy,
    }
    for option, value in given.items():
        if value is None:
            raise UsageError(
                f"{source} is a demand file: give {option} too (it needs {', '.join(given)})"
            )
    assert scenario is not None and policy is not None
    try:
        table = RecordingTable.model_validate(
            {
                "file": str(source.resolve()),
                "rate_unit": rate_unit,
                "slot_s": slot_s,
                "forecast_slots": forecast_slots,
            }
        )
    except ValueError:
        raise UsageError("--slot-s must be > 0 and --forecast-slots >= 0") from None
    spec = load(scenario, recording=table)
    chosen = policy_table(policy, spec)
    path = out or Path("runs") / f"{source.stem}-{chosen.title}.h5"
    refuse_input(path, source, scenario)
    with progress(chosen.title, spec.run.slots) as advance:
        return simulate(open_case(spec), chosen, path, force=force, progress=advance)
