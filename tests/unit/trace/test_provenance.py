"""Versions of the software in a trace."""

from __future__ import annotations

from importlib.metadata import version

import pytest

from qnetsim.trace import provenance
from qnetsim.trace.provenance import PACKAGES, software


def test_versions_are_those_of_the_installed_packages() -> None:
    assert software()["packages"] == {name: version(name) for name in PACKAGES}


def test_metadata_in_another_form_is_left_to_its_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    class Odd:
        @staticmethod
        def read_text(name: str) -> str:
            return "Name: numpy\n\nVersion: 0 is no field of the head\n"

    monkeypatch.setattr(provenance, "distribution", lambda name: Odd)
    assert provenance._version("numpy") == version("numpy")
