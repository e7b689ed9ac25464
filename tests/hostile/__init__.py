"""What the command does in surroundings that nobody would choose; run by hand, not by pytest."""
