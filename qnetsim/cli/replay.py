"""``qnetsim replay``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

import click

from qnetsim.case import Case, load, open_case
from qnetsim.cli.default_path import default_path
from qnetsim.cli.keeping import Keeping, resume_option
from qnetsim.cli.set_option import Changes, changes_of
from qnetsim.cli.show.metrics import print_run
from qnetsim.cli.show.output import (
    POLICY_HELP,
    ScenarioPath,
    durable_option,
    force_option,
    json_option,
    progress,
)
from qnetsim.cli.show.recording import say_recording
from qnetsim.cli.sign_option import Signer, sign_option
from qnetsim.cli.strict_command import StrictCommand
from qnetsim.errors import UsageError
from qnetsim.policies.chosen import policy_table
from qnetsim.replay.departure import WhatIf, forced_reservation
from qnetsim.replay.reopen import recorded_run
from qnetsim.replay.replay import replay as replay_in
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable, RecordingTable
from qnetsim.trace import is_hdf5, is_ours, open_world

RATE_UNITS = list(get_args(RecordingTable.model_fields["rate_unit"].annotation))


@dataclass(frozen=True)
class ReplayChanges:
    """What the options of a replay change in the recorded run.

    Attributes
    ----------
    policy : str or None
    from_slot : int or None
        Slot up to which the trace is followed.
    forced : tuple of str
        Reservations that hold from that slot on.
    slots : int or None
        Slots for which they hold.
    followed : str or None
        Code of the trace's policy, where that is a user's own.
    """

    policy: str | None
    from_slot: int | None
    forced: tuple[str, ...]
    slots: int | None
    followed: str | None = None

    def refuse_unclear(self) -> None:
        """Refuse options without those that they go with.

        Raises
        ------
        UsageError
        """
        if self.from_slot is None and (self.forced or self.slots):
            raise UsageError("--set and --for go with --from-slot")
        if self.from_slot is None and self.followed:
            raise UsageError("--followed goes with --from-slot; else give the policy with --policy")
        if self.from_slot is not None and not (self.policy or self.forced):
            raise UsageError(
                "--from-slot needs --policy or --set, to say what is different from there"
            )
        if self.slots and not self.forced:
            raise UsageError("--for goes with --set")

    def what_if(self, case: Case, policy: PolicyTable | None) -> WhatIf | None:
        """The slot and what changes there; None where the whole world is replayed."""
        if self.from_slot is None:
            return None
        forced = (
            forced_reservation(text, case, self.from_slot, self.slots) for text in self.forced
        )
        followed = None if self.followed is None else policy_table(self.followed)
        return WhatIf(self.from_slot, policy, tuple(forced), followed)


@dataclass(frozen=True)
class DemandOptions:
    """What the options say of a demand file, which holds the rates alone.

    Attributes
    ----------
    scenario : Path or None
        Its network.
    rate_unit : str or None
    slot_s : float or None
        Length of a slot in seconds.
    forecast_slots : int
        Slots at its start from which the forecast is made.
    """

    scenario: Path | None
    rate_unit: str | None
    slot_s: float | None
    forecast_slots: int

    def refuse_any(self, source: Path) -> None:
        """Refuse these options beside a file that says all of this itself.

        Raises
        ------
        UsageError
        """
        for option, value in (
            ("--scenario", self.scenario),
            ("--rate-unit", self.rate_unit),
            ("--slot-s", self.slot_s),
            ("--forecast-slots", self.forecast_slots),
        ):
            if value:
                raise UsageError(f"{option} goes with a demand file; {source} says it itself")

    def table(self, source: Path) -> RecordingTable:
        """The ``[recording]`` table for a file.

        Raises
        ------
        UsageError
        """
        values = {
            "file": str(source.resolve()),
            "rate_unit": self.rate_unit,
            "slot_s": self.slot_s,
            "forecast_slots": self.forecast_slots,
        }
        try:
            return RecordingTable.model_validate(values)
        except ValueError:
            raise UsageError("--slot-s must be > 0 and --forecast-slots >= 0") from None


@click.command(cls=StrictCommand)
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--policy", "-p", help=f"{POLICY_HELP} Else the trace's own.")
@click.option("--from-slot", type=click.IntRange(0), help="Follow the trace to this slot.")
@click.option(
    "--followed", metavar="FILE.py:Class", help="The trace's policy, where it is your own code."
)
@click.option(
    "--set",
    "forced",
    multiple=True,
    metavar="FIBRE:…",
    help="From that slot on: SOURCE-TARGET:qkd_channels=N,km_wavelengths=N; of several fibres one "
    "as 'SOURCE-TARGET (NAME):…'. With --scenario: "
    "another value for a key of it, TABLE.KEY=VALUE.",
)
@click.option("--for", "slots", type=click.IntRange(1), help="Slots for which --set stands.")
@click.option("--scenario", type=ScenarioPath(), help="Network of a demand file.")
@click.option("--rate-unit", type=click.Choice(RATE_UNITS), help="Of a demand file.")
@click.option("--slot-s", type=float, help="Length of a slot of a demand file, in seconds.")
@click.option("--forecast-slots", type=int, default=0, help="Of a demand file; see [recording].")
@click.option("--out", "-o", type=click.Path(path_type=Path), help="Trace to write.")
@sign_option
@resume_option
@durable_option
@force_option
@json_option
def replay(
    source: Path,
    policy: str | None,
    from_slot: int | None,
    followed: str | None,
    forced: tuple[str, ...],
    slots: int | None,
    scenario: Path | None,
    rate_unit: str | None,
    slot_s: float | None,
    forecast_slots: int,
    out: Path | None,
    key: Path | None,
    resume: bool,
    durable: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Run a policy in the world of SOURCE.

    SOURCE is a trace, a world that `qnetsim demand` recorded, or demand of your own: a .csv or .h5
    file with slot, source, target, rate, which needs --scenario, --rate-unit and --slot-s.

    With --from-slot the trace is followed to that slot; from there on --policy decides, or the
    policy of the trace with the reservations that --set forces.
    """
    keep = Keeping(force, resume, durable)
    signer = Signer(key)
    changes = ReplayChanges(policy, from_slot, forced, slots, followed)
    demand = DemandOptions(scenario, rate_unit, slot_s, forecast_slots)
    if source.suffix.lower() == ".csv" or (is_hdf5(source) and not is_ours(source)):
        if from_slot is not None:
            raise UsageError(f"{source}: holds no decisions to follow; give a trace")
        path = _replay_demand(source, policy, demand, changes_of(forced), out, keep)
    else:
        demand.refuse_any(source)
        path = _replay_recorded(source, changes, out, keep)
    signer.sign([path])
    print_run("replay", path, as_json)


def _replay_recorded(source: Path, changes: ReplayChanges, out: Path | None, keep: Keeping) -> Path:
    """Run a policy in the world of a trace or a recorded world; returns the new trace."""
    changes.refuse_unclear()
    with open_world(source) as trace:
        run = recorded_run(trace)
    spec = run.case.scenario
    chosen: PolicyTable | None = None
    if changes.policy is not None:
        chosen = policy_table(changes.policy, spec.policy)
    what_if = changes.what_if(run.case, chosen)
    deciding = chosen or run.policy
    title = deciding.title if deciding else "none"
    name = title if what_if is None else f"{title}-from-{changes.from_slot}"
    path = out or default_path(f"{source.stem}-replay-{name}.h5")
    with progress(f"replaying {name}", spec.run.slots) as advance:
        return replay_in(
            source,
            None if what_if else chosen,
            path,
            what_if=what_if,
            **asdict(keep),
            progress=advance,
        )


def _replay_demand(
    source: Path,
    policy: str | None,
    demand: DemandOptions,
    changes: Changes,
    out: Path | None,
    keep: Keeping,
) -> Path:
    """Run a policy under the demand of a file; returns the trace."""
    given = {
        "--scenario": demand.scenario,
        "--rate-unit": demand.rate_unit,
        "--slot-s": demand.slot_s,
        "--policy": policy,
    }
    for option, value in given.items():
        if value is None:
            raise UsageError(
                f"{source} is a demand file: give {option} too (it needs {', '.join(given)})"
            )
    assert demand.scenario is not None
    assert policy is not None
    spec = load(demand.scenario, changes=changes, recording=demand.table(source))
    say_recording(spec)
    chosen = policy_table(policy, spec.policy)
    path = out or default_path(f"{source.stem}-{chosen.title}.h5")
    with progress(chosen.title, spec.run.slots) as advance:
        return simulate(open_case(spec), chosen, path, **asdict(keep), progress=advance)
