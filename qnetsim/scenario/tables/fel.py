"""The ``[[fel]]`` tables: federated edge learning tasks and where their parties are."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, SerializerFunctionWrapHandler, model_serializer

from qnetsim.plain_text import counted
from qnetsim.scenario.lines import Problem
from qnetsim.scenario.tables.fel_privacy import AttackTable, PrivacyTable
from qnetsim.scenario.tables.fields import NodeName, Table, as_tuple, field, without_late_keys
from qnetsim.scenario.tables.portable import file_name

#: Blocks of six features that a data set can be cut into: workers at most.
BLOCKS = {"breast_cancer": 5, "digits": 11, "iris": 1, "wine": 3}
#: Samples of each data set: records of a batch at most.
SAMPLES = {"breast_cancer": 569, "digits": 1797, "iris": 150, "wine": 178}


def _one_or_many(value: object) -> object:
    """Read one name as a list of one."""
    return as_tuple(value) if isinstance(value, list | tuple) else (value,)


def _groups(value: object) -> object:
    """Read a plain list of names as the workers of the only head."""
    if not isinstance(value, list | tuple):
        return value
    if any(isinstance(entry, list | tuple) for entry in value):
        return tuple(as_tuple(entry) for entry in value)
    return (tuple(value),)


#: Keys that came later: where they are not used a task is dumped as before.
LATE_KEYS = (
    *("kind", "local_steps", "data", "label", "record_id", "holder", "features", "ignore"),
    *("sha256", "intercept", "standardise", "l2", "test_share"),
    *("optimiser", "batch", "randomness", "worker_dropout", "privacy", "attack"),
)


def _column(meaning: str, allowed: str) -> Any:
    return field(meaning, allowed, default=None, min_length=1, max_length=200)


def _seconds(meaning: str, allowed: str, default: Any) -> Any:
    allowed += " in seconds, a whole number of nanoseconds"
    return field(meaning, allowed, default=default, ge=0, le=1e9)


class FelTable(Table):
    """One task: a data set, its parties on nodes, and how they protect what they send."""

    dataset: Literal["breast_cancer", "digits", "iris", "wine"] | None = field(
        "data set of scikit-learn",
        "'breast_cancer', 'digits', 'iris' or 'wine'; give either dataset or data",
        default=None,
    )
    owner: NodeName = field("node of the model owner", "a node")
    head: Annotated[tuple[NodeName, ...], BeforeValidator(_one_or_many)] = field(
        "node of the cluster head; several clusters have a list of heads",
        "a node, or a list of nodes",
        min_length=1,
    )
    workers: Annotated[tuple[tuple[NodeName, ...], ...], BeforeValidator(_groups)] = field(
        "node of each worker, each with six features of its own; the last one holds the labels "
        "too. With several heads, one list for each",
        "a list of nodes, or a list of such lists; at most one worker for each block of six "
        "features",
        min_length=1,
    )
    rounds: int = field("rounds of training", "an integer 1 .. 10000", default=30, ge=1, le=10_000)
    key_bits: int = field(
        "bits of the Paillier modulus",
        "a multiple of 8, 1024 .. 8192",
        default=2048,
        ge=1024,
        le=8192,
        multiple_of=8,
    )
    key_holder: Literal["head", "owner"] = field(
        "who holds the private key; the head adds up ciphertexts, so it is trusted not to open "
        "them where it holds the key",
        "'head' (as in the paper) or 'owner'",
        default="head",
    )
    pad_ciphertexts: bool = field(
        "whether HE ciphertexts, and records and tokens of step 2, go under one-time pad too; "
        "without it whoever holds the private key must not listen to others' links",
        "true or false",
        default=False,
    )
    mode: Literal["counted", "real"] = field(
        "whether the cryptography is run or only counted",
        "'counted' or 'real' (same parameters and same key bytes, slower)",
        default="counted",
    )
    intersection: Literal["blind_signatures", "commutative"] = field(
        "how the workers find the records that all of them hold",
        "'blind_signatures' (RSA) or 'commutative' (AES03)",
        default="blind_signatures",
    )
    overlap: float = field(
        "share of a worker's records that all others hold too; the others are its own (a worker "
        "alone has none of its own with data or test_share)",
        "a number 0.1 .. 1",
        default=0.9,
        ge=0.1,
        le=1,
    )
    order: int = field(
        "which random order of the features is cut into blocks",
        "an integer >= 0",
        default=0,
        ge=0,
        le=10**9,
    )
    patience_s: float | None = _seconds(
        "how long a message of a round waits for its keys before the worker is left out of the "
        "round; unless given, it waits as long as it takes",
        "a number >= 0",
        None,
    )
    on_demand_channels: int = field(
        "channels that may be lit on demand for the task on each fibre in a slot",
        "an integer >= 0; 0: the task lives on what the pools hold",
        default=0,
        ge=0,
        le=10**6,
    )
    compute_s: float = _seconds(
        "mean time that a party computes ahead of what it sends", "a number >= 0", 0.0
    )
    compute_spread: float = field(
        "spread of that time: its factor is uniform in 1 ± spread, for each party and round",
        "a number 0 .. 1",
        default=0.0,
        ge=0,
        le=1,
    )
    worker_mtbf_s: float | None = field(
        "mean time for which a worker stays; unless given, all stay",
        "a number >= 1e-3 in seconds; goes with worker_mttr_s",
        default=None,
        ge=1e-3,
        le=1e9,
    )
    worker_mttr_s: float | None = field(
        "mean time for which a worker is away",
        "a number >= 1e-3 in seconds; goes with worker_mtbf_s",
        default=None,
        ge=1e-3,
        le=1e9,
    )

    kind: Literal["vertical", "horizontal"] = field(
        "what the workers share: the records, each with features of its own, or the features, "
        "each with records of its own (federated averaging)",
        "'vertical' (as in the paper) or 'horizontal'",
        default="vertical",
    )
    local_steps: int = field(
        "steps of gradient descent that a worker takes by itself in a round",
        "an integer 1 .. 1000, with kind = 'horizontal'",
        default=1,
        ge=1,
        le=1000,
    )
    data: str | None = field(
        "a file of your own in place of dataset, a row for each record",
        "the path of a .csv file with a header, or of a .parquet file, from the scenario's folder; "
        "give either dataset or data",
        default=None,
        pattern=r"^[^\x00-\x1f\x7f]+$",
    )
    label: str | None = _column(
        "column of data with the class of each record, as text or number",
        "the name of a column; data needs it",
    )
    record_id: str | None = _column(
        "column of data that identifies the records; they are numbered without it",
        "the name of a column, with data",
    )
    holder: str | None = _column(
        "column of data that says which worker holds a record; drawn at random unless given",
        "the name of a column with the nodes of workers, with data and kind = 'horizontal'",
    )
    features: Annotated[tuple[tuple[str, ...], ...], BeforeValidator(_groups)] = field(
        "columns of data that each worker has, in the order of the workers; unless given, all that "
        "have no other use, in blocks of six as order shuffles them. With kind = 'horizontal' one "
        "list for all",
        "a list of names for each worker, with data",
        default=(),
    )
    ignore: Annotated[tuple[str, ...], BeforeValidator(as_tuple)] = field(
        "columns of data that are not used", "a list of names, with data", default=()
    )
    sha256: str | None = field(
        "checksum of data; filled in when it is read, checked where it is given",
        "64 hexadecimal digits",
        default=None,
        pattern=r"^[0-9a-f]{64}$",
    )
    intercept: bool = field(
        "whether the model has a constant term, which no penalty applies to; the label holder's",
        "true or false (as in the paper)",
        default=False,
    )
    standardise: bool = field(
        "whether features have mean 0 and deviation 1 over the training records, in place of the "
        "range 0 .. 1; a worker does it by itself, with kind = 'horizontal' by sums over the "
        "secure channel",
        "true or false (as in the paper)",
        default=False,
    )
    l2: float = field(
        "weight of the penalty ½ l2 ‖θ‖² that is added to the mean loss; rounded to millionths",
        "a number 0 .. 1000; 0: none, as in the paper",
        default=0.0,
        ge=0,
        le=1000,
    )
    test_share: float = field(
        "share of the records that is held out of training, drawn by their identifiers; loss, "
        "accuracy and AUC on them are recorded beside those of training",
        "a number 0 .. 0.9; 0: none, as in the paper",
        default=0.0,
        ge=0,
        le=0.9,
    )
    worker_dropout: float = field(
        "probability that a worker is missing from a round, drawn for each round anew; the label "
        "holder of a vertical task is never missing from it",
        "a number 0 .. 1",
        default=0.0,
        ge=0,
        le=1,
    )
    privacy: PrivacyTable = field(
        "the [fel.privacy] table of the task", "a table", default=PrivacyTable.not_given()
    )
    attack: Annotated[tuple[AttackTable, ...], BeforeValidator(as_tuple)] = field(
        "the [[fel.attack]] tables of the task", "one table for each kind of attack", default=()
    )
    optimiser: Literal["gradient_descent", "line_search", "conjugate_gradients"] = field(
        "how the parameters are moved: by a step of fixed rate, by the best step along the "
        "gradient, or by the best step along conjugate directions; the last two send the owner "
        "two or three sums of products of each worker's gradients",
        "'gradient_descent' (as in the paper), 'line_search' or 'conjugate_gradients'",
        default="gradient_descent",
    )
    batch: int | None = field(
        "records that a round learns from, drawn anew until all have had their turn; unless given, "
        "all records in every round",
        "an integer >= 1, at most the records of the data set, with optimiser = 'gradient_descent'",
        default=None,
        ge=1,
        le=10**9,
    )
    randomness: Literal["short", "full"] = field(
        "randomness of the encryption in real mode; nothing but the time that it takes depends "
        "on it",
        "'short' (of Damgård, Jurik and Nielsen, about ten times as fast) or 'full' (Paillier's)",
        default="short",
    )

    @model_serializer(mode="wrap")
    def _without_late_keys(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Dump that is the one of before where no later key is used."""
        return without_late_keys(self, dump, LATE_KEYS)

    @property
    def data_name(self) -> str:
        """Name of the data set, or of the file without folder and suffix."""
        if self.data is None:
            return str(self.dataset)
        return file_name(self.data).rpartition(".")[0] or file_name(self.data)

    def portable(self) -> Self:
        """Copy that names its file without a folder."""
        if self.data is None:
            return self
        return self.model_copy(update={"data": file_name(self.data)})

    @property
    def clusters(self) -> dict[str, tuple[str, ...]]:
        """Workers of each head."""
        return dict(zip(self.head, self.workers, strict=True))

    @property
    def parties(self) -> tuple[tuple[str, str], ...]:
        """Node of each party, with the key that names it."""
        return (
            ("owner", self.owner),
            *(("head", name) for name in self.head),
            *(("workers", name) for group in self.workers for name in group),
        )


def misplaced(
    tables: Sequence[FelTable], no_node: Callable[[str], str | None]
) -> Iterator[Problem]:
    """Parties that cannot be where the tables put them, key by key.

    Parameters
    ----------
    tables : sequence of FelTable
    no_node : callable
        Says why a name is not that of a node; None where it is.
    """
    for i, table in enumerate(tables):
        count = sum(map(len, table.workers))
        if len(table.head) != len(table.workers):
            text = (
                f"{len(table.workers)} lists of workers for {len(table.head)} heads; allowed: one "
                "list for each head"
            )
            yield ("fel", i, "workers"), text
        if table.kind == "horizontal" and count < 2:
            text = f"{counted(count, 'worker')}; allowed: at least 2 with kind = 'horizontal'"
            yield ("fel", i, "workers"), text
        if not all(table.workers):
            yield ("fel", i, "workers"), "a list is empty; each head needs a worker"
        if table.dataset is not None and table.kind == "vertical" and count > BLOCKS[table.dataset]:
            text = (
                f"{counted(count, 'worker')}; allowed: at most {BLOCKS[table.dataset]}, one for "
                f"each block of six features of {table.dataset}"
            )
            yield ("fel", i, "workers"), text
        if table.features and len(table.features) != (1 if table.kind == "horizontal" else count):
            wanted = "one list" if table.kind == "horizontal" else "one list for each worker"
            lists = counted(len(table.features), "list")
            text = f"{lists} of columns for {counted(count, 'worker')}; allowed: {wanted}"
            yield ("fel", i, "features"), text
        if table.batch is not None and table.optimiser != "gradient_descent":
            text = (
                f"a round of {table.optimiser!r} needs all records; allowed: with optimiser = "
                "'gradient_descent' only"
            )
            yield ("fel", i, "batch"), text
        elif table.batch is not None and table.privacy.scores == "encrypted":
            text = (
                "the label holder tells a batch's loss, and sees no scores where privacy.scores = "
                "'encrypted'; leave one of them out"
            )
            yield ("fel", i, "batch"), text
        elif table.batch is not None and table.batch > _most_in_batch(table):
            held_out = " that are not held out" if table.test_share else ""
            text = (
                f"{table.batch:,} records; allowed: 1 .. {_most_in_batch(table)}, those of "
                f"{table.dataset}{held_out}"
            )
            yield ("fel", i, "batch"), text
        seen: dict[str, str] = {}
        for key, party in table.parties:
            wrong = no_node(party)
            if wrong:
                yield ("fel", i, key), wrong
            elif party in seen:
                text = f"node {party!r} is among {seen[party]} already; each party has its own node"
                yield ("fel", i, key), text
            seen.setdefault(party, key)
        for j, attack in enumerate(table.attack):
            for key in ("source", "target"):
                name = getattr(attack, key)
                if name is not None and name not in seen:
                    text = f"node {name!r} is no party of the task; allowed: {', '.join(seen)}"
                    yield ("fel", i, "attack", j, key), text


def _most_in_batch(table: FelTable) -> float:
    """Training records of a bundled data set; a file tells its own when it is read."""
    samples = SAMPLES.get(str(table.dataset), math.inf)
    return samples if math.isinf(samples) else samples - round(table.test_share * samples)
