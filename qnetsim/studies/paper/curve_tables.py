"""Learning curves of Fig. 9 as a table and in words."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np

from qnetsim.analysis.learning_curves import bootstrap, interquartile_mean
from qnetsim.analysis.text_table import TextTable
from qnetsim.case import load, open_case
from qnetsim.network import network_topology
from qnetsim.plain_text import counted
from qnetsim.plans.make import make_plan
from qnetsim.policies.chosen import choose
from qnetsim.shipped import shipped_scenarios
from qnetsim.studies.paper.compute import MODES
from qnetsim.studies.paper.cost_figure import TOPOLOGIES
from qnetsim.studies.paper.curve_judges import epochs_text
from qnetsim.studies.paper.curve_settings import SETTINGS
from qnetsim.studies.paper.fig9 import NAMES, AlgorithmCurve, CurveSummary

#: Seeds for which medians of epochs are worth comparing.
WANTED_SEEDS = 20
TABLE = """\
Cost over C*, interquartile means over the seeds: untrained, after one epoch, and at the end, with
the 95 % bootstrap interval of the last. *Drawn* actions are what agents do while they train, *mean*
actions what they do afterwards. Each row ends with the epochs from which they stay within 5 %."""
SETTING_WORDS = """\
Settings that begin with *paper* have the parameters that the paper states, and are readings of what
it leaves open: whose cost the reward is; whether an action reserves up to two KM wavelengths for
each request, as in the other settings, or one, which is the literal fraction; and whether averaging
the policies averages the moments of their optimisers too (*shared moments*), which agents keep for
themselves in the other settings. *Tuned* ones are those of the shipped scenarios; no verdict rests
on them. Two controls, *less demand* and *20 channels*, move the optimum off the middle of the range
of actions"""


def curve_texts(curves: Sequence[CurveSummary], stated: bool = True) -> Iterator[str]:
    """What is to be said ahead of the table.

    Parameters
    ----------
    curves : sequence of CurveSummary
    stated : bool
        No parameter was changed.
    """
    yield TABLE
    yield f"{SETTING_WORDS}{': ' + _best_levels() if stated else ''}."
    yield from _first_epochs(curves)
    missing = _missing(curves)
    if missing:
        yield missing


@cache
def _best_levels() -> str:
    """Best level of each control on NSFNET, and the range of levels that an action has."""
    told = []
    for setting in (setting for setting in SETTINGS.values() if setting.control):
        scenario = setting.scenario("nsfnet")
        plan = make_plan(open_case(scenario), choose("sip"))
        level = plan.qkd_channels.sum() / plan.km_wavelengths.sum()
        most = scenario.learning.most_channels or scenario.demand.levels - 1
        told.append(f"the best level of *{setting.name}* is {level:.3g} of 0 … {most}")
    return ", and ".join(told)


def _first_epochs(curves: Sequence[CurveSummary]) -> Iterator[str]:
    """What falls in the first epoch of the tuned settings."""
    tuned = [c for c in curves if c.setting == "tuned" and c.algorithm == "fedsac"]
    told = [
        f"{NAMES[c.algorithm]} on {c.topology.upper()} from {c.first_drawn:.3f} to "
        f"{c.second_drawn:.3f} (mean actions from {c.first_mean:.3f} to {c.second_mean:.3f})"
        for c in tuned
    ]
    if not told:
        return
    text = (
        "With the tuned settings the cost of drawn actions falls in the first epoch: "
        f"{'; '.join(told)}."
    )
    if all(c.first_mean <= 1.05 for c in tuned):
        text += (
            " What falls is the noise of the actions, no distance that was learnt: the untrained "
            "mean action is within 5 % of C* before any training."
        )
    yield text


def _missing(curves: Sequence[CurveSummary]) -> str:
    """What was not trained, with the command that does, and its cost; empty where all was."""
    there = {(c.topology, c.setting, c.algorithm): c.seeds for c in curves}
    wanted = [
        (topology, setting.name, algorithm)
        for topology in TOPOLOGIES
        for setting in SETTINGS.values()
        for algorithm in setting.algorithms
    ]
    cpu_s = {key: _cpu_s(key, curves) for key in wanted}
    left = sum(max(WANTED_SEEDS - there.get(key, 0), 0) * cpu_s[key] for key in wanted)
    if not left:
        return ""
    none = sum(key not in there for key in wanted)
    nothing = f", and none of {counted(none, 'row')}" if none else ""
    spent = sum(c.cpu_s for c in curves) / 3600
    usual = MODES[False].seeds
    return (
        f"Of each row {WANTED_SEEDS} are wanted, a training for each seed. Trained are "
        f"{_either(sorted(set(there.values())))}{nothing}, in {spent:.1f} CPU hours. `qnetsim "
        f"reproduce fig9 --seeds {WANTED_SEEDS} --workers 2` trains the others and goes on where "
        f"it was stopped; at the pace of those that are there it takes {left / 3600:.0f} CPU "
        f"hours. `qnetsim reproduce all` trains {usual} of each, "
        f"{usual * sum(cpu_s.values()) / 3600:.1f} CPU hours."
    )


def _cpu_s(key: tuple[str, str, str], curves: Sequence[CurveSummary]) -> float:
    """CPU seconds of a training, at the pace of those of the same policy, on the topology first.

    Each agent learns, so on another topology an epoch takes as much more as it has more nodes.
    """
    topology, setting, algorithm = key
    epochs = SETTINGS[setting].scenario(topology).learning.epochs
    alike = [c for c in curves if c.algorithm == algorithm] or curves
    nearest = [c for c in alike if c.topology == topology] or alike
    paces = [c.cpu_s / (c.seeds * max(c.epochs, 1) * _agents(c.topology)) for c in nearest]
    return epochs * _agents(topology) * float(np.mean(paces))


@cache
def _agents(topology: str) -> int:
    """Agents on a topology, one at each node."""
    return len(network_topology(load(shipped_scenarios()[topology]).network).nodes)


def _either(numbers: Sequence[int]) -> str:
    words = [str(number) for number in numbers]
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def curve_table(curves: Sequence[CurveSummary]) -> TextTable:
    """Costs of drawn and of mean actions, ahead of the training, after an epoch, at the end."""
    rows = tuple(
        (
            curve.topology,
            curve.setting,
            NAMES[curve.algorithm],
            str(curve.seeds),
            _costs(curve.first_drawn, curve.second_drawn, curve.last_drawn) + _ends(curve),
            _costs(curve.first_mean, curve.second_mean, curve.last_mean),
            f"{curve.worst_mean:.3f}",
            str(curve.epochs),
            epochs_text(curve.converged_at, curve.epochs),
            epochs_text(curve.mean_at, curve.epochs),
        )
        for curve in sorted(curves, key=_place)
    )
    columns = (
        *("topology", "setting", "policy", "seeds", "drawn", "mean", "mean, worst seed"),
        *("epochs", "drawn within 5 %", "mean within 5 %"),
    )
    text = ("setting", "policy", "drawn within 5 %", "mean within 5 %")
    going = ("mean within 5 %", "epochs", "mean, worst seed")
    return TextTable(columns, rows, text=text, keys=3, first_to_go=going)


def _place(curve: CurveSummary) -> tuple[str, int]:
    return curve.topology, list(SETTINGS).index(curve.setting)


def _costs(*values: float) -> str:
    return " → ".join(f"{value:.3f}" for value in values)


def _ends(curve: CurveSummary) -> str:
    low, high = curve.last_drawn_range
    return "" if curve.seeds == 1 else f" ({low:.3f} … {high:.3f})"


def curve_csv(curves: Sequence[AlgorithmCurve]) -> str:
    """Curves as CSV: interquartile means of each epoch, with ends of the drawn one's interval."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    head = ("topology", "setting", "policy", "seeds", "epoch")
    writer.writerow((*head, "drawn", "drawn_low", "drawn_high", "mean_action"))
    for curve in curves:
        drawn, mean = interquartile_mean(curve.stochastic), interquartile_mean(curve.deterministic)
        low, high = bootstrap(curve.stochastic)
        seeds = curve.stochastic.shape[1]
        for epoch, values in enumerate(zip(drawn, low, high, mean, strict=True)):
            place = (curve.topology, curve.setting, curve.algorithm, seeds, epoch)
            writer.writerow((*place, *(float(value) for value in values)))
    return out.getvalue()
