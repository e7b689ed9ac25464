"""Adapters merged into the weights they were trained on, before these are packed."""
