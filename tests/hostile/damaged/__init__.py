"""Damaged files of users through `convert`, `finetune` and `pack`: `python -m tests.hostile.damaged`."""
