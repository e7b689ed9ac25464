"""What clusters take for names, images and addresses: what they would refuse is refused before it is printed."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from scripts.console import Failure

LABEL = "[a-z0-9]([a-z0-9-]*[a-z0-9])?"
SUBDOMAIN = rf"{LABEL}(\.{LABEL})*"
LONGEST_LABEL, LONGEST_SUBDOMAIN = 63, 253
"""Letters; RFC 1123, as Kubernetes' `validation.go` has it."""
HOST_LABEL = "[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?"
HOST = rf"(\[[0-9a-fA-F:]+\]|{HOST_LABEL}(\.{HOST_LABEL})*)(:[0-9]+)?"
PART = r"[a-z0-9]+((\.|__?|-+)[a-z0-9]+)*"
IMAGE = re.compile(
    rf"(?P<name>({HOST}/)?{PART}(/{PART})*)(:\w[\w.-]{{0,127}})?(@[A-Za-z][A-Za-z0-9+._-]*:[0-9a-fA-F]{{32,}})?",
    re.ASCII,
)
"""The grammar of https://github.com/distribution/reference."""
LONGEST_IMAGE = 255
CLAIM = "pvc://"
FETCHED = ("gs://", "s3://", CLAIM, "https://", "http://", "hdfs://", "webhdfs://", "oci://", "hf://")
"""KServe's `SupportedStorageURIPrefixList`, without its `file://`, which is in no pod."""

Rule = Callable[[str], str]
"""How a value has to be; empty where it is so."""


def check(flag: str, value: str | None, rule: Rule) -> None:
    """Refuse the value of an option.

    Raises:
        Failure: it is not as the rule has it.
    """
    if value is not None and (wanted := rule(value)):
        raise Failure(f"no cluster takes {flag} {value!r}", fix=wanted)


def label(value: str) -> str:
    """Of a namespace."""
    if re.fullmatch(LABEL, value) and len(value) <= LONGEST_LABEL:
        return ""
    return f"a namespace has at most {LONGEST_LABEL} of a-z, 0-9 and -, and one of a-z and 0-9 at both ends (RFC 1123)"


def subdomain(value: str) -> str:
    """Of a Secret or a PersistentVolumeClaim."""
    if re.fullmatch(SUBDOMAIN, value) and len(value) <= LONGEST_SUBDOMAIN:
        return ""
    return (
        f"its name has at most {LONGEST_SUBDOMAIN} of a-z, 0-9, - and ., and one of a-z and 0-9 at both ends and "
        "beside each . (RFC 1123)"
    )


def image(value: str) -> str:
    """Of a container."""
    found = IMAGE.fullmatch(value)
    if found and len(found["name"]) <= LONGEST_IMAGE:
        return ""
    return (
        "an image is [HOST[:PORT]/]NAME[:TAG][@DIGEST]; NAME has a-z, 0-9, and / . _ - between them, TAG at most 128 "
        f"of A-Z, a-z, 0-9, _ . -, and all before TAG at most {LONGEST_IMAGE} letters"
    )


def address(value: str) -> str:
    """Of what is fetched by HTTP."""
    try:
        parts = urlsplit(value)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number of 16 bits, half of a pair of brackets
        sound = False
    return "" if sound and printed(value) else "give https://HOST/NAME.mar; a space in it is written %20"


def storage(value: str) -> str:
    """Of what KServe fetches."""
    if not printed(value) or not value.startswith(FETCHED) or value in FETCHED:
        return f"KServe fetches what begins with {', '.join(FETCHED)}; a space in it is written %20"
    return subdomain(value.removeprefix(CLAIM).partition("/")[0]) if value.startswith(CLAIM) else ""


def printed(value: str) -> bool:
    """Whether its letters are those of addresses (RFC 3986): printed ASCII without the space."""
    return all("!" <= letter <= "~" for letter in value)
