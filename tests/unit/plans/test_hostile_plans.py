"""Plan files whose checksum and digest fit and whose content does not: one error for each field."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from qnetsim.cli import _run
from qnetsim.errors import QnetsimError, TraceFormatError
from qnetsim.plans.opened import open_plan
from qnetsim.plans.storage import load_plan, save_plan
from qnetsim.runs.simulate import simulate
from qnetsim.scenario import PolicyTable, Scenario
from qnetsim.trace.files.plan_file import PLAN_COLUMNS
from tests.support.forging import forged_plan, in_plan
from tests.support.helpers import nsfnet
from tests.support.planning import plan_of

Change = Callable[[h5py.File], object]


def tight() -> Scenario:
    return nsfnet(
        demand__requests="12",
        network__qkd_wavelengths="40",
        run__slots="5",
        cost__blocking_cost="500_000.0",
    )


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("honest") / "plan.h5"
    return save_plan(plan_of(tight(), "sip"), tight(), PolicyTable(name="sip"), path)


def column(name: str, values: Any, **how: Any) -> Change:
    """Put another dataset in the place of a column."""

    def change(file: h5py.File) -> None:
        there = file[name]
        data = values(there[...] if there.dtype.kind != "O" else there.asstr()[...])
        said = dict(there.attrs)
        del file[name]
        if data is not None:
            made = file.create_dataset(name, data=data, **how)
            for key, text in said.items():
                made.attrs[key] = text

    return change


def first(value: object) -> Callable[[Any], Any]:
    """The same values but for the first."""

    def changed(values: Any) -> Any:
        values = values.copy()
        values.flat[0] = value
        return values

    return changed


def column_forgeries() -> Iterator[tuple[str, str, Change]]:
    text = h5py.string_dtype()
    for name, _, kind, _, _ in PLAN_COLUMNS:
        yield name, "missing", column(name, lambda v: None)
        yield name, "a group", lambda file, name=name: (file.pop(name), file.create_group(name))
        yield name, "a scalar", column(name, lambda v: np.int64(3))
        yield name, "a further axis", column(name, lambda v: np.stack([v, v]), dtype=None)
        yield name, "complex numbers", column(name, lambda v: np.zeros(v.shape, complex))
        yield (
            name,
            "of no size",
            column(name, lambda v: v[:0], dtype=text if kind == "str" else kind),
        )
        yield name, "empty", column(name, lambda v: h5py.Empty("f8"))
        if kind != "str":
            yield name, "shorter", column(name, lambda v: v[:-1])
        if kind == "str":
            yield name, "numbers", column(name, lambda v: np.arange(len(v)))
            yield name, "no UTF-8", column(name, lambda v: [b"\xff\xfe"] * len(v), dtype=text)
            yield name, "a name that is not there", column(name, first("nowhere"), dtype=text)
            continue
        yield name, "text", column(name, lambda v: np.full(v.shape, b"7"))
        yield name, "narrow numbers", column(name, lambda v: v.astype("f4"))
        if kind == "f8":
            for value in (np.nan, np.inf, -np.inf, -1.0, 1e300):
                yield name, str(value), column(name, first(value))
        else:
            for value in (2**62, -(2**62), -2, 2**31):
                yield name, str(value), column(name, first(value))


COLUMNS = list(column_forgeries())


def field_of(name: str, kind: str) -> str:
    """What the error must name: the column, or the one that it has to fit."""
    if kind in {"of no size", "shorter", "a name that is not there"}:
        return ""  # told of the column that no longer fits, or of the fibre, node or request
    return name


@pytest.mark.parametrize(
    ("name", "kind", "change"), COLUMNS, ids=[f"{n}-{k}" for n, k, _ in COLUMNS]
)
def test_no_forged_column_gets_in(
    name: str, kind: str, change: Change, honest: Path, tmp_path: Path
) -> None:
    path = forged_plan(honest, tmp_path / "forged.h5", change)
    with pytest.raises(QnetsimError) as caught:
        load_plan(path, tight())
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert field_of(name, kind) in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (column("nodes/name", lambda v: [v[1], *v[1:]], dtype=h5py.string_dtype()), "twice"),
        (column("fibres/target", lambda v: v), "fibres/target"),
        (column("requests/route", lambda v: np.roll(v, 1, axis=0)), "does not join the request"),
        (column("hops/fibre", lambda v: v[::-1].copy()), "hops/fibre does not join"),
        (column("hops/node", lambda v: v[::-1].copy()), "does not join the nodes"),
        (column("routes/start", lambda v: np.full_like(v, -1)), "routes/start is -1"),
        (column("routes/first_hop", lambda v: v * 0), "routes/first_hop is not"),
        (column("wavelengths/qkd_first", lambda v: v * 0), "wavelengths/qkd_first is not"),
        (column("wavelengths/qkd", lambda v: v * 0), r"break \(25\)"),
        (column("wavelengths/qkd", lambda v: v + 40), "break"),
        (column("wavelengths/km", lambda v: np.full_like(v, -1)), "wavelengths/"),
        (lambda f: f.attrs.update(certified="yes"), "root attribute certified"),
        (lambda f: f.attrs.pop("version"), "root attribute version is missing"),
        (lambda f: f.attrs.update(version="one"), "plan format 'one'"),
        (lambda f: f.attrs.update(version=[1.0, np.nan]), "plan format"),
        (lambda f: f.attrs.update(version=[[1, 0], [1, 0]]), "plan format"),
        (lambda f: f.attrs.update(filetype="qnetsim-trace"), "filetype is"),
        (lambda f: f.attrs.update(provenance=7), "provenance is int64, not text"),
        (lambda f: f.attrs.update(provenance="[" * 60_000), "too deep"),
        (lambda f: f.attrs.update(provenance="7"), "provenance is int, not a table"),
        (lambda f: f.attrs.update(provenance='{"a": 1, "a": 2}'), "'a' stands twice"),
        (lambda f: f.attrs.update(provenance="not JSON"), "provenance: "),
        (lambda f: f.create_dataset("fibres/profit", data=1), "fibres/profit is not an object"),
        (lambda f: f.create_group("more"), "more is not an object"),
        (lambda f: f.update({"soft": h5py.SoftLink("/nodes")}), "soft is not an object"),
    ],
)
def test_what_does_not_fit_together_is_named(
    change: Change, what: str, honest: Path, tmp_path: Path
) -> None:
    if what == "fibres/target":
        change = column(
            "fibres/target", lambda v: first(nodes_of(honest)[0])(v), dtype=h5py.string_dtype()
        )
    path = forged_plan(honest, tmp_path / "forged.h5", change)
    with pytest.raises(QnetsimError, match=what) as caught:
        load_plan(path, tight())
    assert str(caught.value).startswith(f"{path}: ")


def nodes_of(path: Path) -> list[str]:
    with h5py.File(path) as file:
        return [str(name) for name in file["fibres/source"].asstr()[...]]


#: Texts, tables and numbers of the provenance outside the scenario; options are the policy's.
FIELDS = (
    *(("software", key) for key in ("name", "version", "packages")),
    *(("environment", key) for key in ("python", "implementation", "system", "machine")),
    *(("policy", key) for key in ("name", "title", "options")),
    *(
        ("plan", key)
        for key in (
            *("objective", "bound", "gap", "status", "solver", "note", "solve_s"),
            *("first_stage_cost", "second_stage_cost", "blocked", "blocking_cost", "uncoloured"),
            *("variables", "rows", "nodes", "rounds", "gap_interval"),
        )
    ),
    *((part,) for part in ("software", "environment", "scenario", "policy", "plan")),
)
JUNK = {
    "missing": ...,
    "true": True,
    "a huge integer": 10**400,
    "a number beyond all": 10**4000,
    "NaN": float("nan"),
    "infinite": float("inf"),
    "nested": {"a": [{"b": {}}]},
    "a list of junk": [None, "x", {}],
}


def test_labels_of_another_type_are_refused(honest: Path, tmp_path: Path) -> None:
    """HDF5's own functions for labels crash on them."""

    def relabel(file: h5py.File) -> None:
        del file["requests/route"].attrs["DIMENSION_LABELS"]
        file["requests/route"].attrs["DIMENSION_LABELS"] = 7

    with pytest.raises(TraceFormatError, match="requests/route: the labels of its axes"):
        open_plan(forged_plan(honest, tmp_path / "forged.h5", relabel))


@pytest.mark.parametrize("where", FIELDS, ids=".".join)
@pytest.mark.parametrize("kind", JUNK)
def test_no_forged_field_gets_in(
    where: tuple[str, ...], kind: str, honest: Path, tmp_path: Path
) -> None:
    path = forged_plan(honest, tmp_path / "forged.h5", in_plan(*where, value=JUNK[kind]))
    if (where, kind) == (("plan", "uncoloured"), "missing"):
        open_plan(path)  # it came later
        return
    if (where, kind) == (("policy", "options"), "nested"):
        assert _run(["run", str(scenario_file(tmp_path)), "--plan", str(path)]) == 2
        return
    with pytest.raises(TraceFormatError) as caught:
        open_plan(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert where[-1] in text or kind in {"NaN", "infinite", "a number beyond all"}, text
    assert len(text) < 400


def leaves(where: tuple[str, ...], value: Any) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict) and value:
        for key, entry in value.items():
            yield from leaves((*where, key), entry)
    else:
        yield where


SETTINGS = sorted(leaves((), tight().model_dump(mode="json")))


@pytest.mark.parametrize("where", SETTINGS, ids=".".join)
def test_no_forged_setting_gets_in(where: tuple[str, ...], honest: Path, tmp_path: Path) -> None:
    for value in ({"nested": "junk"}, [[[]]], 10**300, -1.5):
        change = in_plan("scenario", *where, value=value)
        path = forged_plan(honest, tmp_path / "forged.h5", change)
        try:
            load_plan(path, tight())
        except QnetsimError as error:
            text = str(error)
            assert text.startswith(f"{path}: ")
            assert where[-1] in text or where[0] in text
        else:
            # a value that the setting does allow
            assert value in (-1.5, 10**300)
    path = forged_plan(
        honest, tmp_path / "forged.h5", in_plan("scenario", where[0], value={"award": 1})
    )
    with pytest.raises(TraceFormatError, match=rf"provenance\.scenario\.{where[0]}"):
        open_plan(path)


@pytest.mark.parametrize(
    "where", [("plan",), ("policy",), ("software",), ("environment",), ("scenario",), ()], ids=str
)
def test_further_keys_are_refused(where: tuple[str, ...], honest: Path, tmp_path: Path) -> None:
    path = forged_plan(honest, tmp_path / "forged.h5", in_plan(*where, "award", value="best"))
    with pytest.raises(TraceFormatError, match="award"):
        open_plan(path)


def scenario_file(folder: Path) -> Path:
    path = folder / "s.toml"
    path.write_text(
        '[run]\nslots = 5\n[network]\ntopology = "nsfnet"\nqkd_wavelengths = 40\n'
        "[cost]\nblocking_cost = 500_000.0\n[demand]\nrequests = 12\n"
    )
    return path


COMMAND_CASES: dict[str, Change] = {
    "hops/fibre": column("hops/fibre", first(2**40)),
    "fibres/qkd_channels": column("fibres/qkd_channels", first(np.nan)),
    "requests/route": column("requests/route", first(99)),
    "provenance.plan.bound": in_plan("plan", "bound", value="low"),
    "provenance.plan.solve_s": in_plan("plan", "solve_s", value=-1),
    "provenance.scenario.network": in_plan("scenario", "network", value=[]),
    "provenance.scenario.run.slots": in_plan("scenario", "run", "slots", value="many"),
    "provenance.policy.title": in_plan("policy", "title", value={"a": 1}),
    "provenance.environment.python": in_plan("environment", "python", value=...),
}


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trace") / "t.h5"
    return simulate(tight(), PolicyTable(name="sip"), path)


@pytest.mark.parametrize("field", COMMAND_CASES)
def test_every_command_says_what_is_wrong(
    field: str, honest: Path, trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(forged_plan(honest, tmp_path / "forged.h5", COMMAND_CASES[field]))
    scenario = str(scenario_file(tmp_path))
    for command in (
        ["inspect", path],
        ["inspect", path, "--json"],
        ["diff", path, str(honest)],
        ["diff", str(honest), path],
        ["run", scenario, "--plan", path, "--out", str(tmp_path / "out.h5")],
        ["verify", str(trace), "--plan", path],
        ["verify", str(trace), "--plan", path, "--no-rerun", "--json"],
    ):
        assert _run(command) in {2, 3}, command
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith(f"error: {path}: is damaged: {field}"), (command, err)
        assert err.count("\n") == 1
    for command in (["compare", path], ["replay", path], ["report", path]):
        assert _run(command) in {2, 3}, command
        err = capsys.readouterr().err
        assert err.startswith(f"error: {path}: "), (command, err)
        assert "not a qnetsim trace" in err
    assert not (tmp_path / "out.h5").exists()


def test_the_honest_plan_gets_in(honest: Path) -> None:
    assert json.dumps(open_plan(honest).scenario.model_dump(mode="json"))
    assert load_plan(honest, tight()).differences == []
