"""Texts and pairs of every length to every family: `python -m tests.hostile.lengths`."""
