"""Call a command in this process, and take what it prints."""

from __future__ import annotations

import json

import pytest

from qnetsim.cli import _run


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = _run(list(arguments))
    out, err = capsys.readouterr()
    return code, out, err


def data(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    code, out, err = call(capsys, *arguments, "--json")
    assert code == 0, err
    return json.loads(out)
