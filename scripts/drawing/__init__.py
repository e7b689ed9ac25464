"""Answers drawn on a terminal: `bert predict`."""
