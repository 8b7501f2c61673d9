"""Topologies in the formats of others, one file for each format."""
