"""Bulk runs at full size: scripts of their own, whose last output is in `results`."""
