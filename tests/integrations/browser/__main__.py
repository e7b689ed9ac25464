"""Tries requests on the page `.../docs` in Chromium: `python -m tests.integrations.browser [--write]`; a minute."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from scripts.sources import pull
from tests.clients import environments
from tests.clients.libraries import Library
from tests.e2e.conftest import serving

HERE = Path(__file__).parent
LIBRARY = Library("python/browser", HERE / "use.py", ("playwright==1.65.2",), "", "")
FILE = HERE.parent / "results" / "browser.txt"


def main() -> int:
    """Pack with Swagger UI, serve, look."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("there is no Chromium here: apt-get install chromium")
    words = environments.command(LIBRARY)
    with tempfile.TemporaryDirectory() as here, serving({"bert": pull.pull("all-MiniLM-L6-v2")}, Path(here)) as server:
        address = f"{server.url}/predictions/bert/1.0/docs"
        command = [*words, address, chromium]
        said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=300)
    found = json.loads(said.stdout)
    others = {url for url in found["asked"] if urlsplit(url).netloc != urlsplit(address).netloc and url[:5] != "data:"}
    keyed = found["with a key"] == [None, *["Bearer a-key-of-ada"] * 2]
    lines = [
        f"{found['operations']} operations are shown",
        *(f"{status} {path}" for path, status in found["statuses"].items()),
        f"a key that was asked for {'goes' if keyed else 'DOES NOT GO'} with the document and what is tried",
        f"{len(found['asked'])} requests, {len(others)} of them to other servers {sorted(others) or ''}".rstrip(),
        f"{len(found['complaints'])} errors on the console {found['complaints'] or ''}".rstrip(),
    ]
    text = "python -m tests.integrations.browser --write\n\n" + "".join(f"{line}\n" for line in lines)
    print(text, end="")
    if "--write" in sys.argv:
        FILE.write_text(text)
    wrong = (
        others
        or not keyed
        or found["complaints"]
        or {*found["statuses"].values()} != {"200"}
        or not found["operations"]
    )
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
