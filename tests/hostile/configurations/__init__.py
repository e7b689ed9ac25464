"""Mutated JSON files of users against transformers: `python -m tests.hostile.configurations`."""
