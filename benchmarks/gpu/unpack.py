"""Makes a Python environment of a bundle, without network: `python3 .gpu-bundle/unpack.py FOLDER`.

`benchmarks.gpu.bundle` copies this file into the bundle, so it imports nothing but the standard library. The
environment sees the packages of the Python that runs it, and has those of the bundle before them. A second run finds
nothing to do; after an interrupted one, or with another bundle or Python, the environment is made again.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import shutil
import site
import sys
import sysconfig
import tarfile
import tempfile
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic

PACKAGES = "packages"
KERNELS = "kernels.tar.xz"
VERSION = "python-version"
MARKER = ".unpacked"
"""A file in the environment: there as soon as the folder is ours, and says what it was made of once it is complete."""


class Refused(Exception):
    """What was asked for would not work, or would cost somebody's files."""


def environment(bundle: Path, folder: Path) -> bool:
    """Make the environment; False when it is there already.

    Raises:
        Refused: the folder is somebody else's, or the bundle is for another Python.
    """
    check(bundle, folder)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / MARKER).open("a+") as marker:
        fcntl.flock(marker, fcntl.LOCK_EX)  # a second run waits, and then finds nothing to do
        marker.seek(0)
        state = wanted(bundle, folder)
        if marker.read() == state:
            return False
        marker.truncate(0)
        clear(folder)
        fill(bundle, folder)
        marker.write(state)
    return True


def check(bundle: Path, folder: Path) -> None:
    """See that the folder is free or ours, and that the bundle's compiled packages fit this Python.

    Raises:
        Refused: they are not, or do not.
    """
    version, running = (bundle / VERSION).read_text().strip(), f"{sys.version_info.major}.{sys.version_info.minor}"
    if version != running:
        raise Refused(f"the bundle is for Python {version}, and {sys.executable} is {running}")
    if Path(sys.prefix).resolve() == folder:
        raise Refused(f"{sys.executable} lies in {folder}; use the Python that it was made with")
    if folder.exists() and not (folder / MARKER).exists() and any(folder.iterdir()):
        raise Refused(f"{folder} has files that are not of a bundle; name another folder or an empty one")


def archives(bundle: Path) -> list[Path]:
    """The bundle's packages, the largest first, since they take longest."""
    return sorted((bundle / PACKAGES).glob("*.tar.xz"), key=lambda file: (-file.stat().st_size, file.name))


def wanted(bundle: Path, folder: Path) -> str:
    """Whatever makes one environment differ from another, as a short hash."""
    digest = hashlib.sha256(repr((str(folder), sys.version, sys.executable, sites())).encode())
    for file in (*archives(bundle), Path(__file__)):
        with file.open("rb") as opened:
            digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()


def sites() -> list[str]:
    """Where the running Python has its packages; it may be an environment itself."""
    user = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    return [folder for folder in (*site.getsitepackages(), *user) if Path(folder).is_dir()]


def clear(folder: Path) -> None:
    """Remove all but the marker."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != MARKER:
            entry.unlink()


def fill(bundle: Path, folder: Path) -> None:
    """An environment without pip, which would take longer than all the rest, and the packages in it."""
    venv.EnvBuilder(symlinks=True).create(folder)
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)}))
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda archive: extract(archive, packages), archives(bundle)))
    lines = (
        f"import site; site.addsitedir({path!r})\n" for path in sites()
    )  # a bare path would not read its .pth files
    (packages / "host.pth").write_text("".join(lines))


def extract(archive: Path, folder: Path) -> None:
    """Unpack one archive."""
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")


def kernels(bundle: Path, cache: Path) -> None:
    """Put the compiled kernels where `scripts.packing.kernels` would have compiled them."""
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as temporary:
        extract(bundle / KERNELS, Path(temporary))
        for made in Path(temporary).glob("*/*"):
            target = cache / made.relative_to(temporary)
            target.parent.mkdir(exist_ok=True)
            if not target.exists():
                made.rename(target)


def main() -> None:
    """Read the command line, make what it asks for, say how long that took."""
    parser = argparse.ArgumentParser(description="Make a Python environment of this bundle.")
    parser.add_argument("folder", type=Path, help="of the environment")
    parser.add_argument("--kernels", type=Path, metavar="CACHE", help="the project's .cache/kernels")
    given = parser.parse_args()
    bundle, folder, start = Path(__file__).resolve().parent, given.folder.resolve(), monotonic()
    try:
        made = environment(bundle, folder)
    except Refused as refused:
        sys.exit(f"failed: {refused}")
    if given.kernels:
        kernels(bundle, given.kernels)
    print(f"{folder}: {'made' if made else 'already there'}, {monotonic() - start:.1f} s")


if __name__ == "__main__":
    main()
