"""Policies with trained weights; running them takes numpy only."""

from typing import TYPE_CHECKING

from qnetsim.first_use import on_first_use

if TYPE_CHECKING:
    from qnetsim.policies.learned.belief_net import BeliefNet
    from qnetsim.policies.learned.policies import MAPPO, MASAC, DecPPO, DecSAC, FedSAC
else:
    __getattr__ = on_first_use(
        __name__,
        {
            "BeliefNet": "qnetsim.policies.learned.belief_net",
            "DecPPO": "qnetsim.policies.learned.policies",
            "DecSAC": "qnetsim.policies.learned.policies",
            "FedSAC": "qnetsim.policies.learned.policies",
            "MAPPO": "qnetsim.policies.learned.policies",
            "MASAC": "qnetsim.policies.learned.policies",
        },
    )

__all__ = ["MAPPO", "MASAC", "BeliefNet", "DecPPO", "DecSAC", "FedSAC"]
