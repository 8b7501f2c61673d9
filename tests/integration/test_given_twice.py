"""An option that is given twice is not taken once in silence, in any command."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from qnetsim.cli import group
from qnetsim.cli.strict_command import StrictCommand
from tests.support.commands import call


def commands(command: click.Command = group, *words: str) -> Iterator[tuple[str, ...]]:
    if not isinstance(command, click.Group):
        assert isinstance(command, StrictCommand), words
        yield words
        return
    for name in command.list_commands(click.Context(command)):
        found = command.get_command(click.Context(command), name)
        assert found is not None
        yield from commands(found, *words, name)


def single_options() -> Iterator[tuple[tuple[str, ...], click.Option]]:
    for words in commands():
        command: click.Command = group
        for word in words:
            assert isinstance(command, click.Group)
            command = command.get_command(click.Context(command), word)
        for option in command.params:
            if isinstance(option, click.Option) and not option.multiple and not option.is_flag:
                yield words, option


OPTIONS = list(single_options())


def test_there_are_many_such_options() -> None:
    assert len(OPTIONS) > 60


@pytest.mark.parametrize(
    ("words", "option"), [pytest.param(w, o, id=f"{'-'.join(w)}-{o.name}") for w, o in OPTIONS]
)
def test_no_option_is_taken_once_of_two(
    words: tuple[str, ...], option: click.Option, capsys: pytest.CaptureFixture[str]
) -> None:
    name = max(option.opts, key=len)
    short = min(option.opts, key=len)
    code, out, err = call(capsys, *words, name, "1", short, "2", "tiny", "tiny")
    assert (code, out) == (2, "")
    assert f"{name} is given twice; give it once" in err


def test_flags_may_repeat_and_not_contradict(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "topologies", "--json", "--json")[0] == 0
    code, _, err = call(capsys, "compare", "tiny", "--no-report", "--report")
    assert code == 2
    assert "--report and --no-report are given; give one of them" in err
