"""Messages name arguments in Python, and options on a command line."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from qnetsim.errors import argument, speaking_of_options, speaks_of_options
from tests.support import ROOT, SCENARIOS
from tests.support.commands import call

OPTIONS = "out|force|policy|resume|plan|set|workers|topology|demand|key|sign|weights|replications"


@pytest.mark.parametrize(
    ("given", "python", "command"),
    [
        (("out",), "out", "--out"),
        (("force", "True"), "force=True", "--force"),
        (("policy", "NAME"), "policy=NAME", "--policy NAME"),
        (("rate_unit", "bps"), "rate_unit=bps", "--rate-unit bps"),
    ],
)
def test_an_argument_is_named_as_its_caller_knows_it(
    given: tuple[str, ...], python: str, command: str
) -> None:
    assert argument(*given) == python
    with speaking_of_options():
        assert argument(*given) == command
    assert argument(*given) == python


def test_commands_speak_of_options_and_leave_python_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "there.h5"
    out.touch()
    code, _, err = call(capsys, "run", str(SCENARIOS / "tiny.toml"), "-p", "sip", "-o", str(out))
    assert (code, "give another --out, or --force to overwrite it" in err) == (2, True)
    assert not speaks_of_options()


def texts_of(path: Path) -> Iterator[str]:
    """Strings of a module that are no docstrings; f-strings without what stands in braces."""
    tree = ast.parse(path.read_text("utf-8"))
    parts = {id(p) for n in ast.walk(tree) if isinstance(n, ast.JoinedStr) for p in n.values}
    docstrings = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(p.value) for p in node.values if isinstance(p, ast.Constant))
        elif id(node) not in parts | docstrings and isinstance(node, ast.Constant):
            yield str(node.value)


def test_no_message_outside_the_commands_spells_an_option() -> None:
    """But for whole commands in backticks."""
    rooms = ROOT / "qnetsim"
    for path in rooms.rglob("*.py"):
        if {"cli", "reference"} & set(path.relative_to(rooms).parts):
            continue
        for text in texts_of(path):
            bare = re.sub(r"`[^`]*`", "", text)
            options = (
                r"(?<![-\w])--(out|force|policy|resume|plan|set|workers|topology|demand|key)\b"
            )
            assert not re.search(options, bare), (path, text)
