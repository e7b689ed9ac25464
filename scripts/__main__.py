"""`python -m scripts`: the `bert` command. Ctrl-C ends it without a word while its modules are imported."""

import signal

asked = signal.getsignal(signal.SIGINT)
if asked is not signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from scripts.cli import main  # noqa: E402 - it takes that time

signal.signal(signal.SIGINT, asked)
main()
