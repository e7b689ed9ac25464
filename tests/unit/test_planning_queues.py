"""The simulation against queueing theory's closed formulas, by hand, and what has to hold of any host."""

from collections import Counter
from itertools import repeat
from math import factorial

import numpy as np
import pytest

from scripts.planning import simulation
from scripts.planning.balance import LeastConnections
from scripts.planning.host import Host
from scripts.planning.machine import Machine
from scripts.planning.simulation import simulate
from scripts.planning.traffic import Traffic, make

SERVICE = 0.010  # seconds
ENDLESS = 10**9
BLOCKS = 40
SIZE = 60_000


def host(**settings):
    """Batches of one request and 10 ms each on one core, but for the settings."""
    base = {"cores": 1, "workers": 1, "batch_size": 1, "batch_delay_ms": 0, "queue": ENDLESS, "threads": 1}
    return Host(**{**base, "batch_ms": 0, "request_ms": 1000 * SERVICE, "token_ms": 0, **settings})


def mean(kind, rate):
    """Mean latency, and its standard error from means of blocks."""
    found = simulate(kind, 1, make(rate, SIZE, "40")).latencies[SIZE // 10 :]
    blocks = [block.mean() for block in np.array_split(found, BLOCKS)]
    return found.mean(), np.std(blocks, ddof=1) / np.sqrt(BLOCKS)


def erlang_c(servers, load):
    """Probability of waiting: A. K. Erlang 1917; as in L. Kleinrock, Queueing Systems I, 1975, (3.40)."""
    last = load**servers / factorial(servers) / (1 - load / servers)
    return last / (sum(load**n / factorial(n) for n in range(servers)) + last)


def pollaczek(load):
    """Mean latency of M/D/1: Pollaczek-Khinchine's formula, Kleinrock I, (5.63) with no variance."""
    return SERVICE * (1 + load / (2 * (1 - load)))


def shared(load):
    """Mean latency of M/G/1 with processor sharing: Kleinrock, Queueing Systems II, 1976, (4.17)."""
    return SERVICE / (1 - load)


def markov(servers):
    """Mean latency of M/M/c: Kleinrock I, section 3.5."""
    return lambda load: SERVICE * (1 + erlang_c(servers, load * servers) / (servers * (1 - load)))


QUEUES = {
    "M/D/1": (host(), pollaczek, 1),
    "M/M/1": (host(variation=1), markov(1), 1),
    "M/M/4": (host(variation=1, workers=4, cores=4), markov(4), 4),
    "M/D/1-PS": (host(workers=ENDLESS), shared, 1),
    "M/M/1-PS": (host(workers=ENDLESS, variation=1), shared, 1),
}


@pytest.mark.parametrize("load", [0.3, 0.6, 0.85])
@pytest.mark.parametrize("queue", QUEUES)
def test_mean_latency_is_that_of_theory(queue, load):
    kind, formula, servers = QUEUES[queue]
    found, error = mean(kind, load * servers / SERVICE)
    assert error < 0.1 * found
    assert abs(found - formula(load)) < 4 * error


def test_erlang_c_itself():
    """A worked example: 2 servers, load 1 gives 1/3 (Kleinrock I, (3.40) by hand)."""
    assert erlang_c(2, 1.0) == pytest.approx(1 / 3)


@pytest.mark.parametrize("load", [0.7, 1.5])
def test_refusals_are_those_of_a_queue_with_room_for_so_many(load):
    """M/M/1/K: Kleinrock I, (3.22): (1 - a) a^K / (1 - a^(K + 1)), with K the queue and the one in service."""
    room = 5
    expected = (1 - load) * load**room / (1 - load ** (room + 1))
    found = simulate(host(variation=1, queue=room - 1), 1, make(load / SERVICE, SIZE, "40")).refused
    assert found == pytest.approx(expected, rel=0.1)


def sent(*due):
    return Traffic(np.array(due), np.ones(len(due)), 1.0)


def test_batches_by_hand():
    """Of three at most, 2 ms of waiting, 10 ms and 1 ms per request, one worker."""
    kind = host(batch_size=3, batch_delay_ms=2, batch_ms=10, request_ms=1)
    found = simulate(kind, 1, sent(0.0, 0.001, 0.004, 0.005, 0.006, 0.007))
    ends = found.latencies + sent(0.0, 0.001, 0.004, 0.005, 0.006, 0.007).due
    # the first waits until 2 ms and takes the second along; at 14 ms three wait and leave at once, to 27 ms; the last
    # one waits 2 ms more for others
    assert ends == pytest.approx([0.014, 0.014, 0.027, 0.027, 0.027, 0.040])
    assert found.batches == 3


def test_a_lone_request_has_all_cores_and_several_share_them_by_hand():
    """Two cores, two workers; 1 ms for a batch, 12 ms of its forward, at which all cores are 1.5 times as fast."""
    costs = {"batch_ms": 1, "request_ms": 0, "forward_ms": 4, "token_ms": 8, "speedup": 1.5}
    kind = host(cores=2, workers=2, batch_size=2, threads=0, **costs)
    found = simulate(kind, 1, sent(0.0))
    assert found.latencies == pytest.approx([0.009])
    assert found.batch_seconds == pytest.approx(0.001 + 2 * 0.008)
    # the second comes when the first has had 4 of its 9 ms; it has one thread, 13 ms: (1 + 16) / 9 + 1 threads for two
    # cores, until the first ends
    slow = 2 / (17 / 9 + 1)
    first = 0.004 + 0.005 / slow
    second = first + 0.013 - 0.005
    assert simulate(kind, 1, sent(0.0, 0.004)).latencies == pytest.approx([first, second - 0.004])


def test_a_batch_takes_longer_after_a_rest_by_hand():
    """10 ms each, and up to 6 ms after 12 ms without work."""
    kind = host(cold_ms=6)
    found = simulate(kind, 1, sent(0.0, 0.001, 0.024, 0.060)).latencies
    # at the start it has not rested; the second waits for the first; 4 ms of rest, then 24
    assert found == pytest.approx([0.010, 0.019, 0.012, 0.016])


def test_work_beside_the_workers_slows_them_down():
    """One core, half of which Java has: 50 requests a second with 10 ms each."""
    kind = host(frontend_ms=10, queue=10)
    found = simulate(kind, 1, Traffic(np.array([0.0]), np.ones(1), 50.0)).latencies
    assert found == pytest.approx([0.020])
    beside = host(cores=2, workers=2, other_cores=1, queue=10)
    assert simulate(beside, 1, sent(0.0, 0.0)).latencies == pytest.approx([0.020, 0.020])
    clients = host(client_ms=10, queue=10)
    for here, taken in ((False, 0.010), (True, 0.020)):
        assert simulate(clients, 1, Traffic(np.array([0.0]), np.ones(1), 50.0), clients_here=here).latencies == (
            pytest.approx([taken])
        )


@pytest.mark.parametrize(("workers", "cores", "threads"), [(2, 2, 0), (1, 2, 0), (2, 4, 0), (2, 4, 1), (3, 2, 0)])
def test_what_is_too_much_is_answered_at_the_rate_of_the_capacity(workers, cores, threads):
    kind = host(
        workers=workers, cores=cores, threads=threads, batch_size=16, batch_delay_ms=1, queue=64, batch_ms=1,
        request_ms=0.2, token_ms=0.08, java_batch_ms=0.05, frontend_ms=0.1, client_ms=0.05, speedup=1.6,
    )  # fmt: skip
    most = kind.capacity(0.08 * 40, clients_here=True)
    traffic = make(1.5 * most, 20_000, "40")
    latencies = simulate(kind, 1, traffic, clients_here=True).latencies
    last = np.nanmax(traffic.due + latencies)
    # while this much more is sent, Java and the clients work for what is refused, too
    spent = 0.5 * most * 0.15 / 1000
    assert np.isfinite(latencies).sum() / last == pytest.approx(most, rel=0.02 + spent / cores)


SMALL = {"cores": 2, "workers": 2, "batch_size": 4, "batch_delay_ms": 1, "queue": 6, "threads": 0, "batch_ms": 2}
KINDS = {
    "usual": host(**SMALL, frontend_ms=0.3, token_ms=0.05, speedup=1.6, variation=0.2),
    "one worker": host(**{**SMALL, "workers": 1}, token_ms=0.05),
    "no batches": host(**{**SMALL, "batch_size": 1}, token_ms=0.05),
    "no queue": host(**{**SMALL, "queue": 0}, token_ms=0.05),
    "many cores": host(**{**SMALL, "cores": 16, "workers": 8}, token_ms=0.2, speedup=6, variation=1),
}


@pytest.mark.parametrize("load", [0.5, 3.0])
@pytest.mark.parametrize("hosts", [1, 7])
@pytest.mark.parametrize("kind", KINDS)
def test_every_request_is_answered_or_refused_once(kind, hosts, load, monkeypatch):
    seen, refused = Counter(), Counter()
    look, arrive = Machine.look, Machine.arrive

    def looked(self, now):
        batch = look(self, now)
        assert len(batch) <= KINDS[kind].batch_size
        seen.update(batch)
        return batch

    def arrived(self, request, now):
        taken = arrive(self, request, now)
        refused.update([] if taken else [request])
        return taken

    monkeypatch.setattr(simulation.Machine, "look", looked)
    monkeypatch.setattr(simulation.Machine, "arrive", arrived)
    rate = load * hosts * KINDS[kind].capacity(1.0)
    found = simulate(KINDS[kind], hosts, make(rate, 5000, "mixed"))
    assert seen + refused == Counter(range(5000))
    assert np.flatnonzero(np.isnan(found.latencies)).tolist() == sorted(refused)
    assert np.nanmin(found.latencies) > 0
    assert load < 1 or len(refused) > 500


def test_more_load_is_never_faster_and_more_hosts_are_never_slower():
    kind = KINDS["usual"]
    capacity = kind.capacity(1.4)
    by_load = [np.nanmean(simulate(kind, 1, make(share * capacity, 20_000, "mixed")).latencies)
               for share in (0.1, 0.3, 0.5, 0.7, 0.9)]  # fmt: skip
    assert by_load == sorted(by_load)
    by_hosts = [np.nanmean(simulate(kind, hosts, make(1.8 * capacity, 20_000, "mixed")).latencies)
                for hosts in (2, 3, 5, 9)]  # fmt: skip
    assert by_hosts == sorted(by_hosts, reverse=True)


def test_equal_seeds_make_equal_outcomes():
    first, second, other = (
        simulate(KINDS["usual"], 3, make(300, 2000, "mixed", seed), seed).latencies for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_the_least_busy_host_is_chosen():
    balancer = LeastConnections(3)
    assert [balancer.choose() for _ in range(7)] == [0, 1, 2, 0, 1, 2, 0]
    balancer.release(1)
    balancer.release(1)
    assert [balancer.choose() for _ in range(3)] == [1, 1, 2]  # 2 has had its two requests for longer than 1 has
    assert balancer.held == [3, 2, 3]


def test_a_machine_without_requests_has_nothing_to_do():
    machine = Machine(host(), [], 0.0, repeat(1.0))
    assert machine.soonest == float("inf")
