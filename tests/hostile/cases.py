"""Environments that a user may have, each with what `start` has to do in it.

Before a server got an environment of its own, these failed: the proxies, the long TMPDIR, the
three with LC_ALL, TS_CONFIG_FILE, both with Java's variables, PYTHONHOME, and PYTHONOPTIMIZE with PYTHONWARNINGS.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

NOWHERE = "/nonexistent"
PROXY = "http://127.0.0.1:9"  # nobody listens there
LONG = "temporary-folder-" * 6
OVER = "TS_INFERENCE_ADDRESS", "TS_MANAGEMENT_ADDRESS", "TORCHSERVE_INFERENCE_ADDRESS"


@dataclass(frozen=True, slots=True)
class Case:
    """One environment.

    Attributes:
        name: what is unusual in it.
        variables: what is set; None removes one. `{here}` is the folder of this case.
        shell: a shell's words before each command, such as `umask 077`.
        refused: what `start` has to say where it cannot work; empty where everything has to.
        folder: where commands are run.
        copy: name of a folder with a copy of the project, whose command is used.
        store: folder of the archives, below the folder of this case.
        skip: why it cannot be tried here; empty where it can.
    """

    name: str
    variables: Mapping[str, str | None] = field(default_factory=dict)
    shell: str = ":"
    refused: str = ""
    folder: str = "{here}"
    copy: str = ""
    store: str = "store"
    skip: str = ""


def noexec() -> str:
    """Why `/dev/shm` cannot stand for a temporary folder from which nothing may be run; empty where it can."""
    if not os.path.isdir("/dev/shm"):
        return "no /dev/shm here"
    return "" if os.statvfs("/dev/shm").f_flag & os.ST_NOEXEC else "/dev/shm is not mounted noexec here"


def proxies() -> dict[str, str | None]:
    """All of them, with nothing left out."""
    names = ("http_proxy", "https_proxy", "all_proxy")
    given: dict[str, str | None] = dict.fromkeys((*names, *map(str.upper, names)), PROXY)
    return given | {"no_proxy": None, "NO_PROXY": None}


CASES = (
    Case("nothing unusual"),
    Case("http_proxy, HTTPS_PROXY, ALL_PROXY without no_proxy", proxies()),
    Case("TMPDIR of 100 bytes", {"TMPDIR": "{here}/" + LONG}),
    Case("TMPDIR with an umlaut and a space", {"TMPDIR": "{here}/für mich"}),
    Case("TMPDIR that is not there", {"TMPDIR": NOWHERE}),
    Case("TMPDIR mounted noexec", {"TMPDIR": "/dev/shm"}, skip=noexec()),
    Case("LC_ALL=C, model store with an umlaut and a space", {"LC_ALL": "C"}, store="größer als da"),
    Case("no LANG, BERT_RUNS with an umlaut and a space", {"BERT_RUNS": "{here}/läuft hier"}),
    Case("LC_ALL=C, project in a folder `bërt kopie`", {"LC_ALL": "C"}, copy="bërt kopie"),
    Case("LC_ALL=de_DE.ISO-8859-1, which is not there", {"LC_ALL": "de_DE.ISO-8859-1"}, store="größer"),
    Case("TS_CONFIG_FILE", {"TS_CONFIG_FILE": NOWHERE}),
    Case("LOG_LOCATION, METRICS_LOCATION, TS_*", dict.fromkeys(("LOG_LOCATION", "METRICS_LOCATION", *OVER), "/proc/x")),
    Case("JAVA_TOOL_OPTIONS, JDK_JAVA_OPTIONS, JAVA_OPTS", dict.fromkeys(("JDK_JAVA_OPTIONS", "JAVA_OPTS"), "-Xmx1k")),
    Case("_JAVA_OPTIONS, JAVA_TOOL_OPTIONS", dict.fromkeys(("_JAVA_OPTIONS", "JAVA_TOOL_OPTIONS"), "-XX:+NoSuchFlag")),
    Case("JAVA_HOME that is not there", {"JAVA_HOME": NOWHERE}),
    Case("PYTHONPATH with a json.py that fails", {"PYTHONPATH": "{here}/shadow", "PYTHONSTARTUP": NOWHERE}),
    Case("PYTHONHOME that is not there", {"PYTHONHOME": NOWHERE}),
    Case("PYTHONOPTIMIZE=2, PYTHONWARNINGS=error", {"PYTHONOPTIMIZE": "2", "PYTHONWARNINGS": "error"}),
    Case("OMP_NUM_THREADS=1000", {"OMP_NUM_THREADS": "1000", "MKL_NUM_THREADS": "1000"}),
    Case("CUDA_VISIBLE_DEVICES=garbage", {"CUDA_VISIBLE_DEVICES": "garbage"}),
    Case("umask 077", shell="umask 077"),
    Case("umask 000", shell="umask 000"),
    Case("no HOME", {"HOME": None}),
    Case("HOME that cannot be written", {"HOME": "/proc"}),
    Case("ulimit -Sn 64", shell="ulimit -Sn 64"),
    Case("ulimit -n 64", shell="ulimit -n 64", refused="open files"),
    Case("current folder that cannot be written", folder="/proc"),
)
