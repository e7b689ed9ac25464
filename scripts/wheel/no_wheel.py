"""What `pip install .` runs here: it ends at once and says what to do instead. ARCHITECTURE.md has the reason."""

from __future__ import annotations

import sys
from typing import NoReturn

MESSAGE = """\
failed: this project is run from its clone and is not a package to install
to fix: to serve a model:          make serve      (Java and all packages go into .venv)
        to ask a server in Python: pip install ./client
"""


def refuse(*_: object, **__: object) -> NoReturn:
    """End the build."""
    sys.stderr.write(MESSAGE)
    raise SystemExit(1)


build_wheel = build_sdist = build_editable = refuse
get_requires_for_build_wheel = get_requires_for_build_sdist = get_requires_for_build_editable = refuse
