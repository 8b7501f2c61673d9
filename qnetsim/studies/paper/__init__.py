"""The paper's evaluation, one file a figure: what is computed, beside what it claims."""
