"""The ``[cost]`` tables: Table II of the paper and what else is billed."""

from typing import Any

from qnetsim.scenario.tables.fields import Table, field


def price(meaning: str, default: float) -> Any:
    """Describe a unit price."""
    return field(meaning, "a number >= 0", default=default, ge=0, le=1e12)


class Prices(Table):
    """Unit prices β of Table II, per slot."""

    transmitter: float = price("β_T, one quantum transmitter", 1500.0)
    receiver: float = price("β_R, one quantum receiver", 2250.0)
    key_manager: float = price("β_KM, one local key manager", 1200.0)
    security_infrastructure: float = price("β_SI, one security infrastructure", 150.0)
    mux_demux: float = price("β_MD, one MUX/DEMUX pair", 300.0)
    channel_km: float = price("β_Ch, one wavelength over one km", 1.0)


class OnDemandPrices(Prices):
    """Unit prices β of Table II for what is bought on demand, per slot."""

    transmitter: float = price("β_T, one quantum transmitter", 6000.0)
    receiver: float = price("β_R, one quantum receiver", 9000.0)
    key_manager: float = price("β_KM, one local key manager", 3000.0)
    security_infrastructure: float = price("β_SI, one security infrastructure", 500.0)
    mux_demux: float = price("β_MD, one MUX/DEMUX pair", 900.0)
    channel_km: float = price("β_Ch, one wavelength over one km", 4.0)


class CostTable(Table):
    """Table II of the paper, and the factor of its Fig. 8."""

    on_demand_multiplier: float = field(
        "factor on every on-demand price (Fig. 8)", "a number >= 0", default=1.0, ge=0, le=1e9
    )
    blocking_cost: float | None = field(
        "price of a request that is not served; with it, plans may block requests where the "
        "wavelength limits leave no room or serving is dearer",
        "a number >= 0; without it every request must be served and blocking is not billed",
        default=None,
        ge=0,
        le=1e15,
    )
    exposure_cost: float = field(
        "price of one key bit seen in clear by one trusted relay",
        "a number >= 0",
        default=0.0,
        ge=0,
        le=1e9,
    )
    reserved: Prices = field("reserved prices", "a table of prices", default=Prices.not_given())
    on_demand: OnDemandPrices = field(
        "on-demand prices", "a table of prices", default=OnDemandPrices.not_given()
    )
