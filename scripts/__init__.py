"""The `bert` command: everything that runs on the operator's machine, never inside an archive."""

import handler  # noqa: F401 - first, since it says what other packages may not send
