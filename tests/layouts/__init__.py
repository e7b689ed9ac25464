"""Checkpoint folders in the layouts that lie on the hub, packed and compared: `python -m tests.layouts`."""
