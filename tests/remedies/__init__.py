"""What `pack` advises, done as it says: `python -m tests.remedies`."""
