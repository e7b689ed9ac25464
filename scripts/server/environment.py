"""The environment of TorchServe and its workers: what is taken out of the user's, what is set, and why."""

from __future__ import annotations

import locale
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path

from scripts.console import Failure

REMOVED: dict[str, str] = {
    "PYTHON*": "made for another Python: a home, modules that hide ours, warnings as errors, no assertions",
    "TS_*": "TorchServe takes TS_CONFIG_FILE before the file of this server, and others over its settings",
    "TORCHSERVE_*": "the same; settings are in config/config.properties",
    "MODEL_STORE": "the store is the one of --model-store",
    "JAVA_OPTS": "made for another program; flags for this one are `vmargs` in config/config.properties",
    "JAVA_TOOL_OPTIONS": "the same; Java reads it everywhere, and a flag that it does not know ends it",
    "JDK_JAVA_OPTIONS": "the same",
    "_JAVA_OPTIONS": "the same",
    "CLASSPATH": "Java's classes are TorchServe's own",
    "OMP_NUM_THREADS": "workers divide the cores among themselves",
    "OMP_THREAD_LIMIT": "the same",
    "MKL_NUM_THREADS": "the same",
    "OPENBLAS_NUM_THREADS": "the same; a thread for each is made when NumPy loads",
    "LC_*": "LC_ALL is set",
    "LANGUAGE": "the same",
    "TMP": "TMPDIR and TEMP are set",
}
"""Name or pattern -> why it does not reach the server."""
SET: dict[str, str] = {
    "JAVA_HOME": "the Java that comes as a wheel",
    "TMPDIR": "a folder of the server's own, with a short path: sockets are in it",
    "TEMP": "the same, under the name that TorchServe's launcher reads",
    "LOG_LOCATION": "logs of this server",
    "METRICS_LOCATION": "the same",
    "BERT_LOCKS": "lock files by which workers divide the cores",
    "BERT_KEYS": "the file of keys that workers look at",
    "BERT_REQUEST_LOG": "the file for a line of each request, with `--request-log`",
    "OMP_WAIT_POLICY": "PASSIVE unless it is set: a thread that waits for its sibling leaves the core to others",
    "ORT_DISABLE_TELEMETRY": "1 unless it is set: ONNX Runtime tells its maker of each process and model otherwise",
    "LC_ALL": "UTF-8, in which Java reads and writes names of files; in other locales it loses their letters",
    "PYTHONUTF8": "the same for Python",
    "MALLOC_MMAP_THRESHOLD_": "4 MiB for Java alone, unless it is set: its heap has no buffers of large answers, and "
    "of those that a thread has freed the C library keeps up to 32 MiB, even when it is asked for them",
    "MALLOC_TRIM_THRESHOLD_": "8 MiB for Java alone, unless it is set: so much of what was freed stays, and smaller "
    "buffers need no new pages each time",
    "HOME": "the temporary folder, where the user's own is missing or cannot be written; libraries keep files there",
}
"""Name -> what it is."""
JAVA_ONLY = {"MALLOC_MMAP_THRESHOLD_": str(4 << 20), "MALLOC_TRIM_THRESHOLD_": str(8 << 20)}
"""Workers do without: they take and free megabytes for each batch, and pages that are new cost time."""
UTF_8 = ("C.UTF-8", "C.utf8", "en_US.UTF-8")
"""Locales to try, in this order; one of them is everywhere but in very small containers."""


def child(given: Mapping[str, str], made: Mapping[str, str], temporary: Path) -> dict[str, str]:
    """The environment to start TorchServe in.

    Args:
        given: the user's.
        made: what `start` decides, by the names in `SET`, and what `devices` adds.
        temporary: the server's own folder for temporary files.
    """
    kept = {name: value for name, value in given.items() if not removed(name)}
    ours = {"TMPDIR": str(temporary), "TEMP": str(temporary), "PYTHONUTF8": "1"}
    if not writable(given.get("HOME")):
        ours["HOME"] = str(temporary)
    spoken = utf8_locale()
    if spoken:
        ours["LC_ALL"] = spoken
    return {"OMP_WAIT_POLICY": "PASSIVE", "ORT_DISABLE_TELEMETRY": "1", **JAVA_ONLY, **kept, **ours, **made}


def java_only(environment: Mapping[str, str], listed: str) -> str:
    """Names that TorchServe leaves out for its workers, as a regular expression; `listed` is the user's."""
    ours = [name for name in JAVA_ONLY if name not in environment]
    return "|".join(filter(None, (listed, *ours)))


def removed(name: str) -> bool:
    """Whether a variable of the user's does not reach the server."""
    return any(fnmatchcase(name, pattern) for pattern in REMOVED)


def writable(home: str | None) -> bool:
    """Whether files can be written into that folder; tried, as root may write where no file system takes any."""
    try:
        with tempfile.TemporaryFile(dir=home or os.devnull):
            return True
    except OSError:
        return False


def utf8_locale() -> str:
    """A locale of this machine with UTF-8; empty if there is none. This process keeps its own."""
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        for name in UTF_8:
            with suppress(locale.Error):
                locale.setlocale(locale.LC_CTYPE, name)
                return name
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
    return ""


def check_names(folders: Mapping[str, Path]) -> None:
    """Refuse folders whose names Java could not read.

    Raises:
        Failure: with the folder, and what it is for.
    """
    for what, folder in folders.items():
        try:
            plain = str(folder.resolve()).encode("utf-8").isascii()
        except UnicodeEncodeError:
            raise Failure(
                f"{what} {str(folder)!a} is not UTF-8, and Java finds no such file", fix="rename it"
            ) from None
        if not plain and not utf8_locale():
            raise Failure(
                f"{what} {folder} has letters that are not ASCII, and this machine has no locale with UTF-8 for Java",
                fix="install a locale (Debian, Ubuntu: apt install locales), or choose a folder with a plain name",
            )


def escaped(text: str) -> str:
    r"""Text for a `.properties` file, which Java reads as Latin-1: other letters as `\uXXXX`, in UTF-16."""
    units = text.encode("utf-16-be", "surrogatepass")
    codes = (int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2))
    return "".join(chr(code) if code < 0x80 else f"\\u{code:04x}" for code in codes)


def value(text: object) -> str:
    """A value of a `.properties` file, in which a backslash begins an escape."""
    return escaped(str(text).replace("\\", "\\\\"))
