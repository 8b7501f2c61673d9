"""Recorded worlds and runs: record, reopen, replay, depart from, verify."""
