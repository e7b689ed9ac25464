"""Requests made from other servers' published schemas: `python -m tests.hostile.schemas --count 5000`."""
