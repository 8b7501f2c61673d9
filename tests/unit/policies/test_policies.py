"""The shipped policies, the registry, and what is refused of a policy."""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from qnetsim.case import open_case
from qnetsim.errors import PolicyError, UsageError
from qnetsim.policies import Decision, Observation, Policy, available, load_policy, registry
from qnetsim.policies.registry import make_policy
from qnetsim.testing import check_policy
from tests.support import ROOT
from tests.support.helpers import nsfnet, run

PLANNERS = ["deterministic", "empirical", "evf", "level", "perfect", "random", "sip"]
RULES = ["base-stock", "belief", "conditional-quantile", "dynamic-program", "mpc"]
SHIPPED = PLANNERS + RULES


@pytest.mark.parametrize("name", SHIPPED)
def test_the_page_of_policies_has_every_name(name: str) -> None:
    page = (ROOT / "docs" / "background" / "policies.md").read_text(encoding="utf-8")
    assert f"`{name}`" in page


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_policies_keep_the_contract(name: str) -> None:
    options = {"level": 2} if name in {"level", "deterministic"} else {}
    check_policy(lambda: make_policy(name, options))


def test_the_literal_reading_keeps_the_contract() -> None:
    check_policy(lambda: make_policy("random", {"reading": "literal"}))


@pytest.mark.parametrize("name", available())
def test_what_is_allowed_has_both_ends(name: str) -> None:
    """A message names what is allowed, and the value that was refused is never among it."""
    for key, field in load_policy(name).Options.model_fields.items():
        extra = field.json_schema_extra
        allowed = str(extra.get("allowed")) if isinstance(extra, dict) else ""
        for limit in field.metadata:
            most = getattr(limit, "le", None)
            written = {2**63 - 1: r"2\^63 - 1"}.get(most, str(most))
            assert most is None or re.search(rf"(?<!\d){written}(?!\d)", allowed), key


def test_only_perfect_sees_the_future() -> None:
    assert set(SHIPPED) <= set(available())
    assert [name for name in SHIPPED if load_policy(name).sees_future] == ["perfect"]


def test_the_empirical_policy_approaches_sip() -> None:
    """Within 4 % after 10 slots and 0.5 % later on, in expected cost under the true demand."""
    scenario = nsfnet(run__slots="3000", demand__requests="60")
    case = open_case(scenario)
    best = run(case, make_policy("sip", {})).cost
    learned = run(case, make_policy("empirical", {})).cost
    assert learned[:10].sum() > 2 * best[:10].sum()
    assert learned[100:].mean() == pytest.approx(best[100:].mean(), rel=0.005)


def test_random_draws_do_not_depend_on_the_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    from qnetsim.policies import uniform

    case = open_case(nsfnet(run__slots="200", demand__requests="10"))
    for reading in ("calibrated", "literal"):
        results = []
        for slots in (1024, 7):
            monkeypatch.setattr(uniform, "SCHEDULE_SLOTS", slots)
            results.append(run(case, make_policy("random", {"reading": reading})))
        np.testing.assert_array_equal(results[0].cost, results[1].cost)


def entry(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, registry.GROUP)


def test_broken_plug_ins_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = {
        "gone": entry("gone", "no_such_package.module:Policy"),
        "odd": entry("odd", "math:pi"),
    }
    monkeypatch.setattr(registry, "available", lambda: entries)
    load_policy.cache_clear()
    with pytest.raises(UsageError, match=r"'gone' .* cannot be imported: ModuleNotFoundError"):
        load_policy("gone")
    with pytest.raises(UsageError, match="not a subclass"):
        load_policy("odd")
    with pytest.raises(UsageError, match="unknown policy 'od'; did you mean 'odd'"):
        load_policy("od")
    load_policy.cache_clear()


def hooked(name: str) -> type[Policy]:
    class Hooked(Policy):
        def decide(self, observation: Observation) -> Decision:
            return Decision(np.full(21, 1), np.full(21, 1), observation.slots_left)

        def learn(self, outcome) -> None:
            """Needed, so that learning is asked for."""

    def fail(*args: object) -> None:
        raise SystemExit("off")

    setattr(Hooked, name, fail)
    return Hooked


@pytest.mark.parametrize("name", ["owners", "plan", "prepare", "learn", "decide"])
def test_any_failing_hook_is_named(name: str) -> None:
    with pytest.raises(PolicyError, match=rf"policy test failed in {name}.*: SystemExit: off"):
        run(nsfnet(run__slots="3"), hooked(name)())


@pytest.mark.parametrize("owners", [None, ["a"] * 21, np.arange(21) * 10**9])
def test_senseless_owners_are_refused(owners: object) -> None:
    policy = hooked("unused")
    policy.owners = lambda self, network: owners
    with pytest.raises(PolicyError, match="owners must"):
        run(nsfnet(run__slots="3"), policy())


def test_senseless_plans_and_arrays_are_refused() -> None:
    policy = hooked("unused")
    policy.plan = lambda self, setting: "a plan"
    with pytest.raises(PolicyError, match="plan returned str"):
        run(nsfnet(run__slots="3"), policy())
    masked = np.ma.masked_all(21, dtype=int)
    policy = hooked("unused")
    policy.decide = lambda self, observation: Decision(masked, masked)
    with pytest.raises(PolicyError, match="masked array"):
        run(nsfnet(run__slots="3"), policy())


@pytest.mark.parametrize(("attribute", "value"), [("Options", 5), ("sees_future", "yes")])
def test_classes_that_are_no_policies_are_refused(
    attribute: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = type("Odd", (Policy,), {attribute: value})
    monkeypatch.setattr(EntryPoint, "load", lambda self: policy)
    load_policy.cache_clear()
    with pytest.raises(UsageError, match=attribute):
        load_policy("sip")
    load_policy.cache_clear()


def test_two_packages_with_one_name_warn(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [entry("sip", "other:Sip"), entry("sip", "qnetsim.policies.sip:StochasticProgram")]
    monkeypatch.setattr(registry, "entry_points", lambda group: both)
    available.cache_clear()
    with pytest.warns(UserWarning, match="the first is used"):
        found = available()
    assert found["sip"].value.startswith("qnetsim.")
    available.cache_clear()
