"""The table of what a trace holds beside the figures of every slot."""

from typing import Any, Literal

from pydantic import SerializerFunctionWrapHandler, model_serializer

from qnetsim.scenario.tables.fields import Table, field, without_late_keys


class TraceTable(Table):
    """What a trace holds beside the figures of every slot."""

    requests: Literal["none", "blocked", "sample", "all"] = field(
        "which requests stand in the trace one by one, with their waits, ways and fates",
        "'none', 'blocked' (those that were blocked or interrupted), 'sample' or 'all'",
        default="none",
    )
    requests_sample: float = field(
        "share of the requests in the sample, which is the same for all policies of a world",
        "a number > 0, at most 1; with requests = 'sample' only",
        default=0.01,
        gt=0,
        le=1,
    )

    @model_serializer(mode="wrap")
    def _without_unused(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Dump that says nothing of a sample where there is none."""
        return without_late_keys(self, dump, ("requests_sample",))
