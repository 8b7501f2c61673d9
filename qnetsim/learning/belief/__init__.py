"""Training of `belief-net`: beliefs about node pairs, learnt through the costs of fibres."""
