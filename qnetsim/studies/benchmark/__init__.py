"""The benchmark: fixed worlds with proved bounds, and rows that anybody can enter and check."""
