"""The `bert` command: everything that runs on the operator's machine, never inside an archive."""
