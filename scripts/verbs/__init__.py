"""One function per verb of the `bert` command, each a few lines over the module that does the work."""
