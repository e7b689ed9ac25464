"""Both clients with several servers: who is asked, and what is done when one is gone."""

import socket
from collections import deque
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from itertools import islice

import pytest

from bert_client import BertClient, Invalid, Overloaded, TimedOut, UnknownModel, Unreachable, WrongAddress
from bert_client import hosts as module
from bert_client.hosts import Hosts
from bert_client.retrying import RETRIES
from tests.serving import fake_server

DIED = 500, b'{"code": 500, "type": "InternalServerException", "message": "Worker died."}'
FULL = 503, b'{"error": "late", "error_type": "overloaded"}', {"retry-after": "7"}
BUSY = 503, b'{"error": "late", "error_type": "overloaded"}'
WRONG = 422, b'{"error": "empty text", "error_type": "invalid"}'
STARTING = 404, b'{"code": 404, "type": "ModelNotFoundException", "message": "Model not found: bert"}'


@pytest.fixture
def three(connect, waits):
    """A client with two retries and three servers."""
    with ExitStack() as stack:
        servers = [stack.enter_context(fake_server()) for _ in range(3)]
        client = stack.enter_context(connect([server.url for server in servers], retries=2))
        yield client, servers, waits


def test_requests_one_after_the_other_go_round(three):
    client, servers, _ = three
    for number in range(9):
        assert client.embed(str(number)).tolist() == [[number, 0.5]]
    assert [len(server.seen) for server in servers] == [3, 3, 3]


@pytest.mark.parametrize("answer", [None, DIED, FULL, STARTING])
def test_another_server_is_asked_at_once(three, answer):
    client, servers, waits = three
    client.embed("0")  # so that the model is known to be there
    servers[1].answers[:] = [answer]
    for number in range(6):
        assert client.embed(str(number)).tolist() == [[number, 0.5]]
    assert not any(waits)
    assert len(servers[1].seen) == 1  # it is left alone


def test_a_client_that_is_new_asks_others_when_it_first_meets_one_that_starts(three):
    client, servers, waits = three
    servers[0].answers[:] = [STARTING] * 9
    assert client.embed("1").tolist() == [[1, 0.5]]
    assert [len(server.seen) for server in servers] == [1, 1, 0]
    assert not any(waits)


def test_one_that_is_busy_may_have_the_model_that_another_does_not_have_yet(connect, waits):
    with fake_server() as starting, fake_server() as busy:
        starting.answers[:], busy.answers[:] = [STARTING] * 2, [BUSY]
        with connect([starting.url, busy.url], retries=3) as client:
            assert client.embed("1").tolist() == [[1, 0.5]]
    assert [len(server.seen) for server in (starting, busy)] == [2, 2]
    assert len(list(filter(None, waits))) == 2


def test_a_model_that_no_server_has_is_said_once_each_was_asked(three):
    client, servers, waits = three
    for server in servers:
        server.answers[:] = [STARTING] * 9
    with pytest.raises(UnknownModel):
        client.embed("1")
    assert [len(server.seen) for server in servers] == [1, 1, 1]
    assert not any(waits)


def test_when_all_fail_there_are_waits_and_an_end(three):
    client, servers, waits = three
    for server in servers:
        server.answers[:] = [DIED] * 9
    with pytest.raises(Overloaded):
        client.embed("1")
    assert [len(server.seen) for server in servers] == [1, 1, 1]
    assert not any(waits)
    with pytest.raises(Overloaded):
        client.embed("1")
    assert len(list(filter(None, waits))) == 2


def test_what_is_wrong_is_said_once(three):
    client, servers, _ = three
    servers[0].answers[:] = [WRONG]
    with pytest.raises(Invalid):
        client.embed("1")
    assert [len(server.seen) for server in servers] == [1, 0, 0]


def test_a_server_that_is_not_there(connect, waits):
    with socket.socket() as bound, fake_server() as server:
        bound.bind(("127.0.0.1", 0))  # it does not listen
        with connect([f"http://127.0.0.1:{bound.getsockname()[1]}/", server.url], retries=1) as client:
            assert client.embed("1").tolist() == [[1, 0.5]]
    assert not any(waits)


def test_the_one_with_the_fewest_in_flight_is_asked():
    with fake_server() as slow, fake_server() as quick:
        slow.gate.clear()
        with BertClient([slow.url, quick.url]) as client, ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(client.embed, str(number)) for number in range(40)]
            try:  # the four threads leave no more than four at the slow one
                deque(islice(as_completed(asked, timeout=60), 36), 0)
            finally:
                slow.gate.set()
    assert len(slow.seen) <= 4
    assert len(slow.seen) + len(quick.seen) == 40


def test_a_server_that_failed_is_tried_by_one_request_at_a_time(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    hosts = Hosts(["http://a", "http://b"])
    a, b = hosts.all
    for pause in (1, 2, 4, 8, 10, 10):
        assert hosts.failed(a, Unreachable("lost"))
        assert not a.usable()
        now[0] += pause - 0.01
        assert not a.usable()
        now[0] += 0.01
        assert a.usable()
    with hosts.chosen() as first, hosts.chosen() as second, hosts.chosen() as third:
        assert sorted(host.url for host in (first, second)) == ["http://a", "http://b"]
        assert third is b
    hosts.answered(a)
    assert hosts.failed(b, Overloaded("full", 30))
    now[0] += 29
    assert not b.usable()
    with hosts.chosen() as only:
        assert only is a


def test_what_took_all_its_time_is_late_and_what_was_lost_before_is_not():
    one, two = Hosts("http://a"), Hosts(["http://a", "http://b"])
    assert type(one.unanswered("u", 60, 60.1, connecting=True)) is TimedOut
    assert type(two.unanswered("u", 1, 1.1, connecting=True)) is Unreachable
    assert type(two.unanswered("u", 60, 60.1, connecting=False)) is TimedOut
    assert type(one.unanswered("u", 60, 3.1, connecting=False)) is Unreachable  # the system gave the connection up
    assert (one.connect_seconds(60), two.connect_seconds(60), two.connect_seconds(1)) == (60, 2, 1)


def test_connections_are_looked_after_by_the_system(connect, monkeypatch):
    given = []
    original = socket.socket.setsockopt
    monkeypatch.setattr(socket.socket, "setsockopt", lambda *words: (given.append(words[1:]), original(*words))[1])
    with fake_server() as server, connect(server.url) as client:
        client.embed("1")
    assert (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1) in given


def test_no_address_is_refused(connect):
    for other in (None, b"http://localhost:8080", ["http://localhost:8080", None]):
        with pytest.raises(TypeError, match=r" is no address of a server; it is a str such as "):
            connect(other)
    with pytest.raises(ValueError, match="no address"):
        connect([])
    for other in ("localhost:8080", "", "ftp://localhost"):
        with pytest.raises(ValueError, match=f"'{other}' is no address of a server; it begins with http"):
            connect(other)
    for other in ("http://", "http://localhost:99999", "http://localhost:0", "http://a b:8080", "http://[::1:8080"):
        with pytest.raises(ValueError, match="is no address of a server; it has the form http://HOST:PORT"):
            connect(other)


@pytest.fixture
def unresolved(monkeypatch):
    """Names for which the system says that they are unknown, as it says of `.invalid` (RFC 6761) where it is asked."""
    names, original = {"bert.invalid"}, socket.getaddrinfo

    def getaddrinfo(host, *arguments, **options):
        name = host.decode() if isinstance(host, bytes) else host
        if name in names:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return original("127.0.0.1" if name == "bert.invalid" else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return names


def test_a_name_that_does_not_resolve_is_given_up_after_seconds(connect, waits, unresolved):
    with (
        connect("http://bert.invalid:8080") as client,
        pytest.raises(
            WrongAddress, match=r"http://bert\.invalid:8080/.*Name or service not known; is the address right"
        ),
    ):
        client.embed("1")
    assert waits == [0.1, 0.2, 0.4, 0.8, 1.6]


def test_what_does_not_speak_tls_is_given_up_after_seconds(connect, waits):
    with (
        fake_server() as server,
        connect(server.url.replace("http://", "https://")) as client,
        pytest.raises(WrongAddress, match="SSL"),
    ):
        client.embed("1")
    assert sum(waits) < 4


def test_a_name_that_was_there_before_is_waited_for(connect, waits, unresolved):
    unresolved.clear()
    with fake_server() as server, connect(server.url.replace("127.0.0.1", "bert.invalid")) as client:
        client.embed("1")
        server.answers[:] = [None]  # closes the connection, so that the next one needs the name
        unresolved.add("bert.invalid")
        with pytest.raises(WrongAddress):
            client.embed("2")
    assert len(waits) == RETRIES


def test_a_name_that_does_not_resolve_beside_a_server(connect, waits, unresolved):
    with fake_server() as server, connect(["http://bert.invalid:1", server.url], retries=1) as client:
        assert client.embed("1").tolist() == [[1, 0.5]]
    assert not any(waits)
