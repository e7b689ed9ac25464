"""One TorchServe: what must be true before, start, state, management, scaling, stop, logs, and what the machine has."""
