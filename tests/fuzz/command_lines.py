"""Command lines made from the options that the commands declare.

An input is a JSON list of arguments, so that it can be kept and changed like any other.
"""

from __future__ import annotations

import json
from random import Random

import click

from qnetsim.cli import COMMANDS, group
from tests.fuzz.mutate import TEXTS

#: Files that stand in the working folder of a command; see `tests.fuzz.seeds`.
FILES = (
    *("tiny.toml", "tiny.toml", "trace.h5", "trace.h5", "other.h5", "world.h5", "plan.h5"),
    *("demand.csv", "demand.h5", "tiny.csv", "weights.safetensors", "curve.h5", "fel.toml"),
)
#: Places to write to, and paths that lead nowhere.
PLACES = (
    *(
        "new.h5",
        "new.csv",
        "new.html",
        "new.svg",
        "new.png",
        "new.lp",
        "new.mps",
        "new.safetensors",
    ),
    *("deep/new.h5", "folder", "new", "", ".", "missing.h5", "x" * 300, "ü 中.h5", "a\nb.h5", "-"),
    *("\x1b[31m.h5", "\udcff.h5", "tiny.toml/x.h5", "--", "CON", "topohub:x", "topohub:../x"),
)
INTEGERS = (
    *("0", "1", "2", "3", "12", "-1", "-5", "1000", "4294967296", "9223372036854775807"),
    *("9223372036854775808", "-9223372036854775809", "1" * 400, "1e3", "1.5", "nan", "", "x", "١"),
)
FLOATS = ("0", "1", "0.5", "-1", "1e-9", "1e9", "1e308", "1e400", "nan", "inf", "-inf", "", "x")
POLICIES = (
    *(
        "sip",
        "evf",
        "random",
        "perfect",
        "level",
        "empirical",
        "fedsac",
        "decsac",
        "decppo",
        "nope",
    ),
    *("level:level=1", "level:level=-1", "level:level=1e30", "level:level=nan", "level:x=1"),
    *("sip:formulation=full", "sip:formulation=", "sip:label=a,label=b", "sip:label=../x", "sip:"),
    *("fedsac:model=weights.safetensors", "fedsac:model=trace.h5", "fedsac:model=", ":", "=", ","),
    *(
        "empirical:window=0",
        "empirical:window=1" + "0" * 30,
        "random:label=" + "x" * 65,
        "ü",
        "a b",
    ),
)
RESERVATIONS = (
    *("a-b:qkd_channels=1", "a-b:qkd_channels=-1", "b-c:km_wavelengths=1e9", "a-c:qkd_channels=1"),
    *("a-b:qkd_channels=" + "9" * 30, "a-b:", "a-b", ":", "a-b:qkd_channels=nan", "a-b:x=1", ""),
)


def _command(name: str) -> click.Command:
    command = group.get_command(click.Context(group), name)
    assert command is not None
    return command


def value(rng: Random, parameter: click.Parameter) -> str:
    """A value for a parameter, by its type: mostly near to what it takes."""
    kind = parameter.type
    name = parameter.name or ""
    if rng.random() < 0.04:
        return rng.choice(TEXTS)
    if isinstance(kind, click.types.IntParamType):
        # huge counts of workers and threads are asked for, but not always
        small = name in {"workers", "threads"} and rng.random() < 0.9
        return "1" if small else rng.choice(INTEGERS)
    if isinstance(kind, click.types.FloatParamType):
        return rng.choice(FLOATS)
    if isinstance(kind, click.Choice):
        return rng.choice(list(map(str, kind.choices)))
    if name in {"policy", "policies"}:
        return rng.choice(POLICIES)
    if name == "forced":
        return rng.choice(RESERVATIONS)
    if name in {"network", "topology"}:
        return rng.choice(("nsfnet", "usnet", "topohub:sndlib/abilene", "tiny.toml", "tiny.csv"))
    if name == "sweep":
        return rng.choice(("study.toml", "study.toml", "sweep", "tiny.toml", "missing.toml"))
    if name in {"out", "model", "folder"}:
        return rng.choice(PLACES)
    if name in {"scenario", "scenarios"} and rng.random() < 0.8:
        return rng.choice(("tiny.toml", "tiny.toml", "fel.toml"))
    if rng.random() < 0.7:
        return rng.choice(FILES)
    return rng.choice(PLACES)


def _option(rng: Random, option: click.Option) -> list[str]:
    names = list(option.opts) + list(option.secondary_opts)
    name = rng.choice(names)
    if option.is_flag:
        return [name]
    given = value(rng, option)
    return [f"{name}={given}"] if name.startswith("--") and rng.random() < 0.3 else [name, given]


def draw(rng: Random, name: str) -> list[str]:
    """Arguments for a command, most of them of the right kind."""
    command = _command(name)
    words: list[str] = []
    if isinstance(command, click.Group):
        inner = rng.choice(sorted(command.commands))
        words.append(inner)
        command = command.commands[inner]
    parameters = command.params
    options = [p for p in parameters if isinstance(p, click.Option) and p.name != "help"]
    for parameter in parameters:
        if isinstance(parameter, click.Argument):
            count = rng.choice((1, 1, 1, 2, 3)) if parameter.nargs < 0 else 1
            if not parameter.required and rng.random() < 0.3:
                count = 0
            words += [value(rng, parameter) for _ in range(count)]
        elif parameter.required and rng.random() < 0.95:
            words += _option(rng, parameter)
    for option in rng.choices(options, k=rng.choice((0, 1, 1, 2, 3, 6))) if options else ():
        words += _option(rng, option)
    return words


def command_line(name: str) -> bytes:
    """The shortest input of a command: no argument."""
    return json.dumps([name]).encode()


def mutate_arguments(rng: Random, data: bytes, other: bytes) -> bytes:
    """Arguments drawn anew, or those of an input with one of them changed."""
    words = json.loads(data)
    name = words[0]
    if rng.random() < 0.6 or len(words) == 1:
        return json.dumps([name, *draw(rng, name)]).encode()
    at = rng.randrange(1, len(words))
    kind = rng.randrange(6)
    fresh = draw(rng, name) or ["-h"]
    if kind == 0:
        del words[at]
    elif kind == 1:
        words.insert(rng.randrange(1, len(words) + 1), words[at])
    elif kind == 2:
        words[at] = rng.choice((*TEXTS, *PLACES, "-h", "--help", "--", "--no-such", "-zz"))
    elif kind == 3:
        words[at : at + 1] = fresh
    elif kind == 4:
        words += fresh
    else:
        words.insert(at, rng.choice(fresh))
    # no program is given a zero byte in an argument
    return json.dumps([name, *(word.replace("\0", "") for word in words[1:])]).encode()


def names() -> list[str]:
    """Names of all commands."""
    return sorted(COMMANDS)
