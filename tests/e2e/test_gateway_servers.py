"""Servers that are started beside the one behind a gateway."""

from __future__ import annotations

import json

import requests

from tests.e2e.conftest import Cli, free_port
from tests.gateway import needs_haproxy

pytestmark = needs_haproxy


def test_a_server_started_beside_another_comes_behind_its_gateway_when_it_is_asked_for(cli: Cli):
    own, port = cli.port, str(cli.port + 12)
    cli("start", "tiny", "--workers", "1")
    cli("gateway", "--port", port, "--metrics-port", str(own + 13))
    other = free_port()
    url = f"http://127.0.0.1:{port}"

    def behind() -> list[str]:
        (found,) = [each for each in json.loads(cli("status", "--json").stdout) if each.get("gateway") == url]
        return found["servers"]

    try:
        cli("start", "tiny", "--workers", "1", "--inference-port", str(other))
        cli("scale", "tiny", "2", "--inference-port", str(own))
        cli("scale", "tiny", "2", "--inference-port", str(other))
        assert behind() == [f"127.0.0.1:{own}"]
        cli("gateway", "reload", "--port", port)
        assert sorted(behind()) == sorted(f"127.0.0.1:{each}" for each in (own, other))
        cli("stop", "--inference-port", str(own))
        assert requests.post(f"{url}/embed", json={"inputs": "Hello"}, timeout=60).status_code == 200
    finally:
        cli("gateway", "stop", "--port", port)
        cli("stop", "--inference-port", str(other))
