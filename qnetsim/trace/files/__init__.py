"""Files beside the trace: plans, learning curves, recorded demand."""
