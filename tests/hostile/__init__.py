"""Calls that nobody should make, beside those of everybody else."""
