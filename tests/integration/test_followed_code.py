"""A trace of a user's own policy can be departed from, where its code is given and is the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.commands import call, data

CODE = """
import qnetsim


class Mine(qnetsim.Policy):
    def prepare(self, setting, plan):
        self.routes = setting.shortest_routes()
        self.requests = setting.requests_per_fibre(self.routes)

    def decide(self, observation):
        return qnetsim.Decision(self.requests, self.requests, 5, self.routes)
"""


@pytest.fixture(autouse=True)
def _place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.py").write_text(CODE)
    Path("other.py").write_text(f"{CODE}# other\n")
    for policy, out in (("own.py:Mine", "own.h5"), ("sip", "sip.h5")):
        assert call(capsys, "run", "tiny", "-p", policy, "--slots", "40", "-o", out)[0] == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("own.h5", "--followed", "own.py:Mine", "-p", "sip"),
        ("own.h5", "--followed", "own.py:Mine", "-p", "own.py:Mine"),
        ("own.h5", "--followed", "own.py:Mine", "--set", "a-b:qkd_channels=0"),
        ("sip.h5", "-p", "own.py:Mine"),
    ],
)
def test_a_departure_is_replayed_and_verified(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = call(capsys, "replay", *arguments, "--from-slot", "20", "-o", "new.h5")
    assert (code, err) == (0, "")
    found = data(capsys, "verify", "new.h5", "-p", "own.py:Mine")
    assert {one["name"]: one["passed"] for one in found["findings"]}["re-run"] is True
    # the code of others is not run on the word of a trace, nor other code in its place
    for given in ((), ("-p", "other.py:Mine")):
        code, out, _ = call(capsys, "verify", "new.h5", *given)
        assert code == 4
        assert "not possible here" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("own.h5", "--from-slot", "20", "-p", "sip"), "imported only where it is given: --foll"),
        (("own.h5", "--from-slot", "20", "-p", "sip", "--followed", "other.py:Mine"), "SHA-256"),
        (("own.h5", "--from-slot", "20", "-p", "sip", "--followed", "evf"), "SHA-256"),
        (("sip.h5", "--from-slot", "20", "-p", "evf", "--followed", "own.py:Mine"), "no code of"),
        (("sip.h5", "-p", "evf", "--followed", "own.py:Mine"), "--followed goes with --from-slot"),
    ],
)
def test_other_code_is_refused(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = call(capsys, "replay", *arguments, "-o", "new.h5")
    assert code == 2
    assert said in err
    assert not Path("new.h5").exists()
