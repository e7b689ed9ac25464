"""Pods by podman, and what a kubelet does that podman leaves out: most probes, and preStop."""

from __future__ import annotations

import copy
import json
import subprocess
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psutil
import yaml

PODMAN = ("podman", "--log-level", "fatal")


def podman(*words: object, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run it; what it prints is kept."""
    result = subprocess.run([*PODMAN, *map(str, words)], capture_output=True, text=True, timeout=300)
    assert not check or result.returncode == 0, f"podman {' '.join(map(str, words))}\n{result.stdout}{result.stderr}"
    return result


def wait_for(condition: Any, what: str, timeout: float = 240) -> float:
    """Seconds until the condition holds."""
    begun = monotonic()
    while not condition():
        assert monotonic() - begun < timeout, f"{what}: not within {timeout} s"
        sleep(0.2)
    return monotonic() - begun


class Pod:
    """A Deployment's pod as `kube play` makes it; the manifest is the one that `bert kubernetes` printed.

    Podman publishes the ports of containers on the host, so they are taken out: two pods of a Deployment have the same.
    """

    def __init__(self, manifest: dict[str, Any], name: str, folder: Path) -> None:
        manifest = copy.deepcopy(manifest)
        manifest["metadata"]["name"] = name
        self.spec = manifest["spec"]["template"]["spec"]
        self.container = self.spec["containers"][0]
        self.container.pop("ports")
        for volume in self.spec["volumes"]:  # podman's are named volumes, and shared by name
            volume["name"] = f"{name}-{volume['name']}"
        for mount in self.container["volumeMounts"]:
            mount["name"] = f"{name}-{mount['name']}"
        self.file = folder / f"{name}.yaml"
        self.file.write_text(yaml.safe_dump(manifest))
        self.id = f"{name}-pod-0-{self.container['name']}"
        podman("play", "kube", "--log-driver", "k8s-file", self.file)
        self.unready = 0
        self.address = next(iter(self.inspect("NetworkSettings")["Networks"].values()))["IPAddress"]

    def inspect(self, key: str) -> Any:
        """What podman knows of the container."""
        return json.loads(podman("inspect", self.id).stdout)[0][key]

    @property
    def url(self) -> str:
        """Base address of the inference API."""
        return f"http://{self.address}:8080"

    def probe(self, kind: str) -> tuple[bool, float]:
        """Whether a probe of the manifest passes, and seconds that it took, with those of `podman exec`."""
        probe = self.container[f"{kind}Probe"]
        begun = monotonic()
        with suppress(subprocess.TimeoutExpired):
            command = [*PODMAN, "exec", self.id, *probe["exec"]["command"]]
            passed = subprocess.run(command, capture_output=True, timeout=probe["timeoutSeconds"]).returncode == 0
            return passed, monotonic() - begun
        return False, monotonic() - begun

    def is_endpoint(self) -> bool:
        """Ask the readiness probe once more: whether a Service would send requests here."""
        self.unready = 0 if self.probe("readiness")[0] else self.unready + 1
        return self.unready < self.container["readinessProbe"]["failureThreshold"]

    def await_ready(self) -> float:
        """Seconds until the startup probe passes."""
        return wait_for(lambda: self.probe("startup")[0], "startup")

    def processes(self) -> list[psutil.Process]:
        """The command, which is the container's first process, and what it started."""
        first = psutil.Process(self.inspect("State")["Pid"])
        return [first, *first.children(recursive=True)]

    def stop(self) -> tuple[int, float]:
        """As a kubelet does, with SIGKILL at the end of the grace; the exit status, and seconds from SIGTERM on."""
        hook = self.container["lifecycle"]["preStop"]["exec"]["command"]
        podman("exec", self.id, *hook)
        begun = monotonic()
        podman("stop", "--time", self.spec["terminationGracePeriodSeconds"] - int(hook[1]), self.id)
        return self.inspect("State")["ExitCode"], monotonic() - begun

    def remove(self) -> None:
        """The pod, and its volumes."""
        podman("play", "kube", "--down", self.file, check=False)
        for volume in self.spec["volumes"]:
            podman("volume", "rm", "--force", volume["name"], check=False)
