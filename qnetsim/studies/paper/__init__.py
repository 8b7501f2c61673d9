"""The paper's evaluation, one module for each figure: what is computed and what it claims."""
