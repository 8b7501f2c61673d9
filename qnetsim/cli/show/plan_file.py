"""A plan file in a terminal and as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qnetsim.cli.show.boxed_table import BoxedTable, print_table
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.output import emit, figure, number, table
from qnetsim.cli.show.plan import reserved_and_on_demand
from qnetsim.plain_text import counted, solver_in_words
from qnetsim.plans.opened import open_plan
from qnetsim.trace import PlanRecord
from qnetsim.trace.files.plan_file import PLAN_COLUMNS


def inspect_plan(path: Path, as_json: bool) -> None:
    """Print where a plan comes from, what it costs, and what it reserves."""
    record = open_plan(path).record
    if as_json:
        fibres = [
            {name: _json_value(values[e]) for name, values in fibre_columns(record).items()}
            for e in range(len(record.columns["fibres/source"]))
        ]
        emit(
            "inspect",
            {
                "file": path,
                "filetype": "qnetsim-plan",
                "content_digest": record.digest(),
                "provenance": record.provenance,
                "fibres": fibres,
                "columns": [
                    {"path": name, "dims": list(dims), "units": units}
                    for name, dims, _, units, _ in PLAN_COLUMNS
                ],
            },
        )
        return
    print_table(_summary(path, record))
    print_table(_fibres(record))
    rows = table(
        "tables",
        ["column", "dimensions", "unit", "meaning"],
        left=4,
        first_to_go=["unit", "dimensions"],
    )
    for name, dims, _, units, meaning in PLAN_COLUMNS:
        rows.add_row(name, " × ".join(dims), units, meaning)
    print_table(rows)
    echo(f"content digest  {record.digest()}")


def fibre_columns(record: PlanRecord) -> dict[str, Any]:
    """Columns of the fibres by their names, and their labels where they have some."""
    group = "fibres/"
    found: dict[str, Any] = {
        path.removeprefix(group): values
        for path, values in record.columns.items()
        if path.startswith(group)
    }
    return found | ({"label": record.fibre_labels} if record.fibre_labels else {})


def _json_value(value: Any) -> Any:
    return value if isinstance(value, str) else number(float(value))


def _summary(path: Path, record: PlanRecord) -> BoxedTable:
    provenance = record.provenance
    plan = provenance["plan"]
    network = provenance["scenario"]["network"]
    software = provenance["software"]
    rows = table(f"{path}: plan of {provenance['policy']['title']}, per slot", ["", ""], left=2)
    rows.show_header = False
    rows.add_row("software", f"{software['name']} {software['version']}")
    rows.add_row("topology", str(network["topology"]))
    limits = f"{network['qkd_wavelengths']}, {network['km_wavelengths']}"
    rows.add_row("|σ|, |κ| (0 is unlimited)", limits)
    rows.add_row("expected cost", f"{plan['objective']:,.2f}")
    bound = "—" if plan["bound"] is None else f"{plan['bound']:,.2f} (gap {plan['gap']:.1e})"
    rows.add_row("bound", bound)
    rows.add_row("status", str(plan["status"]))
    rows.add_row("solver", solver_in_words(str(plan["solver"])))
    routes = len(record.columns["routes/start"])
    requests, levels = record.columns["requests/route"].shape
    states = counted(levels, "level or joint state", "levels or joint states")
    rows.add_row("routes", f"{routes:,} for {counted(requests, 'request')} at {states}")
    has_wavelengths = bool((record.columns["wavelengths/km"] >= 0).any())
    rows.add_row("explicit wavelengths", "yes" if has_wavelengths else "no")
    if plan["note"]:
        rows.add_row("note", str(plan["note"]))
    return rows


def _fibres(record: PlanRecord) -> BoxedTable:
    columns = fibre_columns(record)
    rows = table(
        "per fibre: reserved + expected on demand",
        ["fibre", "km", "QKD channels", "KM wavelengths"],
        first_to_go=["km"],
    )
    for e, name in enumerate(record.fibre_names()):
        rows.add_row(
            name,
            figure(float(columns["length_km"][e])),
            reserved_and_on_demand(columns["qkd_channels"][e], columns["on_demand_channels"][e]),
            reserved_and_on_demand(
                columns["km_wavelengths"][e], columns["on_demand_wavelengths"][e]
            ),
        )
    return rows
