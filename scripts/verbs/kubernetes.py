"""The verb `kubernetes`: manifests of the servers of a model."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import typer
import yaml

from scripts.deploy import image
from scripts.deploy import kubernetes as deployment
from scripts.deploy.kubernetes import Settings
from scripts.paths import MODEL_STORE
from scripts.verbs.image import read
from scripts.verbs.options import ModelName, Store, Timeout

NOTICE = "# By `scripts/bert kubernetes`; why each key is as it is, is said in config/kubernetes.\n---\n"


def kubernetes(
    name: ModelName,
    image_name: Annotated[
        str | None, typer.Option("--image", help="image of `scripts/bert image` [default: NAME:VERSION]")
    ] = None,
    keys_secret: Annotated[
        str | None, typer.Option("--keys-secret", help="Secret whose key `keys` is a file of API keys")
    ] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="no keys; the network policy says who may ask")] = False,
    cpus: Annotated[int, typer.Option("--cpus", min=1, help="processors of a pod; of its workers, too, up to 8")] = 2,
    gpu: Annotated[bool, typer.Option("--gpu", help="an NVIDIA GPU for each pod")] = False,
    replicas: Annotated[int, typer.Option("--replicas", min=1, help="fewest pods")] = 2,
    most: Annotated[int, typer.Option("--most", min=1, help="most pods")] = 10,
    scale_on: Annotated[
        Literal["cpu", "queue"],
        typer.Option("--scale-on", help="what asks for more pods: processors, or how long requests wait (Prometheus)"),
    ] = "cpu",
    wait_ms: Annotated[
        int | None,
        typer.Option("--wait-ms", min=1, help="milliseconds in the queue that --scale-on queue aims at [default: 50]"),
    ] = None,
    monitor: Annotated[bool, typer.Option("--monitor", help="a ServiceMonitor, for the Prometheus operator")] = False,
    volume: Annotated[
        str | None, typer.Option("--volume", help="PersistentVolumeClaim with the archive, instead of the image")
    ] = None,
    pull: Annotated[
        str | None,
        typer.Option("--pull", help="address from which each pod fetches the archive, which has to be this very one"),
    ] = None,
    from_namespace: Annotated[
        list[str] | None, typer.Option("--from-namespace", help="further namespace whose pods may ask")
    ] = None,
    drain: Annotated[float, typer.Option("--drain", min=0, help="maximum seconds to wait for accepted requests")] = 20,
    timeout: Timeout = 300,
    kserve: Annotated[bool, typer.Option("--kserve", help="a ServingRuntime and an InferenceService instead")] = False,
    storage_uri: Annotated[
        str | None,
        typer.Option("--storage-uri", help="with --kserve: where it fetches the archive, such as pvc://CLAIM"),
    ] = None,
    store: Store = MODEL_STORE,
) -> None:
    """Print Kubernetes manifests of the servers of a model: what runs, scales, protects and watches them; or KServe's.

    Examples: scripts/bert kubernetes bert --insecure > bert.yaml; scripts/bert kubernetes bert --keys-secret bert-keys
    """
    archive = read(store / f"{name}.mar")
    elsewhere = volume or pull or storage_uri
    settings = Settings(
        archive=archive,
        image=image_name or (image.SERVER if elsewhere else archive.tag),
        cpus=cpus,
        replicas=(replicas, most),
        scale_on=scale_on,
        wait_ms=wait_ms,
        drain=drain,
        timeout=timeout,
        gpu=gpu,
        keys_secret=keys_secret,
        insecure=insecure,
        monitor=monitor,
        namespaces=tuple(from_namespace or ()),
        volume=volume,
        pull=pull,
        storage=storage_uri,
    )
    made = (deployment.kserve if kserve else deployment.manifests)(settings)
    sys.stdout.write(NOTICE)
    yaml.safe_dump_all(made, sys.stdout, sort_keys=False, width=1000)
