"""Surroundings, calls and folders that nobody would choose; the small part of each runs in the other folders."""
