"""Plans: made for a scenario, and kept as files."""
