"""All families of oracles: scenarios, what is measured in them, and what theory says."""

from __future__ import annotations

from tests.support.oracles.family import Family
from tests.support.oracles.queues import classes, sessions, stores, waits
from tests.support.oracles.supply import moments, noise, outages


def families() -> list[Family]:
    """All of them."""
    return [*waits(), *classes(), *sessions(), *stores(), *noise(), *outages(), *moments()]
