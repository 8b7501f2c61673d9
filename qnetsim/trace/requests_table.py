"""Requests that were followed one by one, as a tidy table."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from qnetsim.units import TICKS_PER_SECOND
from qnetsim.vocabulary import REQUEST_CAUSES, REQUEST_FATES

if TYPE_CHECKING:
    import pandas

Read = Callable[[str], npt.NDArray[Any]]


def requests_table(read: Read, fibre_names: list[str]) -> pandas.DataFrame:
    """One row for each request that was followed; see ``Trace.requests``.

    Parameters
    ----------
    read : callable
        Gives the values of a column by its path.
    fibre_names : list of str
    """
    import pandas

    number = read("requests/request")
    served = read("requests/service_slot")
    fates, causes, fibres = (
        np.array(names, dtype=object) for names in (REQUEST_FATES, REQUEST_CAUSES, fibre_names)
    )
    return pandas.DataFrame(
        {
            "arrival_slot": read("requests/arrival_slot"),
            "request": number,
            "source": read("world/request_source")[number],
            "target": read("world/request_target")[number],
            "class": read("world/request_class")[number],
            "level": read("requests/level"),
            "wait_s": read("requests/wait_ns") / TICKS_PER_SECOND,
            "service_slot": pandas.Series(served, dtype="Int64").mask(served < 0),
            "way": _ways(read, fibre_names)[read("requests/first_way")],
            "deliveries": read("requests/deliveries"),
            "detours": read("requests/detours"),
            "fate": fates[read("requests/fate")],
            "cause": causes[read("requests/cause")],
            "cause_fibre": np.append(fibres, "")[read("requests/cause_fibre")],
            "end_slot": read("requests/end_slot"),
        }
    )


def _ways(read: Read, fibre_names: list[str]) -> npt.NDArray[Any]:
    """Fibres of each way as text; the last one is none."""
    ends = read("requests/way_end").tolist()
    hops = read("requests/hop_fibre").tolist()
    spans = zip([0, *ends], ends, strict=False)
    ways = [", ".join(fibre_names[f] for f in hops[a:b]) for a, b in spans]
    return np.array([*ways, ""], dtype=object)
