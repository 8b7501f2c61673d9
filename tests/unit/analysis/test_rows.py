"""The tables of a comparison hold the same cells in a terminal and on the report's page."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from qnetsim.analysis import Comparison, compare_traces
from qnetsim.analysis.interval_rows import basis, interval_rows
from qnetsim.analysis.report import write_report
from qnetsim.analysis.rows import cost_rows, key_rows, paired_rows
from qnetsim.analysis.task_means import task_means
from qnetsim.analysis.task_rows import task_interval_rows, task_rows
from qnetsim.analysis.text_table import Nothing, TextTable, at_one_precision
from qnetsim.cli.show import comparison as shown
from qnetsim.runs.batch import run_policies
from tests.support.helpers import scenario

#: Key stores and a federated task, so that every table is there.
SETTINGS = """
[run]
slots = 60
replications = 2
[network]
topology = "nsfnet"
[demand]
requests = 40
[key_management]
store_bits = 100000
key_lifetime_slots = 5
[[policy]]
name = "sip"
[[policy]]
name = "evf"
[[policy]]
name = "perfect"
[[fel]]
dataset = "wine"
owner = "1"
head = "6"
workers = ["3", "8", "14"]
rounds = 4
"""
#: Titles in the terminal, and captions of the same tables on the page.
TITLES = {
    "2 replications": "Cost per slot",
    "paired differences": "Paired differences per slot, 95 % intervals",
    "95 % intervals of all means": "95 % intervals of all means: half their widths; "
    "of waits their ends",
    "keys and waiting": "Keys and waiting",
    "federated learning": "Federated learning: simulated time until trained, "
    "and other means over replications",
    "95 % intervals of these means": "Federated learning: 95 % intervals of the means, "
    "half their widths",
}
#: What makes the rows of each.
SHOWN = {
    "2 replications": cost_rows,
    "paired differences": paired_rows,
    "95 % intervals of all means": interval_rows,
    "keys and waiting": key_rows,
    "federated learning": task_rows,
    "95 % intervals of these means": task_interval_rows,
}


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    spec = scenario(SETTINGS)
    return compare_traces(run_policies(spec, spec.policy, tmp_path_factory.mktemp("rows")))


class Tables(HTMLParser):
    """Rows of all tables of a page, by their captions; the first row is the headings."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, list[list[str]]] = {}
        self._caption = ""
        self._open = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._open = tag
        if tag == "tr":
            self.found[self._caption].append([])
        elif tag in {"th", "td"}:
            self.found[self._caption][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, text: str) -> None:
        if self._open == "caption":
            self._caption = text.replace("\u00a0", " ")
            self.found[self._caption] = []
        elif self._open in {"th", "td"}:
            # a number and its sign stay in one line by a space of another kind
            self.found[self._caption][-1][-1] += text.replace("\u00a0", " ")


def terminal_tables(text: str) -> dict[str, list[list[str]]]:
    """Rows of all tables that rich printed, by the beginnings of their titles."""
    found: dict[str, list[list[str]]] = {}
    title = ""
    for line in text.splitlines():
        title = next((start for start in TITLES if line.startswith(start)), title)
        if line[:1] in {"│", "┃"}:
            cells = [cell.strip() for cell in re.split("[│┃]", line)[1:-1]]
            found.setdefault(title, []).append(cells)
    return found


def unmarked(row: list[str]) -> list[str]:
    """A row without the mark of a policy that sees the future."""
    return [row[0].removesuffix(" *").removesuffix(" (sees the future)"), *row[1:]]


def test_json_has_the_means_of_tasks_with_their_intervals(comparison: Comparison) -> None:
    for policy, told in zip(
        comparison.policies, shown.comparison_json(comparison)["policies"], strict=True
    ):
        [task] = told["task_means"]
        found = task_means([run.tasks[0] for run in policy.runs])
        assert task.pop("name") == "1 wine"
        expected = {
            name: value and {"mean": value.estimate, "low": value.low, "high": value.high}
            for name, value in vars(found).items()
        }
        assert task == expected
        assert task["done"]["low"] is not None


def test_the_page_and_the_terminal_show_the_same_cells(
    comparison: Comparison,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown.show_comparison(comparison)
    printed = capsys.readouterr().out
    page = Tables()
    page.feed(write_report(comparison, tmp_path, formats=("svg",)).read_text("utf-8"))
    tables = terminal_tables(printed)
    assert tables.keys() == TITLES.keys()
    for title, caption in TITLES.items():
        there = page.found[caption]
        here = tables[title]
        # the page leaves out what a sentence below the table says
        gone = {name for nothing in SHOWN[title](comparison).nothing for name in nothing.columns}
        whole = SHOWN[title](comparison).columns
        kept = [i for i, name in enumerate(whole) if name not in gone]
        assert [whole[i] for i in kept] == there[0]
        if title == "2 replications":
            plans = {row[0]: f"{row[1]} {row[2]}" for row in page.found["Plans"][1:]}
            assert [row.pop() for row in here[1:]] == [
                plans.get(unmarked(row)[0], "—") for row in there[1:]
            ]
            here[0].pop()
        assert len(there) > len(comparison.policies)
        assert len(here[0]) == len(whole)
        shown_there = [unmarked([row[i] for i in kept]) for row in here[1:]]
        assert shown_there == list(map(unmarked, there[1:])), title
    values = {
        row[0].partition(",")[0]: row[1] for row in page.found["In these worlds, per slot"][1:]
    }
    assert values.keys() == {"EVPI", "VSS"}
    for name, amount in values.items():
        assert f"{name:<5} in these worlds  {amount} per slot" in printed


def test_a_column_is_added_to_every_row() -> None:
    table = TextTable(("a", "b"), (("1", "2"), ("3", "4")), short_columns=("x", "y"))
    wider = table.with_column("c", ["5", "6"])
    assert wider.columns == ("a", "b", "c")
    assert wider.terminal_columns == ("x", "y", "c")
    assert wider.rows == (("1", "2", "5"), ("3", "4", "6"))
    assert wider.first_to_go == ("c",)
    assert replace(table, first_to_go=("b",)).with_column("c", ["5", "6"]).first_to_go == ("c", "b")
    assert TextTable(("a",), ()).terminal_columns == ("a",)
    with pytest.raises(ValueError, match="shorter"):
        table.with_column("c", ["5"])


def test_columns_that_say_nothing_become_sentences(comparison: Comparison) -> None:
    table = key_rows(comparison)
    assert "No session was interrupted" in {nothing.sentence for nothing in table.nothing}
    assert "interrupted" in table.columns
    short = table.without_nothing()
    assert "interrupted" not in short.columns
    assert {len(row) for row in short.rows} == {len(short.columns)}
    assert "pool, bit" in short.columns
    assert not short.nothing


def test_one_policy_of_several_worlds_is_no_single_replication(comparison: Comparison) -> None:
    alone = replace(comparison, policies=comparison.policies[:1])
    told = {nothing.sentence for nothing in paired_rows(alone).nothing}
    assert alone.policies[0].name == alone.reference
    assert "No difference varies between the worlds" in told
    assert "One replication has no variance that common worlds could reduce" not in told
    single = {nothing.sentence for nothing in paired_rows(replace(alone, replications=1)).nothing}
    assert "One replication has no variance that common worlds could reduce" in single


def test_means_of_tasks_that_one_run_alone_tells_have_a_reason(comparison: Comparison) -> None:
    sentence = "Means of federated tasks that one run alone tells have no interval."
    policy = comparison.policies[0]
    first, second = policy.runs
    assert first.tasks[0].done
    assert second.tasks[0].done
    none = tuple(replace(task, done=0, finished_s=None) for task in second.tasks)
    one = replace(policy, runs=(first, replace(second, tasks=none)))
    assert sentence in basis(replace(comparison, policies=(one,)))
    without = tuple(replace(run, tasks=()) for run in policy.runs)
    assert sentence not in basis(replace(comparison, policies=(replace(policy, runs=without),)))
    assert sentence not in basis(comparison)


def test_only_what_is_zero_everywhere_says_nothing() -> None:
    table = TextTable(
        ("a", "b", "c"),
        (("x", "0", "1"), ("y", "0", "2")),
        short_columns=("a", "B", "c"),
        text=("b",),
        first_to_go=("c", "b"),
        nothing=(Nothing(("b",), "No b"),),
    )
    assert table.without_nothing() == TextTable(
        ("a", "c"), (("x", "1"), ("y", "2")), short_columns=("a", "c"), first_to_go=("c",)
    )


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([1234.5, 2.0], ["1,234", "2"]),
        ([12.345, 1.5], ["12.3", "1.5"]),
        ([0.0, 0.0], ["0", "0"]),
        ([None, 0.25], ["—", "0.250"]),
        ([12.0, 0.0512], ["12.00", "0.05"]),
        ([5000.0, 1e-9], ["5,000.0000", "0.0000"]),
    ],
)
def test_numbers_of_a_column_have_as_many_decimals(
    values: list[float | None], shown: list[str]
) -> None:
    assert at_one_precision(values) == shown
