"""The tables ``[fel.privacy]`` and ``[[fel.attack]]``: what a task hides, and what attacks it."""

from typing import Literal

from qnetsim.scenario.tables.fields import NodeName, Table, field


class PrivacyTable(Table):
    """What the parties of a task hide from each other beyond the paper's protocol."""

    avoid: Literal["none", "key_holders", "readers", "parties"] = field(
        "parties of the task that must not relay the keys of a message: none; those with a private "
        "key that opens what its pad hides; all that could read it; or all. Without pads on "
        "ciphertexts only 'parties' changes anything in a vertical task",
        "'none', 'key_holders', 'readers' or 'parties'",
        default="key_holders",
    )
    scores: Literal["opened", "encrypted"] = field(
        "whether the label holder has the sums of the others' scores decrypted, or works out "
        "residuals from their ciphertexts",
        "'opened' (as in the paper) or 'encrypted' (fewer keys, more computing)",
        default="opened",
    )
    label_epsilon: float | None = field(
        "ε of randomised response on the labels, drawn once by their holder: whatever is opened "
        "later is ε-differentially private in each label; unless given, labels are exact",
        "a number > 0",
        default=None,
        gt=0,
        le=100,
    )


class AttackTable(Table):
    """Somebody on the links who tampers with, drops or replays messages of the task."""

    kind: Literal["tamper", "drop", "replay"] = field(
        "what is done: a bit is changed; the message does not arrive; or the last message of the "
        "link is sent once more ahead of it",
        "'tamper', 'drop' or 'replay'",
    )
    purpose: str | None = field(
        "purpose of the messages, as `qnetsim fel --budget` names it; all unless given",
        "a purpose, such as 'scores'",
        default=None,
    )
    source: NodeName | None = field(
        "node that sends them; all unless given", "a node of the task", default=None
    )
    target: NodeName | None = field(
        "node that receives them; all unless given", "a node of the task", default=None
    )
    first_round: int = field(
        "first round that is attacked; 0 is the set-up",
        "an integer >= 0",
        default=1,
        ge=0,
        le=10**4,
    )
    last_round: int | None = field(
        "last round that is attacked; all later ones unless given",
        "an integer >= first_round",
        default=None,
        ge=0,
        le=10**4,
    )
    share: float = field(
        "probability that a message is attacked, drawn for each time it is sent",
        "a number 0 < share <= 1",
        default=1.0,
        gt=0,
        le=1,
    )
