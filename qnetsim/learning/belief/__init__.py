"""Training of `belief-net`: laws of what node pairs ask for next, learnt by likelihood."""
