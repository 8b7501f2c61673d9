"""Figures of the paper: lines stay apart in grey, and nothing is cut off."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from qnetsim.analysis.figures.style import STYLES
from qnetsim.studies.paper import fig4, fig9
from qnetsim.studies.paper.curve_settings import ALGORITHMS
from qnetsim.studies.paper.curve_tables import curve_csv
from qnetsim.studies.paper.fig9 import AlgorithmCurve
from qnetsim.studies.paper.loss_points import LossPoint


def curves(setting: str, first: float) -> list[AlgorithmCurve]:
    drawn = np.array([[first], [1.2], [1.01]])
    mean = np.array([[1.03], [1.02], [1.01]])
    return [
        AlgorithmCurve(topology, setting, algorithm, drawn, mean, cpu_s=1.0)
        for topology in ("nsfnet", "usnet")
        for algorithm in ALGORITHMS
    ]


@pytest.mark.parametrize("style", ["screen", "ieee-column"])
def test_lines_stay_apart_in_grey(style: str) -> None:
    losses = [
        LossPoint(name, 1, (0.5,), (0.9,), 10) for name in ("breast_cancer", "digits", "wine")
    ]
    for figure in (
        fig4.figure(losses, style=STYLES[style]),
        fig9.figure(curves("tuned", 1.4), style=STYLES[style]),
    ):
        lines = [line for line in figure.axes[0].lines if not line.get_label().startswith("_")]
        assert len(lines) == 3
        # matplotlib gives dashes no public name
        assert len({str(line._unscaled_dash_pattern) for line in lines}) == 3
        assert len({line.get_marker() for line in lines}) == 3


def test_curves_as_csv() -> None:
    lines = list(csv.DictReader(io.StringIO(curve_csv(curves("tuned", 1.4)))))
    assert len(lines) == 6 * 3
    first = lines[0]
    assert (first["topology"], first["policy"], first["epoch"]) == ("nsfnet", "fedsac", "0")
    assert (first["drawn"], first["drawn_low"], first["mean_action"]) == ("1.4", "1.4", "1.03")


def test_controls_are_not_cut_off() -> None:
    figure = fig9.figure([*curves("tuned", 1.4), *curves("tuned, 20 channels", 2.05)])
    assert len(figure.axes) == 4
    tops = [axes.get_ylim()[1] for axes in figure.axes]
    assert tops == pytest.approx([1.6, 1.6, 2.05 * 1.02, 2.05 * 1.02])
    assert [axes.get_title() for axes in figure.axes[2:]] == [
        f"{topology}: tuned, 20 channels" for topology in ("NSFNET", "USNET")
    ]


def test_settings_that_stand_in_the_table_alone_are_not_drawn() -> None:
    figure = fig9.figure([*curves("tuned", 1.4), *curves("tuned, one wavelength", 1.4)])
    assert len(figure.axes) == 2
    assert len(fig9.figure(curves("tuned, one wavelength", 1.4)).axes) == 2


def test_places_without_a_training_say_so() -> None:
    lines = [*curves("tuned", 1.4), *curves("tuned, 20 channels", 2.05)]
    lines = [line for line in lines if (line.topology, line.setting) != ("usnet", "tuned")]
    upper, empty, lower, last = fig9.figure(lines).axes
    assert not empty.axison
    assert [text.get_text() for text in empty.texts] == ["not trained"]
    assert [axes.get_ylabel() for axes in (upper, lower, last)] == ["cost / C*"] * 2 + [""]
    assert [axes.get_xlabel() for axes in (upper, lower, last)] == ["", "epoch", "epoch"]
