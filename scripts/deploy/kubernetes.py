"""Kubernetes manifests of the servers of one model, from the templates in `config/kubernetes`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from scripts.console import Failure
from scripts.deploy import names, resources
from scripts.deploy.archive import Archive
from scripts.deploy.templates import load, merge

PAUSE_SECONDS = 5
"""Before SIGTERM: by then nothing in the cluster sends requests to the pod any more."""
END_SECONDS = 15
"""After the drain, for the end of Java and its workers."""
POLL_SECONDS = 2
"""Of the probe at start."""
WAIT_MS = 50
"""In the queue, that `--scale-on queue` aims at."""
HTTP, METRICS = 8080, 8082
"""Ports of the container. In KServe's pods they have no names: its Service has the first one alone."""
KSERVE_STORE = "/mnt/models"
"""Where KServe puts what is at a `storageUri`."""
KSERVE_RUNTIME = ("volumes", "tolerations")
KSERVE_PREDICTOR = (
    "automountServiceAccountToken",
    "enableServiceLinks",
    "terminationGracePeriodSeconds",
    "securityContext",
)
"""Keys of a pod that a ServingRuntime has, and those that only an InferenceService has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the servers are to be; see the options of `bert kubernetes`."""

    archive: Archive
    image: str
    cpus: int = 2
    replicas: tuple[int, int] = (2, 10)
    scale_on: str = "cpu"
    wait_ms: int | None = None
    drain: float = 20
    timeout: float = 300
    gpu: bool = False
    keys_secret: str | None = None
    insecure: bool = False
    monitor: bool = False
    namespaces: tuple[str, ...] = ()
    volume: str | None = None
    pull: str | None = None
    storage: str | None = None

    def values(self) -> dict[str, object]:
        """By the names in the templates; what stands in the arguments of a command is text."""
        size = self.archive.bytes
        memory = resources.memory(size, resources.workers(self.cpus, self.gpu))
        return {
            "name": self.archive.label,
            "model": self.archive.name,
            "image": self.image,
            "cpus": str(self.cpus),
            "memory": f"{memory}Mi",
            "disk": f"{resources.disk(size)}Mi",
            "drain": f"{self.drain:g}",
            "pause": str(PAUSE_SECONDS),
            "grace": ceil(PAUSE_SECONDS + self.drain + END_SECONDS),
            "start": f"{self.timeout:g}",
            "start_polls": ceil((self.timeout + END_SECONDS) / POLL_SECONDS),
            "least": self.replicas[0],
            "most": self.replicas[1],
            "wait": f"{self.wait_ms or WAIT_MS}m",
            "secret": self.keys_secret,
            "claim": self.volume,
            "url": self.pull,
            "sha256": digest(self.archive) if self.pull else None,
            "storage": self.storage,
        }


def manifests(settings: Settings) -> list[dict[str, Any]]:
    """All objects, in the order in which they are wanted.

    Raises:
        Failure: settings that clash, or that a cluster would refuse.
    """
    check(settings)
    refuse({"--storage-uri": settings.storage}, "only KServe has it", "--volume CLAIM or --pull URL, or --kserve")
    values = settings.values()
    parts = ["deployment", "service", "disruption", "network", f"autoscaler-{settings.scale_on}"]
    if settings.monitor or settings.scale_on == "queue":
        parts.append("monitor")
    made = {part: load(part, values)[0] for part in parts}
    made["deployment"] = overlaid(made["deployment"], pod_overlays(settings), values)
    made["network"] = allowed(settings, values)
    return list(made.values())


def kserve(settings: Settings) -> list[dict[str, Any]]:
    """A ServingRuntime with the Deployment's container, an InferenceService that uses it, and what protects its pods.

    Raises:
        Failure: settings that clash, that a cluster would refuse, or that KServe decides itself.
    """
    check(settings)
    refuse({"--volume": settings.volume, "--pull": settings.pull}, "KServe fetches archives", "--storage-uri URI")
    asked = settings.scale_on if settings.scale_on != "cpu" else None
    refuse({"--scale-on": asked}, "KServe scales on processors", "leave it out, or leave --kserve out")
    watch = f"scrape the pods' port {METRICS}"
    refuse({"--monitor": settings.monitor}, "KServe's Service has no port of metrics", watch)
    names.check("--storage-uri", settings.storage, names.storage)
    values = settings.values()
    runtime, service = load("kserve", values)
    pod = overlaid(load("deployment", values)[0], pod_overlays(settings), values)["spec"]["template"]["spec"]
    container = pod["containers"][0] | {"name": "kserve-container", "ports": [{"containerPort": HTTP}]}
    if settings.storage:
        service = overlaid(service, ["storage"], values)
        container = merge(container, {"env": [{"name": "BERT_MODEL_STORE", "value": KSERVE_STORE}]})
    runtime["spec"] |= {"containers": [container]} | {key: pod[key] for key in KSERVE_RUNTIME if key in pod}
    service["spec"]["predictor"] |= {key: pod[key] for key in KSERVE_PREDICTOR}
    return [runtime, service, *protection(settings, values)]


def protection(settings: Settings, values: Mapping[str, object]) -> list[dict[str, Any]]:
    """The PodDisruptionBudget and the NetworkPolicy of the Deployment, for the pods that KServe makes."""
    disruption, network = load("disruption", values)[0], allowed(settings, values)
    pods = {"matchLabels": {"serving.kserve.io/inferenceservice": settings.archive.label, "component": "predictor"}}
    disruption["spec"]["selector"] = network["spec"]["podSelector"] = pods
    numbers = {"http": HTTP, "metrics": METRICS}
    for rule in network["spec"]["ingress"]:
        rule["ports"] = [{"port": numbers[each["port"]]} for each in rule["ports"]]
    return [disruption, network]


def allowed(settings: Settings, values: Mapping[str, object]) -> dict[str, Any]:
    """The NetworkPolicy, with what further namespaces and archives from elsewhere need."""
    made = load("network", values)[0]
    if settings.pull or (settings.storage and not settings.storage.startswith(names.CLAIM)):
        made = overlaid(made, ["pull-network"], values)
    for namespace in settings.namespaces:
        made = overlaid(made, ["namespace"], {"namespace": namespace})
    return made


def pod_overlays(settings: Settings) -> list[str]:
    """Files that change what a pod is, in their order."""
    asked = {
        "keys": settings.keys_secret,
        "insecure": settings.insecure,
        "gpu": settings.gpu,
        "volume": settings.volume,
        "pull": settings.pull,
    }
    return [name for name, wanted in asked.items() if wanted]


def overlaid(made: dict[str, Any], names: Iterable[str], values: Mapping[str, object]) -> dict[str, Any]:
    """An object with these overlays."""
    for name in names:
        made = merge(made, load(f"overlays/{name}", values)[0])
    return made


def check(settings: Settings) -> None:
    """Refuse what makes no sense together, lets everybody in unasked, or is refused by clusters."""
    if settings.insecure == bool(settings.keys_secret):
        found = "--insecure and --keys-secret are both given" if settings.insecure else "anybody could ask the servers"
        raise Failure(found, fix="--keys-secret SECRET, or --insecure if the network policy is enough")
    if settings.replicas[0] > settings.replicas[1]:
        raise Failure(f"--replicas {settings.replicas[0]} is above --most {settings.replicas[1]}", fix="raise --most")
    if settings.scale_on != "queue":
        refuse({"--wait-ms": settings.wait_ms}, "only --scale-on queue aims at it", "add that, or leave this out")
    if settings.volume:
        refuse({"--pull": settings.pull}, f"the archive is on the volume {settings.volume}", "one of the two")
    names.check("--image", settings.image, names.image)
    names.check("--keys-secret", settings.keys_secret, names.subdomain)
    names.check("--volume", settings.volume, names.subdomain)
    names.check("--pull", settings.pull, names.address)
    for namespace in settings.namespaces:
        names.check("--from-namespace", namespace, names.label)


def refuse(given: Mapping[str, str | int | None], why: str, instead: str) -> None:
    """Refuse options that are given though something else decides."""
    for flag, value in given.items():
        if value:
            raise Failure(f"{flag if value is True else f'{flag} {value}'}: {why}", fix=instead)


def digest(archive: Archive) -> str:
    """The sha256 of the file."""
    with archive.file.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
