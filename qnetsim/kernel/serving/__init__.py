"""Serving the requests of an interval: arrays, and one loop that runs compiled or as it stands."""
