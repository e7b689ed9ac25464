"""Encoder families with random weights on the `native` runtime: rates, and memory for long texts."""
