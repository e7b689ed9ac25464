"""A running server on the terminal, second by second: `bert top`."""
