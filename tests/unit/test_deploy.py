"""Images and manifests, as far as they can be checked without running them; tests/containers runs them."""

import hashlib
import re
import socketserver
import subprocess
import threading

import pytest
import typer
import yaml

from scripts.cli import app
from scripts.console import Failure
from scripts.deploy import image, kubernetes, resources, templates
from scripts.deploy.archive import Archive
from scripts.deploy.kubernetes import Settings
from scripts.paths import CONFIG, ROOT
from scripts.server import agent, preflight
from tests.unit.test_alerts import TOOL, promtool

ADAPTER = templates.FOLDER / "prometheus-adapter.yaml"
CONTAINERFILE = (ROOT / "Containerfile").read_text()


@pytest.fixture
def archive(tmp_path):
    file = tmp_path / "My_Model.mar"
    file.write_bytes(b"weights")
    return Archive(file, "My_Model", "1.0+cpu", 90 << 20, "auto")


def made(archive, kind, **options):
    """An object that is printed."""
    settings = Settings(archive=archive, image="x", **({"insecure": True} | options))
    return next(each for each in kubernetes.manifests(settings) if each["kind"] == kind)


def server(deployment):
    return deployment["spec"]["template"]["spec"]["containers"][0]


def test_names_are_what_registries_and_kubernetes_take(archive):
    assert (archive.label, archive.tag) == ("my-model", "my-model:1.0-cpu")
    with pytest.raises(Failure, match="makes no name"):
        Archive(archive.file, "42", "1", 1, "auto").label  # noqa: B018


def test_every_printout_is_valid_in_two_versions_of_kubernetes(tmp_path):
    validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is missing: scripts/setup dev")
    from tests.containers import schemas

    settings = list(schemas.all_settings(schemas.archive(tmp_path)))
    assert len(settings) == 48
    for version in schemas.VERSIONS:
        assert [schemas.check_own(kubernetes.manifests(each), version) for each in settings] == [5] * len(settings)
    broken = made(schemas.archive(tmp_path), "Deployment")
    server(broken)["readinessprobe"] = {}
    with pytest.raises(validate.ValidationError):
        schemas.check_own([broken], schemas.VERSIONS[0])


def test_a_value_cannot_add_to_a_manifest():
    assert templates.fill({"a": ["$x", "b-$x"], "n": 3}, {"x": "}: [\n"}) == {"a": ["}: [\n", "b-}: [\n"], "n": 3}
    assert templates.fill("$x", {"x": 2}) == 2
    with pytest.raises(KeyError):
        templates.fill("$y", {"x": 2})


def test_overlays_add_keys_and_items_and_change_those_of_the_same_name():
    base = {"list": [{"name": "a", "args": [1]}, {"name": "b"}], "kept": 1}
    over = {"list": [{"name": "a", "args": [2], "new": 3}, {"name": "c"}]}
    both = [{"name": "a", "args": [1, 2], "new": 3}, {"name": "b"}, {"name": "c"}]
    assert templates.merge(base, over) == {"list": both, "kept": 1}
    assert base["list"][0] == {"name": "a", "args": [1]}


def test_time_for_the_drain(archive):
    deployment = made(archive, "Deployment", drain=30)
    args = server(deployment)["args"]
    pause = int(server(deployment)["lifecycle"]["preStop"]["exec"]["command"][1])
    grace = deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert args[args.index("--drain") + 1] == "30"
    assert grace >= pause + 30 + kubernetes.END_SECONDS
    startup = server(deployment)["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] > float(args[args.index("--timeout") + 1])


def test_where_the_archive_comes_from(archive):
    assert "initContainers" not in made(archive, "Deployment")["spec"]["template"]["spec"]
    url = "https://models.example.com/a.mar?x=$y"
    pod = made(archive, "Deployment", pull=url)["spec"]["template"]["spec"]
    digest = hashlib.sha256(b"weights").hexdigest()
    assert pod["initContainers"][0]["command"][3:] == [url, digest, "/models/My_Model.mar"]
    assert made(archive, "NetworkPolicy", pull=url)["spec"]["egress"] == [{}]
    assert made(archive, "NetworkPolicy")["spec"]["egress"] == []
    volumes = made(archive, "Deployment", volume="claim")["spec"]["template"]["spec"]["volumes"]
    assert volumes[-1]["persistentVolumeClaim"] == {"claimName": "claim", "readOnly": True}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"insecure": False}, "anybody could ask"),
        ({"keys_secret": "k"}, "are both given"),
        ({"volume": "v", "pull": "u"}, "--pull u: the archive is on the volume v"),
        ({"replicas": (3, 2)}, "--replicas 3 is above --most 2"),
        ({"storage": "pvc://m"}, "--storage-uri pvc://m: only KServe"),
        ({"wait_ms": 70}, "--wait-ms 70: only --scale-on queue"),
    ],
)
def test_what_clashes_is_refused(archive, options, words):
    with pytest.raises(Failure, match=re.escape(words)):
        made(archive, "Deployment", **options)


def test_kserve_has_the_container_of_the_deployment(archive):
    settings = Settings(archive=archive, image="x", insecure=True, gpu=True, storage="s3://bucket/folder")
    runtime, service, *_ = kubernetes.kserve(settings)
    container = runtime["spec"]["containers"][0]
    plain = server(made(archive, "Deployment", gpu=True))
    assert {key for key in container if container[key] != plain.get(key)} == {"name", "ports", "env"}
    assert service["spec"]["predictor"]["model"]["storageUri"] == "s3://bucket/folder"
    assert service["spec"]["predictor"]["terminationGracePeriodSeconds"] == 40
    for option, words in (
        ({"volume": "v"}, "KServe fetches archives"),
        ({"scale_on": "queue"}, "on processors"),
        ({"monitor": True}, "--monitor: KServe's Service has no port of metrics"),
        ({"wait_ms": 70}, "--wait-ms 70: only --scale-on queue"),
    ):
        with pytest.raises(Failure, match=words):
            kubernetes.kserve(Settings(archive=archive, image="x", insecure=True, **option))


@pytest.mark.parametrize(
    ("storage", "egress"), [(None, []), ("pvc://models", []), ("s3://bucket/folder", [{}])], ids=["no", "claim", "s3"]
)
def test_kserves_pods_are_protected_as_the_deployments_are(archive, storage, egress):
    """By the labels that KServe gives a predictor's pods, and by numbers of ports, of which it has no names."""
    settings = Settings(archive=archive, image="x", insecure=True, namespaces=("ingress",), storage=storage)
    *_, disruption, network = kubernetes.kserve(settings)
    assert (disruption["kind"], network["kind"]) == ("PodDisruptionBudget", "NetworkPolicy")
    pods = {"matchLabels": {"serving.kserve.io/inferenceservice": "my-model", "component": "predictor"}}
    assert disruption["spec"]["selector"] == network["spec"]["podSelector"] == pods
    plain = made(archive, "NetworkPolicy", namespaces=("ingress",))["spec"]["ingress"]
    ours = network["spec"]["ingress"]
    assert [rule["from"] for rule in ours] == [rule["from"] for rule in plain]
    assert [rule["ports"] for rule in ours] == [[{"port": 8080}], [{"port": 8082}], [{"port": 8080}]]
    assert network["spec"]["egress"] == egress


@pytest.mark.parametrize(("cpus", "gpu", "workers"), [(2, False, 2), (8, False, 8), (32, False, 8), (16, True, 2)])
def test_memory_is_that_of_the_workers_that_start(archive, cpus, gpu, workers):
    assert (resources.MOST_WORKERS, resources.WORKERS_PER_GPU) == (preflight.MOST_WORKERS, preflight.WORKERS_PER_GPU)
    asked = server(made(archive, "Deployment", cpus=cpus, gpu=gpu))["resources"]["requests"]
    assert asked["memory"] == f"{resources.memory(archive.bytes, workers)}Mi"
    assert asked["cpu"] == str(cpus)


def test_the_adapter_makes_the_metric_that_the_autoscaler_asks_for(archive):
    rule = yaml.safe_load(ADAPTER.read_text())["rules"]["custom"][0]
    metric = made(archive, "HorizontalPodAutoscaler", scale_on="queue")["spec"]["metrics"][0]["pods"]
    assert metric == {"metric": {"name": rule["name"]["as"]}, "target": {"type": "AverageValue", "averageValue": "50m"}}
    declared = (CONFIG / "metrics.yaml").read_text()
    names = {f"name: {name}" for name in re.findall(r"\b(?:bert|ts)_\w+", rule["metricsQuery"] + rule["seriesQuery"])}
    assert len(names) == 2
    assert [name for name in names if not re.search(rf"{name}\b", declared)] == []


@TOOL
def test_the_adapters_query_is_the_mean_wait(tmp_path):
    """100 requests a minute that waited 200 ms each, in one of two pods; nobody asks the other."""
    query = yaml.safe_load(ADAPTER.read_text())["rules"]["custom"][0]["metricsQuery"]
    query = query.replace("<<.GroupBy>>", "pod").replace("<<.LabelMatchers>>", 'namespace="n"')
    series = [
        {"series": 'ts_queue_latency_microseconds{namespace="n",pod="a",model_name="m"}', "values": "0+5000000x20"},
        {"series": 'bert_requests{namespace="n",pod="a",ModelName="m"}', "values": "0+25x20"},
        {"series": 'ts_queue_latency_microseconds{namespace="n",pod="b",model_name="m"}', "values": "7x20"},
        {"series": 'bert_requests{namespace="n",pod="b",ModelName="m"}', "values": "7x20"},
    ]
    found = [{"labels": '{pod="a"}', "value": 0.2}, {"labels": '{pod="b"}', "value": 0}]
    case = {"expr": f"round({query}, 0.001)", "eval_time": "4m", "exp_samples": found}
    test = {"interval": "15s", "input_series": series, "promql_expr_test": [case]}
    (tmp_path / "test.yaml").write_text(yaml.safe_dump({"rule_files": [], "tests": [test]}))
    passed = promtool("test", "rules", tmp_path / "test.yaml")
    assert passed.returncode == 0, passed.stdout + passed.stderr


@pytest.mark.parametrize("word", ["ready up 100%", "drain", "down", None])
def test_health_reads_what_the_agent_says(word):
    class Line(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.sendall(f"{word}\n".encode())

    with socketserver.TCPServer(("127.0.0.1", 0), Line) as listener:
        port = listener.server_address[1] - agent.OFFSET
        if word is None:
            listener.server_close()
        else:
            threading.Thread(target=listener.serve_forever, daemon=True).start()

        def asked(kind):
            command = [ROOT / "scripts" / "health", kind]
            environment = {"BERT_INFERENCE_PORT": str(port), "PATH": "/usr/bin:/bin"}
            return subprocess.run(command, env=environment, capture_output=True, timeout=30).returncode == 0

        first = (word or "none").split()[0]
        assert (asked("ready"), asked("alive")) == (first == "ready", first in ("ready", "drain"))
        if word is not None:
            listener.shutdown()


def test_health_says_what_it_is_asked_for():
    for words in ((), ("--help",)):
        ran = subprocess.run([ROOT / "scripts" / "health", *words], capture_output=True, text=True, timeout=30)
        assert (ran.returncode, ran.stderr.partition(";")[0]) == (2, "usage: scripts/health ready|alive")
    nobody = {"BERT_INFERENCE_PORT": "1", "PATH": "/usr/bin:/bin"}
    ran = subprocess.run([ROOT / "scripts" / "health", "ready"], env=nobody, capture_output=True, text=True, timeout=30)
    assert ran.stderr == "no server with inference port 1; BERT_INFERENCE_PORT names another\n"


WITHOUT = """
import sys
from importlib.machinery import PathFinder
found = PathFinder.find_spec
hidden = {}
PathFinder.find_spec = lambda name, *rest: None if name.partition(".")[0] in hidden else found(name, *rest)
import scripts.cli, scripts.server.supervise, handler.bert_handler, handler.explanation, ts.model_service_worker
import handler.runtimes.native, handler.runtimes.onnx, handler.runtimes.packed, handler.runtimes.torchscript
try:
    import handler.runtimes.eager
except ModuleNotFoundError as error:
    print(error.name)
"""
"""What a server imports, where these packages are not."""


def test_an_image_leaves_out_what_is_pinned_and_only_packs():
    (left_out,) = re.findall(r'^ARG LEFT_OUT="(.*)"$', CONTAINERFILE, re.MULTILINE)
    assert tuple(left_out.split()) == image.LEFT_OUT
    pinned = {line.partition("==")[0] for line in (ROOT / "requirements.txt").read_text().splitlines()}
    assert set(image.LEFT_OUT) < pinned
    modules = {name.replace("torch-model-archiver", "model_archiver").replace("-", "_") for name in image.LEFT_OUT}
    code = WITHOUT.replace("hidden = {}", f"hidden = {modules}")
    python = [ROOT / ".venv" / "bin" / "python", "-c", code]
    needed = subprocess.run(python, cwd=ROOT, capture_output=True, text=True)
    assert (needed.returncode, needed.stdout) == (0, "transformers\n"), needed.stderr


def test_the_copied_is_there_and_in_the_context(archive, tmp_path):
    copied = {name for line in re.findall(r"^COPY (?!--from)(.*) \S+$", CONTAINERFILE, re.M) for name in line.split()}
    context = image.stage(tmp_path / "context", archive)
    assert all((context / name).exists() for name in copied - {"${ARCHIVE}"})
    assert (context / "My_Model.mar").read_bytes() == b"weights"
    assert not list(context.rglob("__pycache__"))
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {f"!{name.split('/')[0]}" for name in copied - {"${ARCHIVE}"}} <= set(ignored)


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """A podman that writes down what it is asked."""
    folder = tmp_path / "path"
    folder.mkdir()
    program = folder / "podman"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\nexit "$(cat {tmp_path}/status)"\n')
    program.chmod(0o755)
    (tmp_path / "status").write_text("0")
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return tmp_path


def test_what_the_engine_is_asked(engine, archive):
    image.build(image.find_engine("podman"), archive, "a:1", True, ["--network=host"])
    asked = (engine / "asked").read_text()
    assert "--tag a:1 --target model" in asked
    assert "--build-arg BERT_TORCH=cuda --build-arg ARCHIVE=My_Model.mar --network=host" in asked
    image.build("podman", Archive(archive.file, "a", "1", 1, "eager"), "a:1", False, [])
    assert "LEFT_OUT=ziglang onnx torch-model-archiver google-crc32c " in (engine / "asked").read_text()
    assert "transformers" not in (engine / "asked").read_text()
    image.build("podman", None, "b", False, [])
    assert "--target server" in (engine / "asked").read_text()
    (engine / "status").write_text("3")
    with pytest.raises(Failure, match="podman could not build b") as failure:
        image.build("podman", None, "b", False, [])
    advised = re.search(r"--[a-z-]+", failure.value.fix)[0]
    assert advised in {name for option in typer.main.get_command(app).commands["image"].params for name in option.opts}


def test_an_engine_that_is_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Failure, match=r"podman, buildah, docker are not on the path"):
        image.find_engine(None)
    with pytest.raises(Failure, match=r"docker is not on the path"):
        image.find_engine("docker")
