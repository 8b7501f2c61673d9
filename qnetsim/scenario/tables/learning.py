"""The ``[regimes]`` table, and the ``[learning]`` table: how learning policies are trained.

Defaults of ``[learning]`` are the paper's (Section VI.A); what the paper leaves open is a key.
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator

from qnetsim.scenario.tables.fields import COUNT_MAX, Table, as_tuple, field

Observed = Literal["actions", "demand", "pools", "context", "pairs", "neighbours"]


class RegimesTable(Table):
    """Demand that switches between Poisson regimes, a Markov chain over the slots."""

    means: Annotated[tuple[float, ...], BeforeValidator(as_tuple)] = field(
        "mean of the Poisson distribution in each regime, before truncation",
        "a list of 2 to 16 numbers 0 .. 1000000",
        min_length=2,
        max_length=16,
    )
    mean_slots: int = field(
        "slots for which a regime lasts on average (geometric); each of the others follows with "
        "the same probability",
        "an integer 1 .. 1000000",
        default=50,
        ge=1,
        le=10**6,
    )


class LearningTable(Table):
    """How FedSAC, DecSAC and DecPPO are trained, and what their agents see and do."""

    epochs: int = field(
        "epochs of a training", "an integer 1 .. 100000", default=100, ge=1, le=10**5
    )
    slots_per_epoch: int = field(
        "slots that every agent plays in an epoch (the paper names no number)",
        "an integer 1 .. 100000",
        default=100,
        ge=1,
        le=10**5,
    )
    updates_per_epoch: int = field(
        "local policy iterations after them (the paper names no number)",
        "an integer 1 .. 100000",
        default=100,
        ge=1,
        le=10**5,
    )
    batch: int = field(
        "experiences in a mini-batch", "an integer 1 .. 65536", default=64, ge=1, le=65536
    )
    hidden_layers: int = field(
        "hidden layers of every network, L", "an integer 1 .. 16", default=2, ge=1, le=16
    )
    hidden_units: int = field(
        "neurons of a hidden layer, U", "an integer 1 .. 4096", default=64, ge=1, le=4096
    )
    q_rate: float = field(
        "learning rate of Q and value networks", "a number > 0, <= 1", default=0.003, gt=0, le=1
    )
    policy_rate: float = field(
        "learning rate of policy networks", "a number > 0, <= 1", default=0.0001, gt=0, le=1
    )
    temperature: float = field(
        "weight τ of the entropy", "a number 0 .. 100", default=0.01, ge=0, le=100
    )
    discount: float = field("discount factor γ", "a number 0 .. 1", default=0.95, ge=0, le=1)
    target_coefficient: float = field(
        "share of a Q network that its target takes over at an update, 1 − ζ",
        "a number > 0, <= 1",
        default=0.01,
        gt=0,
        le=1,
    )
    replay: int = field(
        "experiences that an agent keeps",
        "an integer 1 .. 10^9",
        default=20_000,
        ge=1,
        le=COUNT_MAX,
    )
    history: int = field("past slots l in the state", "an integer 1 .. 64", default=4, ge=1, le=64)
    observe: Annotated[tuple[Observed, ...], BeforeValidator(as_tuple)] = field(
        "what an agent sees: its last reservations (the paper), the last realised demand, its "
        "key pools, what is fixed about its fibres, the last level of each pair that ends at its "
        "node, and the sums of levels at its node and at the nodes next to it",
        "a list of 'actions', 'demand', 'pools', 'context', 'pairs', 'neighbours', each once",
        default=("actions",),
        min_length=1,
    )
    decide_by: Literal["agent", "fibre"] = field(
        "whether one action holds for all fibres of an agent, or each of its fibres has its own",
        "'agent' (the paper) or 'fibre'",
        default="agent",
    )
    most_channels: int = field(
        "channels for each routed request that the action 1 reserves; −1 reserves none, between "
        "them it is linear, rounded half up",
        "an integer 0 .. 10000; 0 means those of the highest level, |Ω| − 1 in the paper",
        default=0,
        ge=0,
        le=10_000,
    )
    channels_by: Literal["request", "fibre"] = field(
        "what the channel part of an action counts: whole channels for each routed request, or "
        "whole channels of the fibre, of as many in all",
        "'request' (the paper) or 'fibre'",
        default="request",
    )
    most_wavelengths: float = field(
        "KM wavelengths for each routed request that the action 1 reserves; −1 reserves none. With "
        "2 the middle of the range reserves one for each",
        "a number > 0, <= 16",
        default=2.0,
        gt=0,
        le=16,
    )
    km_action: Literal["share", "around_one"] = field(
        "what the KM part of an action means: a share of most_wavelengths, or, at 0, one "
        "wavelength for each routed request, about which little changes (its cube counts)",
        "'share' (the paper), or 'around_one' with most_wavelengths >= 1",
        default="share",
    )
    reward_scope: Literal["network", "own"] = field(
        "whose cost is rewarded: the whole network's, Eq (21), or that of the own fibres",
        "'network' or 'own'",
        default="network",
    )
    reward: Literal["ratio", "negative_cost"] = field(
        "C*/C, clipped to 1, or −C/C*", "'ratio' or 'negative_cost'", default="ratio"
    )
    reward_cost: Literal["expected", "realised"] = field(
        "cost C: expected under the forecast, with C* of sip, or the slot's own, with C* of "
        "perfect information ('negative_cost' divides by sip's expected cost in both cases)",
        "'expected' or 'realised'; 'expected' is refused where it is not known, as with stores, "
        "regimes, jobs or limits",
        default="expected",
    )
    manager_share: float = field(
        "share of the agents that are managers and see rewards, in FedSAC: those with the most "
        "neighbours (the paper says only that not all are)",
        "a number > 0, <= 1",
        default=0.5,
        gt=0,
        le=1,
    )
    lender: Literal["nearest", "cycle"] = field(
        "manager whose Q networks a controller borrows: the fewest fibres away, or another one at "
        "each update in turn",
        "'nearest' or 'cycle'",
        default="nearest",
    )
    aggregate_every: int = field(
        "updates from one aggregation of the policies to the next, in FedSAC",
        "an integer 1 .. 100000",
        default=1,
        ge=1,
        le=10**5,
    )
    clip: float = field(
        "clipping of the probability ratio, in DecPPO", "a number > 0, < 1", default=0.2, gt=0, lt=1
    )
    trace_decay: float = field(
        "λ of the generalised advantage estimate, in DecPPO",
        "a number 0 .. 1",
        default=0.95,
        ge=0,
        le=1,
    )
