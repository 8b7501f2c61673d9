"""Policies with trained weights; running them takes numpy only."""

from qnetsim.policies.learned.belief_net import BeliefNet
from qnetsim.policies.learned.policies import DecPPO, DecSAC, FedSAC

__all__ = ["BeliefNet", "DecPPO", "DecSAC", "FedSAC"]
