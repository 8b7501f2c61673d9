"""What wavelengths are worth, in a terminal and as JSON."""

from __future__ import annotations

from typing import Any

from qnetsim.case import Case
from qnetsim.cli.show.boxed_table import print_table
from qnetsim.cli.show.echo import echo
from qnetsim.cli.show.output import table
from qnetsim.network.model import WAVELENGTHS_PER_CHANNEL as MORE
from qnetsim.plans.wavelengths_worth import WavelengthsWorth

#: Limits as the tables call them.
SYMBOLS = {"qkd": "|σ|", "km": "|κ|"}


def wavelengths_json(worth: WavelengthsWorth, case: Case) -> dict[str, Any]:
    """Fields of the JSON document of a plan."""
    topology = case.network.topology
    found = [
        {
            **topology.fibre_entry(value.fibre),
            "limit": value.limit,
            "price": value.price,
            "more": MORE,
            "saves_low": value.saves_low,
            "saves_high": value.saves_high,
        }
        for value in worth.values
    ]
    return {"wavelength_values": found, "wavelength_note": worth.note}


def show_wavelengths(worth: WavelengthsWorth, case: Case) -> None:
    """Print prices, and what more wavelengths save where the plan was solved again."""
    if worth.note:
        echo(worth.note)
        return
    rows = table(
        f"what wavelengths are worth, per slot; {MORE} more on one fibre",
        ["fibre", "limit", "price of one, at the margin", f"{MORE} more save"],
        left=2,
        keys=2,
    )
    for value in worth.values:
        low = value.saves_low
        high = value.saves_high
        saved = "not solved again"
        if low is not None and high is not None:
            saved = f"{low:,.2f}" if round(high - low, 2) == 0 else f"{low:,.2f} … {high:,.2f}"
        name = case.network.topology.fibre_title(value.fibre)
        rows.add_row(name, SYMBOLS[value.limit], f"{value.price:,.2f}", saved)
    print_table(rows)
