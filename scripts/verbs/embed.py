"""The verb `embed`: rows of files through a model, into files."""

from __future__ import annotations

from collections.abc import Container, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import orjson
import typer

from scripts.bulk.job import Form
from scripts.bulk.places.base import Place
from scripts.bulk.rows import INPUTS
from scripts.console import Failure, out, print_json
from scripts.paths import MODEL_STORE
from scripts.verbs.options import Device, Json, Store
from scripts.verbs.tab import archives

BATCH = "openai-batch"
UNUSED = {
    "server": ("processes", "device", "store", "ray"),
    "ray": ("processes", "version", "key", "in_flight"),
    "": ("version", "key", "in_flight"),
    BATCH: ("column", "option", "task", "answer_column"),
}
"""Parameters that say nothing where these compute, without either of them, and with this format."""


def embed(
    context: typer.Context,
    files: Annotated[
        list[str], typer.Argument(help="files .txt, .csv, .tsv, .jsonl or .parquet, folders of them, or globs")
    ],
    folder: Annotated[
        Path, typer.Option("--out", help="output folder; called again, a run resumes there", file_okay=False)
    ],
    model: Annotated[
        str, typer.Option("--model", help="name of an archive in the model store", autocompletion=archives)
    ] = "bert",
    store: Store = MODEL_STORE,
    task: Annotated[str, typer.Option("--task", help="task to run on each row")] = "embedding",
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--column", help="column of the text; KEY=COLUMN for another key of the request, repeatable [default: text]"
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option("--option", help="KEY=VALUE of every request, such as dimensions=256; repeatable"),
    ] = None,
    form: Annotated[
        Form,
        typer.Option(
            "--format", help="format of the output; openai-batch: requests and responses of OpenAI's Batch API"
        ),
    ] = "npy",
    answer_column: Annotated[
        str, typer.Option("--answer-column", help="column of the answer [default: the task]", show_default=False)
    ] = "",
    block_rows: Annotated[int, typer.Option("--block-rows", min=1, help="maximum rows per output file")] = 2048,
    processes: Annotated[
        int,
        typer.Option(
            "--processes", min=0, help="local processes [default: one per GPU or else per CPU core]", show_default=False
        ),
    ] = 0,
    device: Device = None,
    server: Annotated[
        str | None, typer.Option("--server", help="URL of a running server that computes, instead of this machine")
    ] = None,
    version: Annotated[
        str | None, typer.Option("--version", help="with --server: version of the model [default: the server's]")
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", envvar="BERT_API_KEY", help="with --server: API key, if it wants one")
    ] = None,
    in_flight: Annotated[
        int, typer.Option("--in-flight", min=1, help="with --server: concurrent requests, 64 texts each")
    ] = 8,
    ray: Annotated[
        str | None,
        typer.Option("--ray", help="address of a Ray cluster that computes, or auto for the one of this node"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run a model on every row of files, and write the answers beside the columns of the input.

    After an interruption, run it again: it resumes after the last complete output file.

    Example: scripts/bert embed articles.csv --column body --out vectors
    """
    from scripts.bulk import inputs
    from scripts.bulk.run import Order, run

    where = "server" if server else "ray" if ray else ""
    refuse(context, UNUSED[where], f"with --{where}" if where else "without --server")
    refuse(context, UNUSED[BATCH] if form == BATCH else (), f"with --format {BATCH}")
    remote = on_server(server, model, version, key, in_flight) if server else None
    place = remote or on_archive(store, model, processes, device, ray)
    keys = {} if form == BATCH else columns(column or [])
    constants = options(option or [], keys)
    order = Order(inputs.find(files, folder), folder, task, keys, constants, form, answer_column, block_rows)
    summary = run(order, place)
    if as_json:
        print_json(msgspec.to_builtins(summary))
    else:
        good, parts = counted(summary.rows - summary.bad, "row"), counted(summary.parts, "part")
        out.print(f"{folder}: {good} in {parts}, {counted(summary.bad, 'bad row')}")


def counted(number: int, what: str) -> str:
    """So many of something."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def refuse(context: typer.Context, names: Sequence[str], where: str) -> None:
    """Refuse what was given in the command and would say nothing; a key in the environment is for other commands, too.

    Raises:
        Failure: one of these parameters was given.
    """
    sources = {name: context.get_parameter_source(name) for name in names}
    given = [name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"]
    flags = ", ".join(each.opts[0] for each in context.command.params if each.name in given)
    if given:
        raise Failure(f"{flags} {where}: nothing would come of it", fix=f"leave {flags} out")


def on_server(url: str, model: str, version: str | None, key: str | None, in_flight: int) -> Place:
    """Where a server computes.

    Raises:
        Failure: its address is none.
    """
    from scripts.bulk.places.server import Server
    from scripts.client import BertClient

    try:
        return Server(BertClient(url, model, version, key), in_flight)
    except ValueError as error:
        raise Failure(f"--server: {error}", fix="--server http://HOST:PORT") from None


def on_archive(store: Path, model: str, processes: int, device: str | None, ray: str | None) -> Place:
    """Where an archive is opened: here, or on a cluster.

    Raises:
        Failure: there is no such archive.
    """
    from scripts.bulk.places.cluster import Cluster
    from scripts.bulk.places.local import Local

    archive = (store / f"{model}.mar").resolve()
    if not archive.is_file():
        raise Failure(f"{archive} does not exist", fix=f"scripts/bert pack CHECKPOINT --name {model}")
    return Cluster(ray, archive, device) if ray else Local(archive, processes, device)


def columns(given: list[str]) -> dict[str, str]:
    """Keys of a request and their columns; a column alone is that of `inputs`.

    Raises:
        Failure: a key has two.
    """
    found: dict[str, str] = {}
    for each in given or ["text"]:
        key, sign, column = each.rpartition("=")
        key = key if sign else INPUTS
        if key in found:
            raise Failure(
                f"--column gives {key} two columns, {found[key]} and {column}", fix="--column KEY=COLUMN for other keys"
            )
        found[key] = column
    return found


def options(given: list[str], keys: Container[str] = ()) -> dict[str, Any]:
    """Keys and values; a value is JSON, or else a text.

    Args:
        given: `KEY=VALUE` each.
        keys: that rows have of their own.

    Raises:
        Failure: a key has no value, or two.
    """
    found: dict[str, Any] = {}
    for each in given:
        key, sign, value = each.partition("=")
        if not sign:
            raise Failure(f"--option {each} has no value", fix=f"--option {each}=VALUE")
        if key in keys:
            raise Failure(f"--option {each}: {key} comes from a column", fix="leave the option or the column out")
        if key in found:
            raise Failure(f"--option gives {key} two values", fix=f"--option {key}=VALUE once")
        try:
            found[key] = orjson.loads(value)
        except orjson.JSONDecodeError:
            found[key] = value
    return found
