"""What slow, greedy and hostile clients cost the others of a server."""
