"""Names, images and addresses that clusters refuse, and those that they take."""

import re
from dataclasses import replace

import pytest

from scripts.console import Failure
from scripts.deploy import kubernetes, names
from scripts.deploy.archive import Archive
from scripts.deploy.kubernetes import Settings


@pytest.fixture
def settings(tmp_path):
    file = tmp_path / "bert.mar"
    file.write_bytes(b"weights")
    return Settings(archive=Archive(file, "bert", "1.0", 1, "auto"), image="bert:1.0", insecure=True)


@pytest.mark.parametrize(
    ("flag", "given"),
    [
        ("--keys-secret", {"insecure": False, "keys_secret": "Bad Name"}),
        ("--volume", {"volume": "A_b"}),
        ("--from-namespace", {"namespaces": ("ingress", "Bad_NS")}),
        ("--image", {"image": "REG/Foo:1 2"}),
        ("--pull", {"pull": "http://"}),
        ("--pull", {"pull": "http://h/a b.mar"}),
        ("--pull", {"pull": "models.example.com/a.mar"}),
    ],
)
def test_what_a_cluster_refuses_is_not_printed(settings, flag, given):
    with pytest.raises(Failure, match=f"no cluster takes {flag} '") as failure:
        kubernetes.manifests(replace(settings, **given))
    assert failure.value.fix


@pytest.mark.parametrize("uri", ["nonsense", "s3://", "ftp://h/a", "pvc://A_b/models", "file:///models", "s3://b/a b"])
def test_kserve_is_told_where_it_can_fetch(settings, uri):
    with pytest.raises(Failure, match=re.escape(f"no cluster takes --storage-uri {uri!r}")):
        kubernetes.kserve(replace(settings, storage=uri))


@pytest.mark.parametrize(
    ("rule", "taken", "refused"),
    [
        (names.label, ["a", "istio-system", "1", "a" * 63], ["", "-a", "a-", "a.b", "a" * 64, "a\n", "é"]),
        (names.subdomain, ["a", "a.b-c.1", "a" * 253], ["", ".a", "a.", "a..b", "a.-b", "a_b", "a" * 254, "a\n"]),
        (
            names.image,
            [
                "bert",
                "bert:1.0",
                "registry.example.com/bert:1.0",
                "REG/foo:A",
                "localhost:5000/a/b__c---d.e_f",
                "[2001:db8::1]:5000/a",
                "a@sha256:" + "0" * 64,
                "a:b@sha256:" + "0" * 64,
                "a:" + "b" * 128,
                "a" * 255,
            ],
            [
                "",
                "Foo",
                "a:",
                "a:-b",
                "a/",
                "/a",
                "a//b",
                "a___b",
                "a@sha256:0",
                "a:" + "b" * 129,
                "a" * 256,
                "a\n",
                "a:é",
            ],
        ),
        (
            names.address,
            ["http://h", "HTTPS://h:8443/a.mar?x=$y", "http://[::1]/a"],
            [
                "",
                "https:///a",
                "http://h:0/a",
                "http://h:x/a",
                "http://[::1/a",
                "ftp://h/a",
                "http://h/é",
                "http://h/\n",
            ],
        ),
        (
            names.storage,
            ["s3://bucket/folder", "pvc://claim", "pvc://a.b/c_D", "hf://Org/Model"],
            ["", "S3://a", "pvc://"],
        ),
    ],
)
def test_rules(rule, taken, refused):
    assert [value for value in taken if rule(value)] == []
    assert [value for value in refused if not rule(value)] == []
