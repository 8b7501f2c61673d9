"""The reference pages are what the package prints of its own tables."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from qnetsim.reference import benchmark, plan_file, scenario, sweep, trace_format
from tests.support import ROOT

PAGES = {
    "scenario.md": scenario.page,
    "plan-file.md": plan_file.page,
    "sweep.md": sweep.page,
    "trace-format.md": trace_format.page,
    "benchmark.md": benchmark.page,
}


@pytest.mark.parametrize(("name", "page"), PAGES.items(), ids=PAGES)
def test_the_page_is_what_is_printed(name: str, page: Callable[[], str]) -> None:
    assert (ROOT / "docs" / "reference" / name).read_text("utf-8") == page()
