"""What drawings are made of."""
