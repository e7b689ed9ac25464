"""The `bert` command: its verbs, in the order of `--help`."""

from __future__ import annotations

import signal
from types import FrameType
from typing import NoReturn

import typer

from scripts.console import Failure
from scripts.files import space
from scripts.server import limits
from scripts.verbs import (
    bench,
    completion,
    convert,
    embed,
    evaluation,
    gateway,
    image,
    inspection,
    kubernetes,
    lifecycle,
    model,
    operate,
    plan,
    service,
    slow,
    top,
    tuning,
    version,
    versions,
)
from scripts.verbs.finite import Verb

ROOM = "make room where BERT_RUNS (or .run) and TMPDIR are; `df` shows how much there is"
VERBS = (
    lifecycle.up,
    model.pull,
    convert.convert,
    tuning.finetune,
    model.pack,
    inspection.inspect,
    model.export,
    lifecycle.start,
    operate.status,
    top.top,
    operate.predict,
    embed.embed,
    operate.scale,
    gateway.gateway,
    versions.upgrade,
    versions.rollback,
    versions.retire,
    bench.bench,
    plan.plan,
    evaluation.evaluate,
    evaluation.compare,
    operate.logs,
    slow.slow,
    lifecycle.stop,
    operate.doctor,
    service.service,
    image.image,
    kubernetes.kubernetes,
)

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
for verb in (*VERBS, completion.completion):  # the last is the shell's, and does nothing to a model or a server
    app.command(cls=Verb)(verb)


@app.callback()
def bert(show_version: version.Show = False) -> None:
    """Serve a BERT with TorchServe.

    First steps: `scripts/bert up` packs and starts the default model, `scripts/bert predict bert "some text"` asks it,
    `scripts/bert stop` ends it.
    """


def main() -> None:
    """Run a verb; a failure is shown with its fix and ends with 1.

    SIGTERM and a closed terminal unwind like Ctrl-C: a start cleans up. `nohup` is left its way.
    """
    signal.signal(signal.SIGTERM, terminated)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        signal.signal(signal.SIGHUP, terminated)
    limits.keep_to_ourselves()
    completion.answer_tab()
    try:
        app(prog_name="scripts/bert", complete_var=completion.ASK)
    except Failure as failure:
        failure.show()
        raise SystemExit(1) from None
    except OSError as error:
        fix = ROOM if error.errno in space.NUMBERS else ""
        Failure(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "), fix=fix).show()
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def terminated(number: int, frame: FrameType | None) -> NoReturn:
    """End with the status a shell gives that signal."""
    raise SystemExit(128 + number)
