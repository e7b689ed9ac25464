"""Checkpoints in the formats of other engines."""
