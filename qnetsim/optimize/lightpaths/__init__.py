"""Plans with explicit lightpaths, and the check that they satisfy (22)-(31)."""
