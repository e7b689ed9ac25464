"""Surroundings and calls that nobody would choose; the small part of each runs in `tests/e2e` and `tests/unit`."""
