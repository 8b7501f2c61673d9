"""Policies with trained weights; running them takes numpy only."""

from qnetsim.policies.learned.belief_net import BeliefNet
from qnetsim.policies.learned.policies import MAPPO, MASAC, DecPPO, DecSAC, FedSAC

__all__ = ["MAPPO", "MASAC", "BeliefNet", "DecPPO", "DecSAC", "FedSAC"]
