"""What a server changes of TorchServe's Java when it starts: a few bytes of a class, in a copy before the jar.

TorchServe is not developed further, and the way it takes requests into a batch (`Model.pollBatch`) costs more than
anything else of it: a lone request waits for company although a worker is idle, and with a delay of 0 a batch ends with
its second request. And it closes the connection after every error (`NettyUtils.sendHttpResponse`), so that each refused
request costs a new one just when there is no time for it. And it opens its management API to gRPC, whatever the
settings (`ModelServer.startGRPCServers`). Such things are decided by single instructions. So a class is
taken from the jar that is installed, changed, and put where Java looks first: TorchServe's launcher begins the class
path with the folder it is called in. Nothing of TorchServe's is kept here but the bytes around each change; a class of
any other content is left alone.

Instructions and class files: The Java Virtual Machine Specification, chapters 4 and 6.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from zipfile import BadZipFile, ZipFile

UNCHANGED = "slower, with more connections, and its management by gRPC is open to all users of this machine"
LEAST_DELAY_MS = 1
"""The shortest `maxBatchDelay` an archive can carry: TorchServe takes 0 for 100."""


@dataclass(frozen=True, slots=True)
class Change:
    """Bytes that occur once in a class, as hexadecimal digits, and what takes their place."""

    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Patch:
    """Changes of a class.

    Attributes:
        path: of the class in the jar.
        sha256: of the only content that is changed.
        changes: each at a place of its own.
    """

    path: str
    sha256: str
    changes: Sequence[Change]

    def apply(self, content: bytes) -> bytes:
        """The changed class.

        Raises:
            ValueError: the class is another than the one known.
        """
        found = hashlib.sha256(content).hexdigest()
        if found != self.sha256:
            raise ValueError(f"{self.path} has SHA-256 {found[:12]}, and {self.sha256[:12]} is known")
        for change in self.changes:
            content = content.replace(bytes.fromhex(change.before), bytes.fromhex(change.after))
        return content


DRAIN = Change(
    before="9d0006 a70009 840b01",  # ifgt 6; goto 9, which leaves the loop; iinc 11, 1
    after="9d0006 a70003 840b01",  # goto 3: the next instruction
)
"""`pollBatch`: when the delay is over the loop goes on, and ends where a poll finds nothing or the batch is full. With
nothing left of the delay a poll does not wait."""
LEAST_IS_NONE = Change(
    before="0000003e 0002 0002 00000006 2a 1b b500e8 b1",  # this.maxBatchDelay = delay
    after="00000044 0004 0002 0000000c 2a 1b 04 1b 64 02 7a 7e b500e8 b1",  # = delay & (1 - delay) >> -1
)
"""`setMaxBatchDelay`: the least delay, 1, is 0, and each longer one is as it was. A shift by -1 is one by 31, which
leaves the sign in all bits; a branch would need a table that this method has not. What precedes the instructions are
sizes, see `Code` in section 4.7.3."""
NOT_AGAIN_WITHOUT_WORKERS = Change(
    before="0000002f 0002 0001 00000005 2a b40009 ad",  # return maxRetryTimeoutInMill
    after="00000038 0004 0001 0000000e 2a b40009 2a b40171 74 02 7a 85 7f ad",  # return it & -minWorkers >> -1
)
"""`getMaxRetryTimeoutInMill`: 0 where there are to be no workers, so that one that ends then is not started again;
`scaling.py` says how they come to end by themselves."""
KEEP_UNLESS_ASKED = Change(
    before="1905 130126 130128 b600c8 57",  # headers.set("Expires", "Thu, 01 Jan 1970 00:00:00 UTC")
    after="1905 b20137 b60114 0482 3d 00",  # keepAlive = !headers.contains("connection")
)
"""`sendHttpResponse`: an answer of a worker may ask for the end of its connection. `keepAlive`, a parameter, is always
true. `Expires`, whose place it takes, says what `Cache-Control` says, to caches of HTTP/1.0."""
CLOSE_AFTER_BAD_REQUEST = Change(
    before="1507 110190 a10026",  # if (code < 400), keep the connection
    after="1507 110190 a00026",  # if (code != 400)
)
"""`sendHttpResponse`: what is no HTTP gets a 400, and nothing behind it on the connection can be read."""
NO_MANAGEMENT_BY_GRPC = Change(
    before="2a2a b20258 b7027d b50285 b1",  # managementgRPCServer = startGRPCServer(MANAGEMENT_CONNECTOR)
    after="0000 000000 000000 000000 b1",  # nothing
)
"""`startGRPCServers`: that API asks nobody for a key, and other users of the machine reach it. `stopgRPCServer` takes a
null for what was not started."""
PATCHES = (
    Patch(
        "org/pytorch/serve/wlm/Model.class",
        "7c5523f1fe77fe79aa32665469e17725e70518692abcf4987989ef72f10d4cff",
        (DRAIN, LEAST_IS_NONE, NOT_AGAIN_WITHOUT_WORKERS),
    ),
    Patch(
        "org/pytorch/serve/util/NettyUtils.class",
        "705f3daad4559394afa0152e71fc358fc14baab42133c2cc09e3726e11c52933",
        (KEEP_UNLESS_ASKED, CLOSE_AFTER_BAD_REQUEST),
    ),
    Patch(
        "org/pytorch/serve/ModelServer.class",
        "779d0df5bfc17c5ad09ac46d63d9a017d48a4cd68c1b7464de914d3cb40190b9",
        (NO_MANAGEMENT_BY_GRPC,),
    ),
)


def install(folder: Path) -> str:
    """Write the changed classes where the Java that is started in this folder finds them; those of before go.

    Returns:
        Why TorchServe runs as it is; empty where it is changed.
    """
    for root in {Path(patch.path).parts[0] for patch in PATCHES}:
        shutil.rmtree(folder / root, ignore_errors=True)
    try:
        with ZipFile(jar()) as classes:
            changed = {patch.path: patch.apply(classes.read(patch.path)) for patch in PATCHES}
    except (OSError, BadZipFile, KeyError, ValueError) as error:
        return f"TorchServe's Java is not the one known and runs unchanged: {UNCHANGED}: {error}"
    for path, content in changed.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return ""


def jar() -> Path:
    """TorchServe's frontend, as it is installed.

    Raises:
        FileNotFoundError: it is not.
    """
    package = find_spec("ts")
    if package is None or package.origin is None:
        raise FileNotFoundError("torchserve is not installed")
    return Path(package.origin).parent / "frontend" / "model-server.jar"


def delay_ms(configured: int) -> int:
    """How long a server started by `bert` waits for company, of an archive's `maxBatchDelay`; both in milliseconds."""
    return 0 if configured == LEAST_DELAY_MS else configured
