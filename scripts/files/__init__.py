"""Folders that appear whole or not at all, JSON, and where a checkpoint came from."""
