"""What an action means stands with the weights, and a scenario far from the training is told."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest

import qnetsim
from qnetsim.case import open_case
from qnetsim.errors import UsageError
from qnetsim.policies.learned.model_files import MODELS
from qnetsim.policies.learned.training_facts import (
    LAW_NAMES,
    NAMES,
    ModelWarning,
    differences,
    facts_of,
    facts_of_card,
    full_scale,
    other_limits,
)
from qnetsim.policies.learned.weights import packed, read_weights
from qnetsim.policies.registry import make_policy
from qnetsim.runs.run_context import RunContext, run_case
from qnetsim.scenario import parse_scenario

SHIPPED = sorted(p for p in MODELS.glob("*.safetensors") if "belief-net" not in p.stem)
TEXT = "[run]\nslots = 5\n[network]\ntopology = 'nsfnet'\n[demand]\nrequests = 100\nmean = 3.0\n"


def setting_of(more=""):
    return open_case(parse_scenario(TEXT + more)).setting


def prepared(setting, **options):
    policy = make_policy("fedsac", options)
    policy.prepare(setting, None)
    return policy


def level_of(policy):
    """Channels for each routed request that the policy reserves first."""
    units = policy._units
    step = policy._next_step()
    busy = units.requests > 0
    return set((step.channels[busy] // units.requests[busy]).tolist())


def stripped(path, to, *, card=(), spec=None):
    weights = read_weights(path)
    kept = {key: value for key, value in weights.card.items() if key not in card}
    to.write_bytes(packed(replace(weights, card=kept, spec=spec or weights.spec)))
    return str(to)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_scales_of_shipped_models_are_those_of_their_training(path):
    facts = facts_of_card(read_weights(path).card)
    # ten levels: 0 … 9 channels, and twice as many where a span is twice the usual one
    assert full_scale(facts) == (18 if "heterogeneous" in path.stem else 9)


@pytest.mark.parametrize("name", ["nsfnet", "usnet", "heterogeneous", "regimes", "stores"])
def test_a_shipped_scenario_is_what_its_model_was_trained_with(name):
    path = MODELS / f"fedsac-{name}.safetensors"
    trained = dict(read_weights(path).card)["scenario"]
    known = {k: v for k, v in trained.items() if k in {"network", "demand", "regimes", "cost"}}
    assert known.keys() >= {"network", "demand", "cost"}
    here = facts_of(open_case(qnetsim.load(name)).setting)
    assert facts_of_card(read_weights(path).card) == here


@pytest.mark.parametrize("levels", [12, 14, 20])
def test_other_levels_do_not_change_what_an_action_means(levels):
    """The demand hardly differs, so the reservation stays; it was 5, 6 and 8 for each request."""
    assert level_of(prepared(setting_of())) == {4}
    with pytest.warns(ModelWarning) as caught:
        policy = prepared(setting_of(f"levels = {levels}\n"))
    assert policy._units.top == 9
    assert level_of(policy) == {4}
    (warning,) = caught
    text = str(warning.message)
    assert f"levels {levels} (trained with 10)" in text
    assert "mean level" not in text
    assert "its action 1 is 9 channels for each routed request, as in training" in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("[cost]\non_demand_multiplier = 2.0\n", "QKD price reserved/on demand 0.125 (trained"),
        ("[key_management]\nstore_bits = 9\nkey_lifetime_slots = 2\n", "store_bits 9 (trained"),
        ("[regimes]\nmeans = [1, 6]\nmean_slots = 7\n", "means of the regimes 1 … 6 (trained"),
    ],
)  # fmt: skip
def test_prices_stores_and_regimes_of_another_kind_are_told(more, told):
    scenario = TEXT.replace("mean = 3.0\n", "") if "regimes" in more else TEXT
    setting = open_case(parse_scenario(scenario + more)).setting
    with pytest.warns(ModelWarning) as caught:
        prepared(setting)
    assert told in str(caught[0].message)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("coupling = 'independent'\n", "coupling of the levels independent (trained with comono"),
        (
            "kind = 'table'\nlevels = 10\nprobabilities = [0.5, 0, 0, 0, 0, 0, 0.5, 0, 0, 0]\n",
            "deviation of the level 3 (trained with 1.7",
        ),
    ],
)
def test_demand_of_the_same_mean_but_another_law_is_told(more: str, told: str) -> None:
    text = TEXT.replace("mean = 3.0\n", "") if "table" in more else TEXT
    with pytest.warns(ModelWarning) as caught:
        prepared(open_case(parse_scenario(text + more)).setting)
    assert told in str(caught[0].message)
    assert "mean level" not in str(caught[0].message)


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ("qkd_wavelengths = 150", ["channels that a fibre can light 50"]),
        ("km_wavelengths = 7", ["KM wavelengths that a fibre can light 7"]),
    ],
)
def test_other_limits_are_told(limits: str, told: list[str]) -> None:
    card = read_weights(MODELS / "fedsac-nsfnet.safetensors").card
    text = TEXT.replace("'nsfnet'", f"'nsfnet'\n{limits}")
    setting = open_case(parse_scenario(text)).setting
    told = [f"{line} (trained with unlimited)" for line in told]
    assert other_limits(card, setting) == told
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        prepared(setting)
    assert told[0] in str(caught[0].message)
    # trained with the same limits, with others, and by a card that does not tell
    here = {"network": {"qkd_wavelengths": 150, "km_wavelengths": 7}}
    both = "'nsfnet'\nqkd_wavelengths = 150\nkm_wavelengths = 7"
    limited = open_case(parse_scenario(TEXT.replace("'nsfnet'", both))).setting
    assert other_limits({"scenario": here}, limited) == []
    assert len(other_limits({"scenario": here}, setting_of())) == 2
    assert other_limits({}, limited) == other_limits({"scenario": {"network": 5}}, limited) == []


def test_weights_that_say_less_of_the_demand_are_believed() -> None:
    here = facts_of(setting_of())
    less = {key: value for key, value in here.items() if key not in {"coupling", "level_deviation"}}
    assert facts_of_card({"training": less}) == less
    assert differences(less, here, NAMES | LAW_NAMES) == []


def test_other_spans_are_told_and_do_not_change_the_scale():
    text = TEXT.replace(
        "'nsfnet'", "'nsfnet'\nkey_rate = 'inverse'\nfibre_spans = [['1', '2', 320]]"
    )
    with pytest.warns(
        ModelWarning, match=r"channels of the highest level 9 … 18 \(trained with 9\)"
    ):
        policy = prepared(open_case(parse_scenario(text)).setting)
    assert policy._units.top == 9


def test_a_scenario_like_the_training_is_not_warned_of():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        prepared(setting_of())


def test_weights_that_cannot_tell_say_so_once(tmp_path):
    path = MODELS / "fedsac-nsfnet.safetensors"
    model = stripped(path, tmp_path / "w.safetensors", card=("scenario",))
    with pytest.warns(ModelWarning) as caught:
        policy = prepared(setting_of("levels = 12\n"), model=model)
    (warning,) = caught
    assert "does not tell what it was trained with; its action 1 is 11 channels" in str(
        warning.message
    )
    assert "assumed from the scenario in use" in str(warning.message)
    assert policy._units.top == 11
    spec = replace(read_weights(path).spec, most_channels=9)
    model = stripped(path, tmp_path / "v.safetensors", card=("scenario",), spec=spec)
    with pytest.warns(ModelWarning, match="9 channels for each routed request, as its file says"):
        assert prepared(setting_of("levels = 12\n"), model=model)._units.top == 9


@pytest.mark.parametrize(
    "network", [{"topology": "/etc/passwd"}, {"topology": 3}, {"rate_table": "/etc/passwd"}, None]
)
def test_a_card_leads_to_no_file(network):
    card = dict(read_weights(MODELS / "fedsac-nsfnet.safetensors").card)
    scenario = dict(card["scenario"])
    scenario["network"] = scenario["network"] | network if network else network
    assert facts_of_card({"scenario": scenario}) is None
    assert facts_of_card({}) is None


def test_new_weights_keep_the_scale_and_what_training_met(tmp_path):
    pytest.importorskip("torch")
    from qnetsim.learning.checkpoint import card_text, weights_of, write_weights
    from qnetsim.learning.train import Training

    text = TEXT + (
        "levels = 7\n[learning]\nepochs = 1\nslots_per_epoch = 4\nupdates_per_epoch = 1\n"
        "batch = 2\n"
    )
    case = open_case(parse_scenario(text))
    training = Training(case, "fedsac", [0])
    training.run()
    path = tmp_path / "w.safetensors"
    sha256 = write_weights(path, weights_of(training))
    weights = read_weights(path)
    assert weights.spec.most_channels == 6
    assert weights.card["training"] == facts_of(case.setting)
    assert "| channels for each routed request at action 1 | 6 |" in card_text(weights, sha256)
    with pytest.warns(ModelWarning, match=r"levels 10 \(trained with 7\)"):
        policy = prepared(setting_of(), model=str(path))
    assert policy._units.top == 6
    assert np.isfinite(policy._units.typical).all()


def test_weights_of_another_network_are_refused_and_not_warned_of():
    text = TEXT.replace("nsfnet", "usnet") + "levels = 20\n"
    setting = open_case(parse_scenario(text)).setting
    policy = make_policy("decsac", {"model": "nsfnet"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for ask in (policy.plan, lambda setting: policy.prepare(setting, None)):
            with pytest.raises(UsageError, match="14 policies, for nsfnet; usnet has 24 units"):
                ask(setting)


def test_weights_of_another_policy_are_refused():
    setting = open_case(parse_scenario(TEXT)).setting
    file = str(MODELS / "decppo-nsfnet.safetensors")
    policy = make_policy("mappo", {"model": file})
    told = re.escape(f"trained as decppo, not as mappo; give policy=decppo:model={file}, or")
    with pytest.raises(UsageError, match=told):
        policy.plan(setting)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_scenario_far_off_is_told_once_by_a_command(workers, tmp_path):
    """Also where worker processes run the policy."""
    arguments = ["compare", "nsfnet", "-p", "fedsac", "-p", "sip", "--slots", "5"]
    arguments += ["--replications", "2", "--set", "demand.levels=12", "--workers", str(workers)]
    done = subprocess.run(
        [sys.executable, "-m", "qnetsim", *arguments, "-o", str(tmp_path / "traces")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.count("meets what it was not trained for") == 1


def test_a_policy_forgets_the_actions_that_all_agents_have_taken():
    """In a model whose state never repeats every slot has an action of its own."""
    case = open_case(parse_scenario(TEXT.replace("slots = 5", "slots = 60")))
    policy = make_policy("fedsac", {})
    kept = []

    def never_repeats(agents):
        step = next_step()
        kept.append(len(policy._steps))
        return step._replace(repeats=[False] * (agents - 1) + [True])

    prepare, policy.prepare = policy.prepare, None

    def prepared(setting, plan):
        nonlocal next_step
        prepare(setting, plan)
        next_step = policy._next_step
        policy._next_step = lambda: never_repeats(len(policy._of_agent))

    next_step = None
    policy.prepare = prepared
    run_case(RunContext(case, "x"), policy, case.realisation(0).chunks(), lambda *_: None)
    assert len(kept) == 60
    assert max(kept) <= 1
