"""Studies: questions that take several runs, or figures computed without a run."""
