"""Training of the learning policies (Section V); the only room with torch."""
