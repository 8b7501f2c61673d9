"""Requests with distributions of their own: the routes program with a commodity for each."""
