"""Signed traces: by run, compare and replay; checked by verify."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest

from qnetsim.cli import _run
from qnetsim.replay.verify import PROVED_BY_SIGNATURE, verify
from qnetsim.trace import open_trace
from qnetsim.trace.files.signature import signature_place
from tests.support.keys import key_pair

TEXT = """
[run]
slots = 5
replications = 1
[network]
topology = "nsfnet"
[demand]
requests = 5
[[policy]]
name = "evf"
"""

Keys = tuple[Path, Path]


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keys:
    monkeypatch.chdir(tmp_path)
    Path("s.toml").write_text(TEXT)
    return key_pair(tmp_path)


def signed(out: str, keys: Keys, *more: str) -> Path:
    assert _run(["run", "s.toml", "-p", "evf", "-o", out, "--sign", str(keys[0]), *more]) == 0
    return Path(out)


def verdict(trace: Path, key: Path | None) -> tuple[bool | None, str] | None:
    findings = verify(trace, key=key, rerun=False).findings
    return next(((f.passed, f.text) for f in findings if f.name == "signature"), None)


def test_a_signed_trace_is_checked_with_the_key(
    keys: Keys, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = signed("t.h5", keys)
    found = verify(trace, key=keys[1])
    assert not found.failed
    assert not found.partial
    assert PROVED_BY_SIGNATURE in found.proved
    passed, text = verdict(trace, None) or (True, "")
    assert passed is None
    assert text.startswith("signed by SHA256:")
    assert "not checked" in text
    capsys.readouterr()
    assert _run(["verify", "t.h5", "--key", str(keys[1]), "--json"]) == 0
    found_json = json.loads(capsys.readouterr().out)
    finding = next(f for f in found_json["findings"] if f["name"] == "signature")
    assert finding["passed"] is True
    assert PROVED_BY_SIGNATURE in found_json["proved"]
    assert _run(["verify", "t.h5"]) == 4
    assert _run(["verify", "t.h5", "--key", str(keys[0])]) == 2
    assert "is a private key" in capsys.readouterr().err


def add_a_byte(trace: Path) -> None:
    with trace.open("ab") as file:
        file.write(b"x")


def change_an_attribute(trace: Path) -> None:
    with h5py.File(trace, "r+") as file:
        file.attrs["status"] = "failed"


def other_signature(trace: Path) -> None:
    place = signature_place(trace)
    head, value = place.read_text().rsplit(" ", 1)
    place.write_text(f"{head} {'AB' + value[2:]}")


def fitting_sha256(trace: Path) -> None:
    """Change the trace and write its SHA-256 into the signature file."""
    before = signature_place(trace).read_text()
    add_a_byte(trace)
    from qnetsim.trace.files.signature import file_sha256

    old = before.split("sha256 ")[1].split("\n")[0]
    signature_place(trace).write_text(before.replace(old, file_sha256(trace)))


@pytest.mark.parametrize(
    ("forge", "what"),
    [
        (add_a_byte, "changed after it was signed"),
        (change_an_attribute, "changed after it was signed"),
        (other_signature, "not made with the key"),
        (fitting_sha256, "not made with the key"),
        (lambda trace: signature_place(trace).unlink(), "not signed"),
        (lambda trace: signature_place(trace).write_text("x"), "is not a signature"),
    ],
)
def test_what_is_not_as_it_was_signed_fails(
    forge: Callable[[Path], object], what: str, keys: Keys
) -> None:
    trace = signed("t.h5", keys)
    forge(trace)
    passed, text = verdict(trace, keys[1]) or (None, "")
    assert passed is False
    assert what in text


def test_another_key_fails(keys: Keys, tmp_path: Path) -> None:
    trace = signed("t.h5", keys)
    _, other = key_pair(tmp_path, "other")
    passed, text = verdict(trace, other) or (None, "")
    assert passed is False
    assert ", not by SHA256:" in text


def test_an_unsigned_trace_says_nothing(keys: Keys) -> None:
    assert _run(["run", "s.toml", "-p", "evf", "-o", "t.h5"]) == 0
    assert verdict(Path("t.h5"), None) is None
    assert not Path("t.h5.sig").exists()


def test_compare_and_replay_sign_what_they_write(
    keys: Keys, capsys: pytest.CaptureFixture[str]
) -> None:
    key = ["--sign", str(keys[0])]
    assert _run(["compare", "s.toml", "-o", "c", *key]) == 0
    assert (verdict(Path("c/evf-r000.h5"), keys[1]) or (None,))[0]
    assert _run(["replay", "c/evf-r000.h5", "-o", "r.h5", *key]) == 0
    assert (verdict(Path("r.h5"), keys[1]) or (None,))[0]
    # what is only read is not signed
    assert _run(["run", "s.toml", "-p", "evf", "-o", "t.h5"]) == 0
    assert _run(["compare", "t.h5", "-p", "random", "-o", "d", *key]) == 0
    assert not Path("t.h5.sig").exists()
    assert (verdict(Path("d/random-r000.h5"), keys[1]) or (None,))[0]
    capsys.readouterr()
    assert _run(["compare", "t.h5", "-o", "e", *key]) == 2
    assert "traces are only read here" in capsys.readouterr().err
    for command in (["run", "s.toml", "-p", "evf"], ["compare", "s.toml"], ["replay", "t.h5"]):
        assert _run([*command, "-o", "never", "--sign", "s.toml"]) == 2
        assert "s.toml: is no private key" in capsys.readouterr().err
        assert not Path("never").exists()


def test_the_key_is_nowhere_in_what_is_written(keys: Keys) -> None:
    trace = signed("t.h5", keys)
    lines = keys[0].read_text().splitlines()[1:-1]
    for place in (trace, signature_place(trace)):
        data = place.read_bytes()
        assert not any(line.encode() in data for line in lines)
        assert str(keys[0]).encode() not in data


def test_a_trace_that_is_replaced_or_resumed_loses_its_signature(
    keys: Keys, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = signed("t.h5", keys)
    key = ["--sign", str(keys[0])]
    again = ["run", "s.toml", "-p", "evf", "-o", "t.h5"]
    # complete: nothing is run, so nothing is signed, and what is there stays
    assert _run([*again, "--resume", *key]) == 2
    assert "is complete" in capsys.readouterr().err
    assert _run([*again, "--resume"]) == 0
    assert (verdict(trace, keys[1]) or (None,))[0]
    assert _run([*again, "--force"]) == 0
    assert not signature_place(trace).exists()
    assert _run([*again, "--force", *key]) == 0
    with h5py.File(trace, "r+") as file:
        file.attrs["status"] = "interrupted"
    assert _run([*again, "--resume"]) == 0
    with open_trace(trace) as opened:
        assert opened.status == "complete"
    assert not signature_place(trace).exists()
    # a signature that no trace belongs to is not overwritten unasked
    signature_place(Path("u.h5")).write_text("of another trace")
    assert _run(["run", "s.toml", "-p", "evf", "-o", "u.h5"]) == 2
    assert "u.h5.sig: exists already" in capsys.readouterr().err
    assert signature_place(Path("u.h5")).read_text() == "of another trace"


@pytest.mark.parametrize(("checked", "passed"), [(True, False), (False, None)])
def test_a_link_to_nowhere_is_no_missing_signature(
    keys: Keys, checked: bool, passed: bool | None
) -> None:
    trace = signed("t.h5", keys)
    signature_place(trace).unlink()
    signature_place(trace).symlink_to("nowhere")
    found = verdict(trace, keys[1] if checked else None)
    assert found is not None
    assert found[0] is passed
