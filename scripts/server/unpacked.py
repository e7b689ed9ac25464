"""A server's archives as folders, which TorchServe takes as well: it would unpack an archive each time Java starts.

And it would do so for seconds, in a thread that also answers clients, where a model is added to a running server.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from scripts.console import Failure
from scripts.files import space
from scripts.server.state import Loaded, Server


def unpack(server: Server, loaded: Loaded) -> None:
    """Make the folder of a version from the archive in the server's own store; its bytes are checked meanwhile.

    Raises:
        Failure: they are not those that were packed, or the disk is full.
    """
    archive, place = server.own_store / loaded.file, folder(server, loaded)
    part = place.with_name(f".{place.name}")
    with space.explained("make room there, or TMPDIR=/some/larger/folder", Path(server.temporary)):
        try:
            for left in (part, place):  # by a command that was killed
                shutil.rmtree(left, ignore_errors=True)
            with ZipFile(archive) as packed:
                packed.extractall(part)
            part.rename(place)
        except BadZipFile as error:
            raise Failure(f"{archive} is damaged: {error}", fix="pack it again: scripts/bert pack") from None
        finally:
            shutil.rmtree(part, ignore_errors=True)


def remove(server: Server, loaded: Loaded) -> None:
    """Remove the folder of a version whose workers are gone."""
    shutil.rmtree(folder(server, loaded), ignore_errors=True)


def folder(server: Server, loaded: Loaded) -> Path:
    """Of a version; its name is what TorchServe is asked for."""
    return server.unpacked / Path(loaded.file).stem
