"""What a GPU host is asked in a few minutes: facts, digits, rates, a served model, a profile. See `__main__`."""
