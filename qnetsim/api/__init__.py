"""The calls of ``import qnetsim``: run, compare, plan, replay, with results to look at."""
