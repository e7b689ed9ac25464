"""The management API's port: whose a connection is, what is passed on, and what is refused."""

import json
import os
import socket
import socketserver
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler
from typing import ClassVar

import pytest
import requests

from scripts.server import management_port, state

MANAGEMENT_KEY = "m" * 24
KNOWN = {"pid": 0, "created": 0.0, "host": "127.0.0.1", "inference_port": 1, "management_port": 2, "metrics_port": 3}
KNOWN |= {"grpc_port": 4, "models": ["bert"], "store": "s"}


class Behind(BaseHTTPRequestHandler):
    """Says what it was asked, as TorchServe's management API would."""

    seen: ClassVar[list[str]] = []

    def address_string(self):
        return "socket"

    def do_GET(self):
        self.seen.append(self.path)
        body = json.dumps([self.command, self.path, self.headers.get("authorization")]).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_PUT = do_GET

    def log_message(self, *_):
        pass


@pytest.fixture
def behind():
    """Addresses that get behind the relay."""
    Behind.seen.clear()
    return Behind.seen


@pytest.fixture
def port(tmp_path):
    """A relay of the management API, with something behind it."""
    if not management_port.TABLE.exists():
        pytest.skip("only Linux says whose a connection is")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    file = tmp_path / "keys"
    file.write_text(f"ada:{'a' * 24}\nmanagement:{MANAGEMENT_KEY}\n")
    known = {**KNOWN, "management_port": free, "folder": str(tmp_path), "temporary": str(tmp_path)}
    server = state.Server(**known, key_list=str(file))
    with socketserver.ThreadingUnixStreamServer(str(server.management_socket), Behind) as behind:
        threading.Thread(target=behind.serve_forever, daemon=True).start()
        listener = management_port.serve(server)
        yield free
        listener.shutdown()
        listener.server_close()
        behind.shutdown()


def test_the_management_port_passes_on_what_does_not_load_models(port):
    address = f"http://127.0.0.1:{port}/models"
    with requests.Session() as session:
        session.trust_env = False
        got = session.get(f"{address}/bert?customized=true", headers={"authorization": f"Bearer {MANAGEMENT_KEY}"})
        assert got.json() == ["GET", "/models/bert?customized=true", None]  # the key is none of TorchServe's
        assert session.put(f"{address}/bert?min_worker=2").json()[:2] == ["PUT", "/models/bert?min_worker=2"]
        for refused in (session.post(address, data="url=a"), session.delete(f"{address}/bert")):
            assert refused.status_code == 405
            assert "scripts/bert start" in refused.json()["message"]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        ("", 403),
        (f"Bearer {'a' * 24}", 403),  # who may ask the model may not scale it
        (f"Bearer {MANAGEMENT_KEY[:-1]}", 403),
        (MANAGEMENT_KEY, 403),
        (f"Bearer {MANAGEMENT_KEY}", 200),
        (f"bearer  {MANAGEMENT_KEY}", 200),
    ],
)
def test_the_management_port_is_closed_to_other_users_without_its_key(port, authorization, status):
    asked = f"GET /models HTTP/1.1\r\nauthorization: {authorization}\r\n\r\n"
    code = (
        "import os, socket; os.setuid(65534); asking = socket.socket()\n"
        f"asking.connect(('127.0.0.1', {port})); asking.sendall({asked.encode()!r})\n"
        "print(asking.recv(1000).split()[1].decode())"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == f"{status}\n"


OTHER_USER = "import encodings.idna, os, socket, sys; os.setuid(65534); port = int(sys.argv[1])\n"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
def test_a_connection_from_another_address_is_not_that_of_the_same_port(port):
    code = (
        "first = socket.create_connection(('127.0.0.1', port)); own = first.getsockname()[1]; first.close()\n"
        "asking = socket.socket(); asking.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"
        "asking.bind(('127.0.0.2', own)); asking.connect(('127.0.0.1', port))\n"
        "asking.sendall(b'GET /models HTTP/1.1\\r\\n\\r\\n'); print(asking.recv(1000).split()[1].decode())"
    )
    asked = subprocess.check_output([sys.executable, "-c", OTHER_USER + code, str(port)], text=True)
    assert asked == "403\n"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
def test_who_has_closed_a_connection_is_nobody(port, behind, capfd):
    code = (
        "for _ in range(50):\n"
        "    asking = socket.create_connection(('127.0.0.1', port))\n"
        "    asking.sendall(b'PUT /models/bert?max_worker=0 HTTP/1.1\\r\\n\\r\\n'); asking.close()"
    )
    subprocess.run([sys.executable, "-c", OTHER_USER + code, str(port)], check=True)
    with requests.Session() as session:
        session.trust_env = False
        assert session.get(f"http://127.0.0.1:{port}/models").status_code == 200
    assert behind == ["/models"]
    assert capfd.readouterr().err == ""  # each would be a traceback in a log of the server


@pytest.mark.parametrize("method", ["HEAD", "PATCH"])
def test_what_management_does_not_know_is_said_as_it_says_things(port, method):
    with requests.Session() as session:
        session.trust_env = False
        assert session.request(method, f"http://127.0.0.1:{port}/models").status_code == 405


def test_addresses_of_management_are_printable(port):
    with socket.create_connection(("127.0.0.1", port)) as asking:
        asking.sendall("GET /models/b\u00e9 HTTP/1.1\r\n\r\n".encode())
        assert asking.recv(1000).split()[1] == b"400"


@pytest.mark.parametrize(("error", "told"), [(BrokenPipeError, False), (ConnectionResetError, False), (KeyError, True)])
def test_a_fault_of_ours_is_told_and_a_client_that_left_is_not(port, capfd, error, told):
    with management_port.Listener(("127.0.0.1", 0), management_port.Relay) as listener:
        try:
            raise error
        except error:
            listener.handle_error(None, ("127.0.0.1", port))
    assert (error.__name__ in capfd.readouterr().err) == told
