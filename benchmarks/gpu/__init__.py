"""What a GPU host is asked in a few minutes: facts, parity, rates, a served model, a profile. See `__main__`."""
