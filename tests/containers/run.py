"""Images built and run for real: `python -m tests.containers.run [--base] [--build-option=...]`, as root, minutes.

It needs podman and runc. With `--base`, where no registry can be reached, debootstrap makes a Debian with Python, which
is committed under the name of the base image that `Containerfile` asks for.
"""

from __future__ import annotations

import argparse
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep

import requests
import yaml

from scripts.packing import pack
from scripts.paths import CHECKPOINTS, ROOT
from tests.containers.pods import Pod, podman, wait_for
from tests.containers.traffic import Traffic

BASE = "docker.io/library/python:3.11-slim-bookworm"
VERSIONS = ("1.0", "2.0")
TEXTS = {"inputs": ["a text of some words, as they are in a search"] * 8}
COMPILERS = """\
for name in cc gcc clang zig make pip; do command -v $name; done
ls .venv/lib/python3*/site-packages | grep -e ziglang -e '^pip$'"""
STATISTICS = "/sys/fs/cgroup/memory/memory.stat"
failed: list[str] = []


def say(what: str, found: object, good: bool = True) -> None:
    """A line of the log; what is not good is counted."""
    print(f"{'ok  ' if good else 'FAIL'} {what}: {found}", flush=True)
    if not good:
        failed.append(what)


def bert(*words: object) -> str:
    """The verb's standard output."""
    command = [ROOT / "scripts" / "bert", *map(str, words)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def make_base(folder: Path) -> None:
    """Debian's Python in the place of the official image."""
    packages = "--include=python3,python3-venv,ca-certificates"
    subprocess.run(["debootstrap", "--variant=minbase", packages, "bookworm", folder], check=True, capture_output=True)
    made = subprocess.run(["buildah", "from", "scratch"], capture_output=True, text=True, check=True).stdout.strip()
    for words in (("copy", "-q", made, folder, "/"), ("commit", "-q", made, BASE), ("rm", made)):
        subprocess.run(["buildah", *map(str, words)], check=True, capture_output=True)


def build(store: Path, options: list[str]) -> None:
    """An image of each version."""
    for version in VERSIONS:
        pack.pack(CHECKPOINTS / "all-MiniLM-L6-v2", "bert", version, {}, store / version)
        begun = monotonic()
        tag = bert("image", "bert", "--engine", "podman", "--model-store", store / version, *options).split()[-1]
        size = int(podman("inspect", "--format", "{{.Size}}", tag).stdout)
        base = int(podman("inspect", "--format", "{{.Size}}", BASE).stdout)
        say(
            f"image {tag}",
            f"{size / 1e6:.0f} MB, {(size - base) / 1e6:.0f} of them on the base ({monotonic() - begun:.0f} s)",
        )


@contextmanager
def container(*options: str, arguments: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
    """`podman run` of the image, read-only and without any right: its name, and its inference API's address."""
    rights = ("--read-only", "--cap-drop=all", "--security-opt=no-new-privileges")
    name = podman("run", "--detach", *rights, *options, "bert:1.0", *arguments).stdout.split()[-1]
    try:
        took = wait_for(lambda: "stop it with" in podman("logs", name).stdout, "the last word of `start`")
        say(" ".join(["podman run --read-only", *arguments]), f"has started after {took:.0f} s")
        yield name, podman("inspect", "--format", "{{.NetworkSettings.IPAddress}}", name).stdout.strip()
    finally:
        podman("rm", "--force", "--volumes", name, check=False)


def alone() -> None:
    """What it may do, what it holds, and how it ends."""
    with container(arguments=("--insecure", "--metrics-host", "0.0.0.0")) as (name, address):
        healthy = not podman("healthcheck", "run", name, check=False).returncode
        say("HEALTHCHECK", "passes" if healthy else "does not pass", healthy)
        answer = requests.post(f"http://{address}:8080/predictions/bert", json={"inputs": "a text"}, timeout=60)
        say("an answer", f"{answer.status_code}, {len(answer.json()[0])} numbers", answer.status_code == 200)
        metrics = requests.get(f"http://{address}:8082/metrics", timeout=60).text
        say("metrics", f"{len(metrics.splitlines())} lines", "bert_requests" in metrics)
        user = podman("exec", name, "id", "-u").stdout.strip()
        say("user", user, user == "10001")
        for place in ("/bert", "/models", "/etc"):
            written = podman("exec", name, "touch", f"{place}/x", check=False)
            say(f"a file in {place}", written.stderr.strip() or "written", written.returncode != 0)
        found = podman("exec", name, "sh", "-c", COMPILERS, check=False).stdout.split()
        say("compilers and pip in it", found or "none", not found)
        begun = monotonic()
        podman("stop", "--time", 10, name)
        code = podman("inspect", "--format", "{{.State.ExitCode}}", name).stdout.strip()
        say("podman stop", f"exit {code} after {monotonic() - begun:.1f} s", code == "0")


def with_keys(folder: Path) -> None:
    """A file of keys with the owner and mode that Kubernetes gives to a Secret's."""
    keys, key = folder / "keys", secrets.token_urlsafe(24)
    keys.write_text(f"ada:{key}\n")
    os.chown(keys, 0, 10001)
    keys.chmod(0o440)
    options = ("--user=10001:10001", f"--volume={keys}:/run/keys/keys:ro", "--env=BERT_KEYS=/run/keys/keys")
    with container(*options) as (_, address):
        for headers, wanted in (({}, 401), ({"authorization": f"Bearer {key}"}, 200)):
            url = f"http://{address}:8080/predictions/bert"
            status = requests.post(url, json={"inputs": "a text"}, headers=headers, timeout=60).status_code
            say(f"a request with {'a' if headers else 'no'} key", status, status == wanted)


def play(stack: ExitStack, store: Path, version: str, folder: Path) -> Pod:
    """A pod of the printed Deployment."""
    printed = bert("kubernetes", "bert", "--insecure", "--cpus", 2, "--model-store", store / version)
    deployment = next(each for each in yaml.safe_load_all(printed) if each["kind"] == "Deployment")
    pod = Pod(deployment, f"bert-{version[0]}", folder)
    stack.callback(pod.remove)
    took = pod.await_ready()
    say(f"kube play {version}: startup probe passes", f"after {took:.0f} s, version {told(pod)}", told(pod) == version)
    for kind in ("readiness", "liveness"):
        say(f"{kind} probe", "passes", pod.probe(kind)[0])
    return pod


def told(pod: Pod) -> str:
    """The version that answers."""
    return str(requests.post(f"{pod.url}/predictions/bert", json={"task": "info"}, timeout=60).json()["version"])


def overload(pod: Pod, seconds: float) -> None:
    """Probes of the manifest while far more comes than can be answered, and a health route that asks a worker."""
    routes = {kind: [] for kind in ("readiness", "liveness")}
    health = []
    with Traffic(lambda: [pod.url], 192, "/predictions/bert", TEXTS) as traffic:
        sleep(2)
        end = monotonic() + seconds
        while monotonic() < end:
            for kind, found in routes.items():
                found.append(pod.probe(kind))
            begun = monotonic()
            status = requests.get(f"{pod.url}/predictions/bert/1.0/tei/health", timeout=60).status_code
            health.append((status == 200, monotonic() - begun))
    say("under overload, 192 clients with 8 texts each", traffic.said())
    for kind, found in routes.items():
        passed = sum(each for each, _ in found)
        slowest = max(took for _, took in found)
        say(
            f"{kind} probes", f"{passed} of {len(found)} passed, the slowest took {slowest:.2f} s", passed == len(found)
        )
    answered, slow = sum(each for each, _ in health), max(took for _, took in health)
    say("a health route that asks a worker, beside them", f"{answered} of {len(health)} passed, slowest {slow:.2f} s")
    own = podman("exec", pod.id, "grep", "-E", "total_rss |hierarchical_memory_limit", STATISTICS)
    limit, used = sorted((int(line.split()[1]) for line in own.stdout.splitlines()), reverse=True)
    say("memory of its own", f"{used >> 20} MiB of {limit >> 20} that the manifest allows", used < limit)


def deaths(pod: Pod) -> None:
    """Java is started again inside the container, and the container when its first process is killed."""
    java = next(each for each in pod.processes() if each.name() == "java")
    java.kill()
    down = wait_for(lambda: not pod.probe("readiness")[0], "not ready")
    took = wait_for(lambda: pod.probe("readiness")[0], "ready again")
    restarts = pod.inspect("RestartCount")
    say("Java killed", f"not ready after {down:.1f} s, ready {took:.0f} s later, {restarts} restarts", restarts == 0)
    pod.processes()[0].kill()
    took = wait_for(lambda: pod.inspect("RestartCount") == 1 and pod.probe("startup")[0], "container started again")
    say("the container's first process killed", f"ready after {took:.0f} s, {pod.inspect('RestartCount')} restart")


def roll(stack: ExitStack, old: Pod, make: Callable[[], Pod]) -> None:
    """Another version beside the first, which then goes, under load: nobody notices."""
    pods, ending = [old], Event()
    endpoints = [old.url]

    def watch() -> None:
        while not ending.wait(old.container["readinessProbe"]["periodSeconds"]):
            endpoints[:] = [pod.url for pod in pods if pod.is_endpoint()]

    with Traffic(lambda: list(endpoints), 8, "/predictions/bert", {"inputs": "a text"}) as traffic:
        new = make()
        pods.append(new)
        watcher = Thread(target=watch)
        watcher.start()
        wait_for(lambda: new.url in endpoints, "the new pod is an endpoint")
        pods.remove(old)
        wait_for(lambda: old.url not in endpoints, "the old pod is no endpoint")
        code, took = old.stop()
        sleep(2)
        ending.set()
        watcher.join()
    say("1.0 to 2.0 under load", traffic.said(), set(traffic.results) == {"200"})
    say("the old pod", f"exit {code}, {took:.1f} s after SIGTERM", code == 0)
    busy = Traffic(lambda: [new.url], 8, "/predictions/bert", {"inputs": "a text"})
    with busy:
        sleep(2)
        code, took = new.stop()  # clients go on asking: what was accepted is answered, the rest refused
    refused = {"503", "ConnectionError", "ConnectTimeout", "ReadTimeout"}
    say("SIGTERM to the last pod under load", f"exit {code} after {took:.1f} s; {busy.said()}", code == 0)
    say("answers that are neither 200 nor a refusal", set(busy.results) - {"200"} - refused or "none")


def main() -> int:
    """All of it; 1 where something was not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", action="store_true")
    parser.add_argument("--build-option", action="append", default=[])
    parser.add_argument("--seconds", type=float, default=20)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bert-containers-") as place, ExitStack() as stack:
        folder = Path(place)
        if asked.base and podman("image", "exists", BASE, check=False).returncode:
            make_base(folder / "base")
        build(folder, [f"--build-option={option}" for option in asked.build_option])
        alone()
        with_keys(folder)
        old = play(stack, folder, "1.0", folder)
        overload(old, asked.seconds)
        deaths(old)
        roll(stack, old, lambda: play(stack, folder, "2.0", folder))
    print(f"{len(failed)} failed" + "".join(f"\n  {each}" for each in failed))
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
