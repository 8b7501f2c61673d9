"""Queueing and reliability theory that simulated runs are held against."""
